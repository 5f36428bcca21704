"""Heat that recipes speak against: those of the same compound, and those of compounds as highly oxidised.

A median over similar compositions does not know that nickel +3 loses its oxygen where nickel +2 is sintered. Recipes
tell: how far papers heat oxides whose metals are higher than hot air leaves them (`atmosphere.raised`). No temperature
of any compound is written here. What is doubted gets a reason, and an interval that reaches to these papers.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.recipes import HEATS
from models.recipes.atmosphere import raised
from models.recipes.compositions import key, parse
from schemas.arrays import Floats

PAPERS = 2  # that heat the same compound, at least
BEYOND = 150.0  # K past all of them: more than papers on one recipe differ by
ALIKE, SHARE = 0.25, 0.2  # of oxidation states, and least share of the metals that are raised
LEAST, MOST = 10, 0.9


@dataclass(frozen=True)
class Doubt:
    """Why a temperature is doubted, and the heat (K) that its interval has to hold."""

    reason: str
    reach: float


@dataclass(frozen=True)
class Heated:
    """How far papers heat.

    Attributes:
        compounds: target key -> lowest and highest of the papers' temperatures and their number.
        oxidised: metals -> states and temperatures of papers on oxides in which they are raised.
    """

    compounds: dict[str, tuple[float, float, int]]
    oxidised: dict[tuple[str, ...], tuple[Floats, Floats]]

    def doubt(self, target: str, hottest: float) -> Doubt | None:
        """What speaks against heating a readable target so far (K)."""
        low, high, papers = self.compounds.get(key(parse(target) or {}), (0.0, np.inf, 0))
        if papers >= PAPERS and not low - BEYOND <= hottest <= high + BEYOND:
            where, reach = ("hotter", high) if hottest > high else ("cooler", low)
            return Doubt(
                f"{hottest:.0f} K is {where} than in all {papers} papers on the compound ({low:.0f} to {high:.0f} K)",
                reach,
            )
        found = raised(target)
        if found is None or found.share < SHARE or found.metals not in self.oxidised:
            return None
        state, heat = self.oxidised[found.metals]
        heat = heat[state >= found.state - ALIKE]
        if len(heat) < LEAST or hottest <= np.quantile(heat, MOST):
            return None
        usual, most = np.quantile(heat, [0.5, MOST])
        return Doubt(
            f"{hottest:.0f} K is hotter than {MOST:.0%} of {len(heat)} papers heat oxides with"
            f" {' and '.join(found.metals)} at {found.state:+.3g} or near it, which lose oxygen when hot (usual"
            f" {usual:.0f} K, up to {most:.0f} K)",
            float(usual),
        )


def learn(frame: pl.DataFrame) -> Heated:
    """Collects the hottest step of each paper and target among normalised recipes."""
    papers = (
        frame.filter("ok")
        .with_columns(pl.max_horizontal(HEATS).alias("hottest"))
        .drop_nulls("hottest")
        .group_by("target_key", "doi", maintain_order=True)
        .agg(pl.col("target").first(), pl.col("hottest").median())
    )
    spans = papers.group_by("target_key", maintain_order=True).agg(
        pl.col("hottest").min().alias("low"), pl.col("hottest").max().alias("high"), pl.len()
    )
    oxidised: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    states = {t: raised(t) for t in papers["target"].unique(maintain_order=True)}
    for target, heat in papers.select("target", "hottest").iter_rows():
        found = states[target]
        if found is not None and found.share >= SHARE:
            oxidised[found.metals].append((found.state, heat))
    return Heated(
        {k: (low, high, n) for k, low, high, n in spans.iter_rows()},
        {m: (np.array(v)[:, 0], np.array(v)[:, 1]) for m, v in oxidised.items()},
    )
