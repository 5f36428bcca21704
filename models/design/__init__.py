"""Deciding what to evaluate next over mixed variables: candidates, initial designs, acquisition, closed loops.

Surrogates are in `models.lvgp`, evaluation in `models.evaluators`; problems are declared in `schemas.problem`.
"""

from models.design.candidates import candidates
from models.design.doe import initial
from models.design.proposal import STRATEGIES, Known, propose
from models.design.simulation import simulate, summarise

__all__ = ["STRATEGIES", "Known", "candidates", "initial", "propose", "simulate", "summarise"]
