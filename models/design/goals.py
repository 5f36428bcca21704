"""What is wanted, as numbers: signs of objectives, limits of outcomes, the worst point of interest.

Goals are declared in `schemas.problem`; here are their short forms in text, too.
"""

import re
from collections.abc import Sequence

import numpy as np
from scipy.special import log_ndtr, logsumexp

from schemas.arrays import Bools, Floats
from schemas.errors import InputError
from schemas.problem import Limit, Objective

_FAR, _NONE = 1e100, -1e250  # deviations, the most that are told apart; the log of no chance
_LIMIT = re.compile(
    r"\s*([^<>=\s](?:[^<>=]*[^<>=\s])?)\s*(<=|>=)\s*(-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*"
)


def objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from ``max:gap,min:stability``.

    Raises:
        InputError: any other form, or a name given twice.
    """
    found: list[Objective] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(max|min)\s*:\s*(\S(?:.*\S)?)\s*", part)
        if not match:
            raise InputError.of(f"objective {part.strip()!r}", "--objectives", "write max:NAME or min:NAME")
        if match.group(2) in {o.name for o in found}:
            raise InputError.of(f"objective {match.group(2)} twice", "--objectives", "leave one out")
        found.append(Objective(name=match.group(2), direction=match.group(1)))  # type: ignore[arg-type, call-arg]
    return tuple(found)


def limits(text: str) -> tuple[Limit, ...]:
    """Limits from ``stability<=0.1,bulk>=100``; none from an empty text.

    Raises:
        InputError: any other form, a number that is not finite, a side given twice, or limits that contradict.
    """
    found: dict[str, dict[str, float]] = {}
    for part in filter(None, text.split(",")):
        match = _LIMIT.fullmatch(part)
        if not match or not np.isfinite(float(match.group(3))):
            raise InputError.of(f"limit {part.strip()!r}", "--limits", "write NAME<=NUMBER or NAME>=NUMBER")
        side, bounds = "high" if match.group(2) == "<=" else "low", found.setdefault(match.group(1), {})
        if side in bounds:
            raise InputError.of(f"two {side} limits of {match.group(1)}", "--limits", "leave one out")
        bounds[side] = float(match.group(3))
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
    fallback = low - 0.1 * np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
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
    """Probability that all limits hold, n; see `log_chance_met`."""
    return np.asarray(np.exp(log_chance_met(means, deviations, limited)))


def log_chance_met(means: Floats, deviations: Floats, limited: Sequence[Limit]) -> Floats:
    """Log probability that all limits hold, n: of outcomes that are independent normals in each of s members.

    The log still tells rows apart of which all are far from the limits.

    Args:
        means: s x n x c.
        deviations: s x n x c.
        limited: the c limits.
    """
    low, high = _bounds(limited)
    start, end = (np.clip((bound - means) / deviations, -_FAR, _FAR) for bound in (low, high))
    start, end = np.where(start > 0, -end, start), np.where(start > 0, -start, end)  # the tail that keeps its digits
    with np.errstate(divide="ignore"):  # between equal bounds there is nothing
        inside = log_ndtr(end) + np.log1p(-np.exp(log_ndtr(start) - log_ndtr(end)))
    return np.asarray(np.maximum(logsumexp(inside.sum(axis=-1), axis=0) - np.log(len(means)), _NONE))


def _bounds(limited: Sequence[Limit]) -> tuple[Floats, Floats]:
    """Lowest and highest values allowed, c each."""
    low = [-np.inf if limit.low is None else limit.low for limit in limited]
    high = [np.inf if limit.high is None else limit.high for limit in limited]
    return np.array(low), np.array(high)
