"""Engineering functions with categorical inputs, as in the papers on latent-variable Gaussian processes.

Borehole (Morris, Mitchell and Ylvisaker 1993), output transformerless circuit (Ben-Ari and Steinberg 2007) and piston
cycle time (Kenett and Zacks 1998) with one categorical input that stands for two numbers hidden from the model: 16, 18
and 20 levels, equally spaced in both, as in the experiments of Yerramilli et al. (SIAM/ASA JUQ 11, 1357 (2023)).
Zhang et al. (Technometrics 62, 291 (2020)) use the same functions; their levels could not be looked up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
from scipy.stats import qmc

from schemas.arrays import Floats

Values = Mapping[str, Floats]


@dataclass(frozen=True)
class Case:
    """A function, the ranges of its numbers, and the two numbers that levels of `t` stand for."""

    function: Callable[[Values], Floats]
    ranges: Mapping[str, tuple[float, float]]
    hidden: Mapping[str, Floats]

    @property
    def levels(self) -> Floats:
        """What each level stands for, L x 2."""
        return np.array(list(product(*self.hidden.values())))

    def design(self, each: int, *, seed: int) -> tuple[pl.DataFrame, Floats]:
        """A Latin hypercube in numbers and levels, `each` rows a level, and the values."""
        n = each * len(self.levels)
        unit = qmc.LatinHypercube(len(self.ranges) + 1, rng=np.random.default_rng(seed)).random(n)
        codes = np.floor(unit[:, -1] * len(self.levels)).astype(int)
        columns = {k: low + (high - low) * u for (k, (low, high)), u in zip(self.ranges.items(), unit.T, strict=False)}
        hidden = dict(zip(self.hidden, self.levels[codes].T, strict=True))
        frame = pl.DataFrame(columns | {"t": [f"t{k:02d}" for k in codes]})
        return frame, self.function(columns | hidden)


def borehole(x: Values) -> Floats:
    """Flow of water, m3 a year."""
    log = np.log(x["r"] / x["rw"])
    slow = 1 + 2 * x["L"] * x["Tu"] / (log * x["rw"] ** 2 * x["Kw"]) + x["Tu"] / x["Tl"]
    return 2 * np.pi * x["Tu"] * (x["Hu"] - x["Hl"]) / (log * slow)


def circuit(x: Values) -> Floats:
    """Midpoint voltage, V."""
    gain = x["beta"] * (x["Rc2"] + 9)
    base = 12 * x["Rb2"] / (x["Rb1"] + x["Rb2"])
    first = (base + 0.74) * gain / (gain + x["Rf"])
    return first + 11.35 * x["Rf"] / (gain + x["Rf"]) + 0.74 * x["Rf"] * gain / ((gain + x["Rf"]) * x["Rc1"])


def piston(x: Values) -> Floats:
    """Time of a cycle, s."""
    force = x["P0"] * x["S"] + 19.62 * x["M"] - x["k"] * x["V0"] / x["S"]
    volume = x["S"] / (2 * x["k"]) * (np.sqrt(force**2 + 4 * x["k"] * x["P0"] * x["V0"] * x["Ta"] / x["T0"]) - force)
    return 2 * np.pi * np.sqrt(x["M"] / (x["k"] + x["S"] ** 2 * x["P0"] * x["V0"] * x["Ta"] / (x["T0"] * volume**2)))


CASES = {
    "borehole": Case(
        borehole,
        {
            "r": (100, 50_000),
            "Tu": (63_070, 115_600),
            "Hu": (990, 1110),
            "Tl": (63.1, 116),
            "L": (1120, 1680),
            "Kw": (9855, 12_045),
        },
        {"rw": np.linspace(0.05, 0.15, 4), "Hl": np.linspace(700, 820, 4)},
    ),
    "circuit": Case(
        circuit,
        {"Rb1": (50, 150), "Rb2": (25, 70), "Rc1": (1.2, 2.5), "Rc2": (0.25, 1.2)},
        {"Rf": np.linspace(0.5, 3, 6), "beta": np.linspace(50, 300, 3)},
    ),
    "piston": Case(
        piston,
        {"M": (30, 60), "S": (0.005, 0.02), "V0": (0.002, 0.01), "Ta": (290, 296), "T0": (340, 360)},
        {"k": np.linspace(1000, 5000, 5), "P0": np.linspace(90_000, 110_000, 4)},
    ),
}
