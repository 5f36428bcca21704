"""Ionization energies as a continuous function of the oxidation state."""

import functools


@functools.cache
def _levels() -> dict[str, dict[int, float]]:
    from etl.reference import ionization_energies

    levels: dict[str, dict[int, float]] = {}
    for element, v, energy, following in ionization_energies().select("element", "v", "iv", "iv_p1").iter_rows():
        own = levels.setdefault(str(element), {})
        if energy is not None:
            own[int(v)] = float(energy)
        if following is not None:
            own.setdefault(int(v) + 1, float(following))
    return levels


def ionization_energy(symbol: str, state: float) -> float | None:
    """The v-th ionization energy (eV), linear in v between whole numbers; None outside the table.

    Below the first level the first is used: a mean state under one still removes the first electron.
    """
    own = _levels().get(symbol)
    if not own or state <= 0:
        return None
    at = max(state, 1.0)
    low = int(at + 1e-9)
    share = at - low
    if low not in own:
        return None
    if share < 1e-6:
        return own[low]
    return own[low] * (1.0 - share) + own[low + 1] * share if low + 1 in own else None
