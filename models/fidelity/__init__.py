"""Several fidelities of one quantity: a model of the one that counts, and campaigns that choose which to pay for."""

from models.fidelity.fused import Fused, fit, load, save

__all__ = ["Fused", "fit", "load", "save"]
