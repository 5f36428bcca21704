"""What is wanted, as numbers: signs of objectives, limits of outcomes, the worst point of interest.

Goals are declared in `schemas.problem`; here are their short forms in text, too.
"""

import re
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from schemas.arrays import Bools, Floats
from schemas.errors import InputError
from schemas.problem import Limit, Objective


def objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from ``max:gap,min:stability``.

    Raises:
        InputError: any other form, or a name given twice.
    """
    found: list[Objective] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(max|min)\s*:\s*(\S+)\s*", part)
        if not match:
            raise InputError.of(f"objective {part.strip()!r}", "--objectives", "write max:NAME or min:NAME")
        if match.group(2) in {o.name for o in found}:
            raise InputError.of(f"objective {match.group(2)} twice", "--objectives", "leave one out")
        found.append(Objective(name=match.group(2), direction=match.group(1)))  # type: ignore[arg-type, call-arg]
    return tuple(found)


def limits(text: str) -> tuple[Limit, ...]:
    """Limits from ``stability<=0.1,bulk>=100``; none from an empty text.

    Raises:
        InputError: any other form, or limits that contradict each other.
    """
    found: dict[str, dict[str, float]] = {}
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"\s*([^<>=\s]+)\s*(<=|>=)\s*(-?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*", part)
        if not match:
            raise InputError.of(f"limit {part.strip()!r}", "--limits", "write NAME<=NUMBER or NAME>=NUMBER")
        side = "high" if match.group(2) == "<=" else "low"
        found.setdefault(match.group(1), {})[side] = float(match.group(3))
    for name, bounds in found.items():
        if bounds.get("low", -np.inf) > bounds.get("high", np.inf):
            raise InputError.of(f"no {name} is above its low and below its high limit", "--limits", "turn them")
    return tuple(Limit(name=name, low=b.get("low"), high=b.get("high")) for name, b in found.items())


def signs(wanted: Sequence[Objective]) -> Floats:
    """+1 for objectives to be made large, -1 for small ones, k."""
    return np.array([1.0 if o.direction == "max" else -1.0 for o in wanted])


def reference_point(values: Floats, wanted: Sequence[Objective]) -> Floats:
    """The worst point of interest in turned signs: as declared, else a tenth of the range below the worst seen, k."""
    low, high = values.min(axis=0), values.max(axis=0)
    fallback = low - 0.1 * np.where(high > low, high - low, 1.0)
    given = [None if o.reference is None else s * o.reference for o, s in zip(wanted, signs(wanted), strict=True)]
    return np.array([f if g is None else g for f, g in zip(fallback, given, strict=True)])


def met(values: Floats, limited: Sequence[Limit]) -> Bools:
    """Where all limits hold, ...; those of an outcome that is not known do not.

    Args:
        values: of the outcomes that have limits, ... x c.
        limited: the c limits.
    """
    low, high = _bounds(limited)
    return np.asarray(((values >= low) & (values <= high)).all(axis=-1))


def chance_met(means: Floats, deviations: Floats, limited: Sequence[Limit]) -> Floats:
    """Probability that all limits hold, n: of outcomes that are independent normals in each of s members.

    Args:
        means: s x n x c.
        deviations: s x n x c.
        limited: the c limits.
    """
    low, high = _bounds(limited)
    inside = ndtr((high - means) / deviations) - ndtr((low - means) / deviations)
    return np.asarray(inside.prod(axis=-1).mean(axis=0))


def _bounds(limited: Sequence[Limit]) -> tuple[Floats, Floats]:
    """Lowest and highest values allowed, c each."""
    low = [-np.inf if limit.low is None else limit.low for limit in limited]
    high = [np.inf if limit.high is None else limit.high for limit in limited]
    return np.array(low), np.array(high)
