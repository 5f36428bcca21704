"""What answers a proposal: recorded tables and calculations, behind one protocol.

`states` says which states a calculation may have and how they follow each other, `campaign` makes the rows of the
design tables, `rounds` does so for all problems at once, and each back end is a module (`recorded`). Deciding what to
evaluate belongs to `models.design`.
"""

from models.evaluators.protocol import Evaluator, Handle, Observation
from models.evaluators.recorded import RecordedTable
from models.evaluators.states import State

__all__ = ["Evaluator", "Handle", "Observation", "RecordedTable", "State"]
