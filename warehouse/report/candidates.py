"""The list of candidates: what is screened, known and drawn, and the page that searches it. One page a candidate is in
`candidate`."""

import hashlib
import json
import re
from dataclasses import dataclass

import polars as pl

from warehouse.licences import allowed
from warehouse.report import figures
from warehouse.report.parts import Page, Picture, Section
from warehouse.report.source import Source, probability

LISTED = 30_000
"""Candidates in the list; labelled ones come on top of these."""
DETAILED = 200
"""Candidates with a page of their own, and as many of those with a structure; labelled ones come on top of these."""
WARNING = (
    "A probability outside the model's domain is a guess, and that of a labelled compound is no prediction: the model"
    " was trained on it. Columns sort, and what is asked for stands in the address of the page."
)


SIFTED = ("rank", "stage", "reason", "energy_above_hull_eV_atom", "hull_source", "flags", "pools", "motif")
"""Columns of pred.candidates that stand beside a prediction."""
KEPT = "candidate"
"""The stage of what came through the whole funnel."""


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What is screened, best first.

    Attributes:
        rows: pred.screening with `family_tm_anion`, `known` and `known_K` (what the labels say), `prototype` and
            `fidelity` (of the structure used), `file` (name of its page) and `detailed` (whether it has one), and what
            the funnel says, of `SIFTED`.
        labels: rows of core.labels of the compounds in `rows`.
        screened: compounds that were screened.
        withheld: compounds left out, for their features are of a structure under a closed licence.
    """

    rows: pl.DataFrame
    labels: pl.DataFrame
    screened: int
    withheld: int

    @property
    def detailed(self) -> pl.DataFrame:
        """The rows that have a page of their own."""
        return self.rows.filter("detailed")


def gather(source: Source) -> Screen:
    """Reads the screen with what is known of its compounds; rows that rest on closed structures stay away."""
    by = probability(source)
    every = source.read("pred.screening").sort(by, "formula", descending=[True, False], nulls_last=True)
    structures = structures_of(source)
    shown = pl.col("structure_id").is_null() | pl.col("structure_id").is_in(structures["structure_id"].implode())
    kept = every.filter(shown)
    labels = source.read("core.labels")
    rows = kept.join(known_of(labels), on="formula", how="left", maintain_order="left").join(
        structures.select("structure_id", "prototype", "fidelity"), on="structure_id", how="left", maintain_order="left"
    )
    sifted = source.select("pred.candidates", "true").select("formula", "model_id", *SIFTED)
    rows = rows.join(sifted, on=["formula", "model_id"], how="left", maintain_order="left")
    rows = rows.sort("rank", nulls_last=True, maintain_order=True)  # what the funnel kept comes first
    place, labelled = pl.int_range(pl.len()), pl.col("known").is_not_null()
    built = pl.col("structure_id").is_not_null()
    best = (place < DETAILED) | (built & (built.cum_sum() <= DETAILED))
    rows = rows.with_columns(detailed=best | labelled).filter((place < LISTED) | best | labelled)
    rows = rows.sort(by, "formula", descending=[True, False], nulls_last=True)
    names = pl.Series("file", [file_name(f) for f in rows["formula"]], dtype=pl.String)
    rows = source.insight.families(rows.with_columns(names))
    return Screen(
        rows=rows,
        labels=labels.join(rows.select("formula").unique(), on="formula", how="semi"),
        screened=every.height,
        withheld=every.height - kept.height,
    )


def structures_of(source: Source) -> pl.DataFrame:
    """The structures that may be given away, without their texts: rows of core.structures that passed every check."""
    return source.select("core.structures", "valid", without=("cif",)).filter(allowed("licence"))


def known_of(labels: pl.DataFrame, *, between: str = " / ") -> pl.DataFrame:
    """What labels say of each formula: `known` (classes, joined) and `known_K` (median temperature of transitions)."""
    return labels.group_by("formula").agg(
        pl.col("label_name").unique().sort().str.join(between).alias("known"),
        pl.col("transition_temperature_K").median().alias("known_K"),
    )


def file_name(formula: str) -> str:
    """A file name for a formula that also tells CoO2 from COO2 where capitals do not count."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", formula)[:60]
    return f"{plain}-{hashlib.sha256(formula.encode()).hexdigest()[:6]}"


def candidates(source: Source) -> Page:
    """The page that searches, filters and sorts the candidates."""
    screen = source.once(gather)
    if not screen.rows.height:
        return Page(file="candidates.html", title="Candidates", lead=_LEAD, sections=[Section(title="Candidates")])
    said = [f"{screen.rows.height} of {screen.screened} screened compounds are listed. {WARNING}"]
    if screen.rows["rank"].max() is not None:
        said.append(_SIFTED)
    if screen.withheld:
        said.append(f"{screen.withheld} rest on structures whose licence keeps them here, and are left out.")
    return Page(
        file="candidates.html",
        title="Candidates",
        lead=_LEAD,
        sections=[
            Section(title="Find candidates", text=" ".join(said), finder=True),
            Section(title="Distribution", pictures=[_histogram(screen.rows["p_mit"].drop_nulls().to_list())]),
        ],
        scripts=("candidates-data.js", "candidates.js"),
        files={"candidates-data.js": f"window.MATLOOM_CANDIDATES = {_columns(screen.rows)};\n"},
    )


_SIFTED = (
    "At first those are shown that came through the funnel, by their rank. Known transitions can be switched on and"
    " then stand at their p(MIT), marked and without rank. The page of the screen says what each stage asks."
)
_LEAD = "Compounds ranked by the screening model; those with a link have a page of their own."


def _histogram(values: list[float]) -> Picture:
    return Picture(
        file="candidates-probability.svg",
        svg=figures.histogram(values, xlabel="p_mit", ylabel="compounds"),
        alt=f"Histogram of p_mit over {len(values)} compounds, from {min(values):.2f} to {max(values):.2f}.",
    )


def _columns(rows: pl.DataFrame) -> str:
    """The list as JSON, column by column; a family is a number into `families`."""
    families = rows["family_tm_anion"].fill_null("")
    stages = rows["stage"].fill_null("")
    names, kinds = families.unique().sort().to_list(), stages.unique().sort().to_list()
    place, which = ({name: i for i, name in enumerate(told)} for told in (names, kinds))
    told: dict[str, list[object]] = {
        "formula": rows["formula"].to_list(),
        "families": list(names),
        "family": [place[name] for name in families],
        **{name: rows[name].round(4).to_list() for name in ("p_mit", "p_metal", "p_insulator")},
        "in_domain": rows["in_domain"].fill_null(False).cast(pl.Int8).to_list(),
        "known": rows["known"].fill_null("").to_list(),
        "temperature": rows["known_K"].round(1).to_list(),
        "structure": rows.select(pl.coalesce("prototype", "fidelity", pl.lit(""))).to_series().to_list(),
        "rank": rows["rank"].to_list(),
        "hull": rows["energy_above_hull_eV_atom"].round(3).to_list(),
        "stages": list(kinds),
        "stage": [which[name] for name in stages],
        "flags": rows["flags"].list.join(", ").fill_null("").to_list(),
        "file": rows.select(pl.when("detailed").then("file").otherwise(pl.lit(""))).to_series().to_list(),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
