"""What fills the sites of a compound beside its open-shell metals: the cations between them, and how many there are.

A series such as RNiO3 or R2Ir2O7 differs in nothing but the size of these cations; V_nO_2n-1 in the anions per metal.
States are those of `states`, radii of Shannon. The leading metal and anion themselves are in `leading`.
"""

import functools

import numpy as np

from etl.features.elements import MAIN_STATE, NUMBER, RARE_EARTHS, SYMBOLS, TRANSITION_METALS, electronegativities
from etl.features.states import Ions, flags
from schemas.arrays import Bools, Floats

CLOSED_SHELL = frozenset(("Zn", "Cd", "Hg"))
"""Group 12: transition metals by name, spectators by their full d shell."""
OPEN_SHELL: tuple[str, ...] = tuple(s for s in SYMBOLS if s in TRANSITION_METALS - CLOSED_SHELL)
COORDINATION = 9
"""Of the cations between the metals: as in the tolerance factors of tilted perovskites."""
SITES: tuple[str, ...] = (
    "site_radius", "site_electronegativity", "site_ratio", "anion_ratio", "metal_state",
    *(f"of_{s}" for s in OPEN_SHELL),
)  # fmt: skip


@functools.cache
def _tables() -> tuple[Bools, Floats, Floats]:
    """By atomic number: which elements are open-shell metals; ionic radius in the usual state; electronegativity.

    NaN where unknown. Rare earths share one electronegativity: in the same state they differ in size alone, and the
    tabulated values of Eu, Tb and Yb stand out.
    """
    from etl.structures.radii import ionic_radius

    radius = np.full(len(SYMBOLS) + 1, np.nan)
    for symbol, state in {**MAIN_STATE, **dict.fromkeys(CLOSED_SHELL, 2)}.items():
        try:
            radius[NUMBER[symbol]] = ionic_radius(symbol, state, COORDINATION)
        except KeyError:  # not tabulated by Shannon: the radius stays unknown
            continue
    chi = electronegativities()
    shared = float(np.median([chi[s] for s in RARE_EARTHS]))
    pull = np.array([np.nan, *(shared if s in RARE_EARTHS else chi[s] for s in SYMBOLS)])
    return flags(frozenset(OPEN_SHELL)), radius, pull


def site_features(ions: Ions) -> Floats:
    """The `SITES` features of n compositions.

    Returns:
        n x 32: mean radius (angstrom) and electronegativity of the cations that are no open-shell metal, their number
        and that of anions per such metal, the mean state of these metals, and the share of each element among them. NaN
        where there is none.
    """
    open_shell, *tables = _tables()
    numbers, amounts, anions = ions.numbers, ions.amounts, ions.anions
    metal = open_shell[numbers] & ~anions
    of_metal, of_anion = (np.where(chosen, amounts, 0.0) for chosen in (metal, anions))
    between = np.where(metal | anions, 0.0, amounts)
    shares = np.stack([np.where(numbers == NUMBER[s], of_metal, 0.0).sum(axis=1) for s in OPEN_SHELL], axis=1)
    metals = of_metal.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.column_stack(
            [
                *(np.where(between > 0, t[numbers] * between, 0.0).sum(axis=1) / between.sum(axis=1) for t in tables),
                between.sum(axis=1) / metals,
                of_anion.sum(axis=1) / metals,
                np.where(metal, ions.states * amounts, 0.0).sum(axis=1) / metals,
                shares / metals[:, None],
            ]
        )


def sites(formulas: list[str | None]) -> Floats:
    """`SITES` features of formulas, n x 32; a row that cannot be read is all NaN."""
    from etl.features.composition import parse

    parsed = parse(formulas)
    values = np.full((len(formulas), len(SITES)), np.nan)
    counts = np.diff(parsed.starts)
    for count in np.unique(counts[counts > 0]):
        rows = np.flatnonzero(counts == count)
        entries = parsed.starts[rows][:, None] + np.arange(count)
        values[rows] = site_features(Ions.of(parsed.numbers[entries], parsed.amounts[entries]))
    return np.where(np.isfinite(values), values, np.nan)
