"""Seeded faults: defects done to real tables, and harmless changes, with what the checks say of each.

A defect is added as a function in `scales`, `texts`, `rows` or `columns`, a harmless change in `harmless`.
"""

from dagster_project.quality.faults.register import FAULTS, Fault
from dagster_project.quality.faults.suite import Outcome, run, summary

__all__ = ["FAULTS", "Fault", "Outcome", "run", "summary"]
