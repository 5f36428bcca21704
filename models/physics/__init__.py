"""Continuum and model physics of first-order transitions: Landau free energies, layers, nucleation, two energies.

Pure functions of numbers in SI units; calculations from first principles are in `models.evaluators`.
"""
