"""Measures of balance, coverage, leakage and redundancy of a data set."""
