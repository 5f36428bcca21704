"""Unscreened Hubbard U and charge-transfer energy of the metal and the anion that features speak of.

J. B. Torrance, P. Lacorre, C. Asavaroengchai, R. M. Metzger, Physica C 182, 351 (1991), equations 1 and 2; the choice
of elements is that of Georgescu et al., Chem. Mater. 33, 5591 (2021).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from etl.features.elements import TRANSITION_METALS, electronegativities
from etl.features.ewald import COULOMB_EV_ANGSTROM
from etl.features.ionization import ionization_energy

KJ_MOL_EV = 0.010364

AFFINITY_AS_PUBLISHED = {
    "N": 1070.0, "O": -744.0, "F": -328.0, "P": 886.0, "S": 456.0, "Cl": -349.0, "Br": -331.0, "I": -301.0,
    "As": 802.0, "Se": 410.0,
}  # fmt: skip
"""kJ/mol, with the mixed signs of the published featurizer; kept so that `est_charge_trans` compares with it.

It has none for As and Se: those are the values of `AFFINITY` with the sign that it gives to P and S.
"""

AFFINITY = {
    "N": -1070.0, "O": -744.0, "F": 328.2, "P": -886.0, "S": -456.0, "As": -802.0, "Se": -410.0, "Cl": 348.6,
    "Br": 324.5, "I": 295.2, "H": 72.8,
}  # fmt: skip
"""kJ/mol gained when the anion takes its last electron, one sign convention throughout.

Halogens: CRC Handbook of Chemistry and Physics, electron affinities. O, S, Se, N, P, As: last step to the closed-shell
anion from lattice-energy cycles, as tabulated in inorganic textbooks (G. Rayner-Canham, T. Overton, Descriptive
Inorganic Chemistry, appendix; J. E. Huheey). O is the value that returns Torrance's -7.7 eV. H: 6082.99 per cm, K. R.
Lykke, K. K. Murray, W. C. Lineberger, Phys. Rev. A 43, 6104 (1991), doi 10.1103/PhysRevA.43.6104. Te, Sb, B, C and Si
have none: only the first electron that they take is measured, not the last one.
"""

NON_METALS = frozenset(
    ("H", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar", "Ge", "As", "Se", "Br", "Kr", "Sb", "Te",
     "I", "Xe", "Po", "At", "Rn")
)  # fmt: skip
"""Metalloids count as non-metals, as in the published featurizer."""
_GROUP_3 = frozenset(("Sc", "Y", "La", "Ac"))


def chosen_metal(symbols: Iterable[str]) -> str | None:
    """The most electronegative transition metal (group 3 with it), else the most electronegative metal."""
    chi = electronegativities()
    metals = [s for s in symbols if s not in NON_METALS]
    first = [s for s in metals if s in TRANSITION_METALS or s in _GROUP_3]
    return max(first or metals, key=lambda s: (chi[s], s), default=None)


def chosen_anion(symbols: Iterable[str]) -> str | None:
    """O, else the most electronegative non-metal."""
    chi = electronegativities()
    others = [s for s in symbols if s in NON_METALS]
    return "O" if "O" in others else max(others, key=lambda s: (chi[s] if chi[s] < 10 else 0.0, s), default=None)


def chosen_ions(states: Mapping[str, float]) -> tuple[str | None, str | None]:
    """Our choice by oxidation state: the metal as above among the cations, else any cation, and the anion."""
    chi = electronegativities()
    cations, anions = [s for s, v in states.items() if v > 0], [s for s, v in states.items() if v < 0]
    metal = chosen_metal(cations) or max(cations, key=lambda s: (chi[s], s), default=None)
    return metal, "O" if "O" in anions else max(anions, key=lambda s: (chi[s], s), default=None)


@dataclass(frozen=True, kw_only=True)
class Energies:
    """What the two energies of one crystal are made of.

    Attributes:
        metal, anion: the chosen elements.
        states: oxidation state of each element.
        v_m, v_x: greatest Madelung potential over the sites of each, volt.
        affinities: kJ/mol by anion.
    """

    metal: str | None
    anion: str | None
    states: Mapping[str, float]
    v_m: float | None
    v_x: float | None
    affinities: Mapping[str, float]

    def hubbard(self, d_mm: float | None) -> tuple[float | None, str]:
        """I_(v+1) - I_v - e^2 / d_MM in eV, or None and why; the distance in angstrom."""
        if self.metal is None or self.states[self.metal] <= 0:
            return None, "no metal" if self.metal is None else f"{self.metal} is no cation"
        state = self.states[self.metal]
        level, following = ionization_energy(self.metal, state), ionization_energy(self.metal, state + 1.0)
        if level is None or following is None:
            return None, f"no ionization energy of {self.metal}"
        if d_mm is None:
            return None, f"no {self.metal}-{self.metal} distance"
        return following - level - COULOMB_EV_ANGSTROM / d_mm, ""

    def transfer(self, d_mx: float | None) -> tuple[float | None, str]:
        """V_X - V_M + A_X - I_v - e^2 / d_MX in eV, or None and why; the distance in angstrom."""
        if self.metal is None or self.states[self.metal] <= 0:
            return None, "no metal" if self.metal is None else f"{self.metal} is no cation"
        if self.anion is None or self.states[self.anion] >= 0:
            return None, "no non-metal" if self.anion is None else f"{self.anion} is no anion"
        if self.anion not in self.affinities:
            return None, f"no electron affinity of {self.anion}"
        level = ionization_energy(self.metal, self.states[self.metal])
        if level is None:
            return None, f"no ionization energy of {self.metal}"
        if d_mx is None or self.v_m is None or self.v_x is None:
            return None, "no metal-anion distance or site potential"
        gained = self.affinities[self.anion] * KJ_MOL_EV
        return self.v_x - self.v_m + gained - level - COULOMB_EV_ANGSTROM / d_mx, ""
