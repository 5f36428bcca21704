"""The page of families: those that stand out, with what is known of them, and all the rest."""

from urllib.parse import quote

import polars as pl

from warehouse.report import figures
from warehouse.report.candidates import gather
from warehouse.report.parts import TOP, Page, Picture, Section, listing, section
from warehouse.report.source import Source, probability

SHOWN = 20
_FLOOR = 1e-12
"""Least q-value that is told; see pred.families."""
_GROUPING = "family_tm_anion"
"""The grouping by which the list of candidates is searched."""


def families(source: Source) -> Page:
    """Families of compounds ranked by how far their predictions stand out."""
    every = source.select("pred.families", "true")
    mean = f"mean_{probability(source)}"
    ranked = every.sort("q_value", mean, descending=[False, True], maintain_order=True)
    enriched = (pl.col("enrichment") > 1) & (pl.col("predicted_mit") > 0)
    best = ranked.filter(pl.col("rank").is_not_null(), enriched).sort("rank").head(SHOWN)
    told = ranked.drop("rank", "model_id").head(TOP)
    return Page(
        file="families.html",
        title="Families",
        lead="Groups of compounds whose predictions stand out from the rest of the screen.",
        sections=[
            _best(source, best, mean),
            section(f"{ranked.height} families", told, text=f"The first {told.height} by q-value, repeats and all."),
        ],
    )


def _best(source: Source, best: pl.DataFrame, mean: str) -> Section:
    """The families that tell something new, and whether a transition is known in them."""
    if not best.height:
        return Section(title="Families that stand out", empty="No family stands out, or none is published yet.")
    pages = dict(source.once(gather).detailed.select("formula", "file").iter_rows())
    links = {f: f"candidates/{pages[f]}.html" for f in best["best_formula"] if f in pages}
    links |= {f: f"candidates.html#family={quote(f)}" for f in best.filter(pl.col("grouping") == _GROUPING)["family"]}
    rows = [
        (r["rank"], r["family"], r["grouping"], r["compounds"], r["predicted_mit"], r["enrichment"],
         _small(r["q_value"]), r[mean], r["best_formula"], _known(r["known_mit"], r["known_formulas"]))
        for r in best.iter_rows(named=True)
    ]  # fmt: skip
    new = best.filter(pl.col("known_mit") == 0).height
    text = (
        f"The {best.height} enriched families of smallest q-value; a family that mostly repeats better ones is passed"
        f" over. In {best.height - new} of them transitions are known, in {new} none is. {_CAUTION}"
    )
    header = (
        "rank",
        "family",
        "grouping",
        "judged",
        "kept",
        "enrichment",
        "q-value",
        mean,
        "best",
        "known transitions",
    )
    names = [f"{f} ({n} known)" if n else f for f, n in best.select("family", "known_mit").iter_rows()]
    alt = f"Enrichment of {best.height} families; the first is {best['family'][0]}."
    svg = figures.bars(names, best["enrichment"].to_list(), xlabel="share of kept compounds over that of the screen")
    picture = Picture(file="families.svg", svg=svg, alt=alt)
    return listing("Families that stand out", header, rows, text=text, links=links, pictures=[picture])


_CAUTION = (
    "Judged are the plausible, new compounds inside the domain that are not known to be unstable; kept are those that "
    "came through the whole funnel. Members share elements: q ranks families, it is no evidence. Where q is as small "
    "as is told, the mean probability ranks."
)


def _small(q: float) -> float | str:
    """A q-value, or that it is no larger than what is told at least."""
    return f"≤ {_FLOOR:.0e}" if q <= _FLOOR else q


def _known(count: int, first: list[str]) -> str:
    if not count:
        return "none known"
    more = count - len(first)
    return f"{count} known: {', '.join(first)}" + (f" and {more} more" if more > 0 else "")
