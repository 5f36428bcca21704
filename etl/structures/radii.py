"""Shannon ionic radii with the nearest tabulated state and coordination standing in for a missing one."""

import functools

from etl.features.elements import NUMBER

_ROMAN = {
    "I": 1,
    "II": 2,
    "III": 3,
    "IV": 4,
    "V": 5,
    "VI": 6,
    "VII": 7,
    "VIII": 8,
    "IX": 9,
    "X": 10,
    "XI": 11,
    "XII": 12,
}


@functools.lru_cache(maxsize=4096)
def ionic_radius(symbol: str, state: float, coordination: int) -> float:
    """Radius in angstrom: R. D. Shannon, Acta Cryst. A32, 751 (1976), from pymatgen's table; high spin first.

    Raises:
        KeyError: no radius of that element and sign of charge is tabulated.
    """
    from pymatgen.core import Element

    if symbol not in NUMBER:
        raise KeyError(f"{symbol!r} is not an element")
    found: list[tuple[float, int, float]] = []
    for charge, by_coordination in (Element(symbol).data.get("Shannon radii") or {}).items():
        if not charge or (float(charge) > 0) != (state > 0):
            continue
        for roman, by_spin in by_coordination.items():
            number = _ROMAN.get(roman.rstrip("SPYQ"))
            if number is None:
                continue
            radius = (by_spin.get("High Spin") or next(iter(by_spin.values())))["ionic_radius"]
            found.append((abs(float(charge) - state), abs(number - coordination), float(radius)))
    if not found:
        raise KeyError(f"no ionic radius of {symbol} with charge {state:g}")
    return min(found)[2]


def has_radius(symbol: str, state: float) -> bool:
    """Whether `ionic_radius` knows the element with that sign of charge."""
    try:
        ionic_radius(symbol, state, 6)
    except KeyError:
        return False
    return True


def tolerance_factor(a: float, b: float, x: float) -> float:
    """Goldschmidt's factor (r_A + r_X) / sqrt(2) (r_B + r_X); radii in angstrom."""
    return (a + x) / (2**0.5 * (b + x))
