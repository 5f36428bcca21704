"""Acquisition functions, proposals and simulated campaigns over finite tables."""
