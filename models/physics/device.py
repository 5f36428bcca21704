"""From a material to a device: a two-terminal switch heated through its transition by its own current.

Material properties carry uncertainty; figures of the device follow draw by draw, so that a requirement is met with a
probability. The device file says geometry, surroundings, what to assume of a material that does not say, and what is
required; nothing is assumed silently.
"""

from typing import Annotated, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from schemas import yaml_files
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError
from schemas.yaml_files import Strict

BOLTZMANN_EV_K = 8.617333262e-5  # exact to the digits given, SI 2019
DRAWS = 2000
SD_OF_80 = 2 * 1.2815515655446004  # width of an 80 % interval in standard deviations
Property = Literal["hysteresis_K", "gap_eV", "off_on_log10", "latent_heat_J_m3", "heat_capacity_J_m3_K"]
Figure = Literal["window_K", "on_off_log10", "switching_energy_J", "threshold_power_W", "crosstalk_margin_K"]
FIGURES: tuple[Figure, ...] = (
    "window_K",
    "on_off_log10",
    "switching_energy_J",
    "threshold_power_W",
    "crosstalk_margin_K",
)
Positive = Annotated[float, Field(gt=0)]


class Bounds(Strict):
    """What a figure must keep to."""

    least: float | None = None
    most: float | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("give least or most")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least is above most: nothing can keep to both")
        return self

    def met(self, values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which values keep to it; an unknown one does not."""
        low = -np.inf if self.least is None else self.least
        high = np.inf if self.most is None else self.most
        with np.errstate(invalid="ignore"):
            return np.asarray((values >= low) & (values <= high))


class Device(Strict):
    """A switch in an array.

    A volume of the material is heated from the ambient through its transition; a neighbour is heated along with it by
    `coupling` times as much and must not switch.
    """

    name: str
    volume_m3: Positive
    ambient_K: Positive
    thermal_conductance_W_K: Positive
    coupling: float = Field(ge=0, lt=1, description="share of its heating that the nearest neighbour sees")
    assumed: dict[Property, float] = Field(default_factory=dict, description="for materials that do not say")
    requirements: dict[Figure, Bounds] = Field(min_length=1)


def load(where: str) -> Device:
    """Reads a device file.

    Raises:
        InputError: unreadable, no YAML, an unknown key or a value that is not valid.
    """
    return yaml_files.load(where, Device, what="device", keys="name, volume_m3, ambient_K and requirements")


def evaluate(materials: pl.DataFrame, device: Device, *, seed: int = 0) -> pl.DataFrame:
    """Device figures of each material, and how likely it suits.

    Args:
        materials: `t_mit_K`, with `low_K` and `high_K` (80 %) where known; any of the properties of `Property`, with
            `<property>_sd` where known. `off_on_log10` is the resistance of the insulator over that of the metal;
            without it the gap tells a bound, exp(gap / 2kT) at the ambient.
        device: the device.
        seed: of the draws, which are the same for every material.

    Returns:
        The rows with, for each of `FIGURES`, its median, `<figure>_low` and `<figure>_high` (80 %), energy and power
        of the draws in which there is something to switch; `p_suits`, the
        probability that every requirement is met; `rank` by it (ties by switching energy); `assumed` properties;
        `ok` and `reason`. A figure that cannot be known is null and its requirement unmet.

    Raises:
        InputError: no column `t_mit_K`, or lists or objects in a column that is to hold numbers.
    """
    if "t_mit_K" not in materials.columns:
        raise InputError.of("missing column t_mit_K", "the materials", "predict it with matloom temperature predict")
    drawn = _Draws(materials, device, np.random.default_rng(seed))
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is told as unknown
        figures = _figures(drawn, device)
    suits = np.ones((materials.height, DRAWS), dtype=bool)
    for name, bounds in device.requirements.items():
        suits &= bounds.met(figures[name])
    at = drawn.column("t_mit_K")
    crossed = drawn.crossed()
    known = np.isfinite(at) & (at > 0) & ~crossed
    columns: dict[str, Floats] = {}
    for name, values in figures.items():
        told = _quantiles(np.where(known[:, None], values, np.nan))
        columns |= dict(zip((f"{name}_low", name, f"{name}_high"), told, strict=True))
    p = np.where(known, suits.mean(axis=1), np.nan)
    missing: list[list[str]] = [
        [n for n in device.requirements if not np.isfinite(columns[n][i])] for i in range(len(p))
    ]
    reasons = [_reason(*row) for row in zip(known, crossed, drawn.unread(), missing, strict=True)]
    made = pl.DataFrame({**columns, "p_suits": p}).with_columns(pl.all().fill_nan(None))
    return materials.with_columns(
        *made.iter_columns(),
        pl.Series("rank", _ranks(p, columns["switching_energy_J"])),
        pl.Series("assumed", drawn.assumed(), dtype=pl.List(pl.String)),
        pl.Series("ok", known),
        pl.Series("reason", reasons, dtype=pl.String),
    )


def _ranks(p: Floats, energy: Floats) -> Ints:
    """Places by probability, the likeliest first; of equal ones the cheaper to switch, and what is unknown last."""
    order = np.lexsort((np.nan_to_num(energy, nan=np.inf), -np.nan_to_num(p, nan=-1.0)))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def _reason(known: bool, crossed: bool, unread: list[str], missing: list[str]) -> str | None:
    """What a row lacks, in words; None where it lacks nothing."""
    told = [f"no number in {', '.join(unread)}"] if unread else []
    if crossed:
        told.append("low_K is above high_K")
    elif not known:
        told.append("no transition temperature")
    elif missing:
        told.append(f"unknown: {', '.join(missing)}")
    return "; ".join(told) or None


def mismatch(evaluated: pl.DataFrame, name: str) -> float | None:
    """Spearman correlation of a material property with `p_suits`; None for fewer than three rows that have both.

    Near 1, the best material makes the best device; near 0 or below, ranking by the property misleads.
    """
    both = evaluated.select(pl.col(name).cast(pl.Float64, strict=False), "p_suits").drop_nulls()
    if both.height < 3 or both.n_unique(name) < 2 or both.n_unique("p_suits") < 2:
        return None
    return float(both.select(pl.corr(name, "p_suits", method="spearman")).item())


def _quantiles(values: Floats) -> Floats:
    """10, 50 and 90 % of the known draws of each row, 3 x n; NaN for a row without any."""
    found = np.full((3, len(values)), np.nan)
    some = np.isfinite(values).any(axis=1)
    found[:, some] = np.nanquantile(values[some], [0.1, 0.5, 0.9], axis=1)
    return found


class _Draws:
    """Draws of material properties, n x `DRAWS`; NaN where neither material nor device says."""

    def __init__(self, materials: pl.DataFrame, device: Device, chance: np.random.Generator) -> None:
        self._materials, self._device, self._chance = materials, device, chance
        self._assumed: list[list[str]] = [[] for _ in range(materials.height)]
        self._unread: list[list[str]] = [[] for _ in range(materials.height)]

    def temperature(self) -> Floats:
        """Transition temperature, K."""
        width = np.zeros(self._materials.height)
        if {"low_K", "high_K"} <= set(self._materials.columns):
            width = np.nan_to_num(self.column("high_K") - self.column("low_K")) / SD_OF_80
        return self._around(self.column("t_mit_K"), width)

    def crossed(self) -> Bools:
        """Which rows have an interval whose low end is above its high end, n."""
        if not {"low_K", "high_K"} <= set(self._materials.columns):
            return np.zeros(self._materials.height, dtype=bool)
        return np.asarray(self.column("low_K") > self.column("high_K"))

    def property(self, name: Property) -> Floats:
        """One property; what is assumed is remembered."""
        height = self._materials.height
        values = self.column(name) if name in self._materials.columns else np.full(height, np.nan)
        sd = f"{name}_sd"
        width = np.nan_to_num(self.column(sd)) if sd in self._materials.columns else np.zeros(height)
        if name in self._device.assumed:
            for row in np.flatnonzero(~np.isfinite(values)):
                self._assumed[row].append(name)
            values = np.where(np.isfinite(values), values, self._device.assumed[name])
        drawn = self._around(values, width)
        return drawn if name == "off_on_log10" else np.maximum(drawn, 0.0)

    def assumed(self) -> list[list[str]]:
        """Properties that were taken from the device file, a row each."""
        return self._assumed

    def unread(self) -> list[list[str]]:
        """Columns that held something else than a number, a row each."""
        return self._unread

    def column(self, name: str) -> Floats:
        """Numbers of a column of the materials; NaN where there is none, which is remembered if something else is."""
        given = self._materials[name]
        if given.dtype.is_nested():
            raise InputError.of(f"lists or objects in column {name}", "the materials", "give one number a row")
        read = given.cast(pl.Float64, strict=False)
        for row in (given.is_not_null() & read.is_null()).arg_true().to_list():
            if name not in self._unread[row]:
                self._unread[row].append(name)
        return read.fill_null(float("nan")).to_numpy()

    def _around(self, centre: Floats, width: Floats) -> Floats:
        return np.asarray(centre[:, None] + np.maximum(width, 0.0)[:, None] * self._chance.standard_normal(DRAWS))


def _figures(drawn: _Draws, device: Device) -> dict[Figure, Floats]:
    """Figures of each material and draw, n x `DRAWS`."""
    temperature, hysteresis = drawn.temperature(), drawn.property("hysteresis_K")
    heating, cooling = temperature + hysteresis / 2, temperature - hysteresis / 2
    rise = heating - device.ambient_K
    direct = drawn.property("off_on_log10")
    bound = drawn.property("gap_eV") / (2 * BOLTZMANN_EV_K * device.ambient_K * np.log(10))
    heat = drawn.property("heat_capacity_J_m3_K") * rise + drawn.property("latent_heat_J_m3")
    works = rise > 0  # a material that is a metal at the ambient is never switched on
    return {
        "window_K": cooling - device.ambient_K,
        "on_off_log10": np.where(np.isfinite(direct), direct, bound),
        "switching_energy_J": np.where(works, device.volume_m3 * heat, np.nan),
        "threshold_power_W": np.where(works, device.thermal_conductance_W_K * rise, np.nan),
        "crosstalk_margin_K": (1 - device.coupling) * rise,
    }
