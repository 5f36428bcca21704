"""The structures that are served: a frame of what can be filtered, read from the published catalog when it changes, and
the cells and sites of those that an answer shows."""

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl

from schemas.core import Registry
from warehouse.optimade.properties import PREFIX, PROPERTIES
from warehouse.query import CATALOG, query
from warehouse.report.candidates import known_of, structures_of
from warehouse.report.insight import Insight
from warehouse.report.source import Source

CACHED = 5_000
"""Cells kept in memory."""


class Entries:
    """The entries of one published state.

    Attributes:
        frame: one row an entry, by id; the columns are the properties that can be filtered.
        publication_id: of the state.
    """

    def __init__(self, source: Source, read: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._home, self._read = source.home, read
        self._cells: dict[str, Mapping[str, Any]] = {}
        self.publication_id = source.publication_id
        self.frame = frame_of(source)

    def attributes(self, rows: pl.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
        """The asked properties of some rows of the frame, in order; cells are read from their CIF if asked for."""
        held = [n for n in names if n in PROPERTIES and PROPERTIES[n].column]
        cells = [n for n in names if n in PROPERTIES and not PROPERTIES[n].column]
        read = self._sites(rows["id"].to_list()) if cells else {}
        answers = []
        for row in rows.select("id", *(n for n in held if n != "id")).iter_rows(named=True):
            told = {n: _plain(row[n]) for n in held}
            told |= {n: read.get(row["id"], {}).get(n) for n in cells}
            answers.append({n: told.get(n) for n in names})
        return answers

    def _sites(self, ids: list[str]) -> dict[str, Mapping[str, Any]]:
        held = {i: self._cells[i] for i in ids if i in self._cells}
        missing = [i for i in ids if i not in held]
        if missing:
            listed = ", ".join("'" + i.replace("'", "''") + "'" for i in missing)
            texts = query(self._home, f"SELECT structure_id, cif FROM core.structures WHERE structure_id IN ({listed})")
            fresh = {i: self._read(cif) or {} for i, cif in texts.iter_rows()}
            kept = self._cells if len(self._cells) + len(fresh) <= CACHED else {}
            self._cells = {**kept, **fresh}
            held |= fresh
        return held


class Published:
    """The entries of the state that is published now; read again once another is."""

    def __init__(self, home: Path, insight: Insight, registry: Registry) -> None:
        self._home, self._insight, self._registry = home, insight, registry
        self._lock = threading.Lock()
        self._held: tuple[tuple[int, int], Entries] | None = None

    def entries(self) -> Entries:
        """The entries of the newest state.

        Raises:
            StoreError: nothing is published.
        """
        with self._lock:
            while True:
                mark = self._mark()
                if self._held is not None and self._held[0] == mark:
                    return self._held[1]
                # read again if another state was published meanwhile
                source = Source(self._home, self._registry, insight=self._insight)
                self._held = (mark, Entries(source, self._insight.atoms))

    def _mark(self) -> tuple[int, int]:
        """Tells one catalog file from the next, which is renamed into its place."""
        path = self._home / CATALOG
        if not path.is_file():
            return (0, 0)
        state = path.stat()
        return (state.st_ino, state.st_mtime_ns)


def frame_of(source: Source) -> pl.DataFrame:
    """What can be filtered of the structures that may be given away, by id."""
    structures = structures_of(source).with_columns(
        pl.col("formula").map_elements(_composition, return_dtype=_COMPOSED).alias("composed")
    )
    predicted = _predictions(source, structures["structure_id"])
    labels = known_of(source.read("core.labels"), between="/").rename({"known": "label", "known_K": "t_mit"})
    joined = structures.join(predicted, on="formula", how="left").join(labels, on="formula", how="left")
    made = joined.filter(pl.col("composed").is_not_null()).unnest("composed").with_columns(
        pl.col("structure_id").alias("id"),
        pl.lit("structures").alias("type"),
        pl.lit(_published_at(source), dtype=pl.Datetime("us", "UTC")).alias("last_modified"),
        pl.col("elements").list.len().cast(pl.Int64).alias("nelements"),
        pl.col("formula").alias("chemical_formula_descriptive"),
        pl.col("n_sites").alias("nsites"),
        pl.lit(3, dtype=pl.Int64).alias("nperiodic_dimensions"),
        pl.lit([1, 1, 1], dtype=pl.List(pl.Int64)).alias("dimension_types"),
        pl.when(pl.col("flags").list.contains("disordered") | pl.col("flags").list.contains("vacancies"))
        .then(pl.lit(["disorder"], dtype=pl.List(pl.String)))
        .otherwise(pl.lit([], dtype=pl.List(pl.String)))
        .alias("structure_features"),
        pl.col("volume_angstrom3").alias("volume"),
        pl.col("density_g_cm3").alias("density"),
    )  # fmt: skip
    chosen = [pl.col(p.name.removeprefix(PREFIX)).alias(p.name) for p in PROPERTIES.values() if p.column]
    return made.select(chosen).sort("id")


def _predictions(source: Source, given: pl.Series) -> pl.DataFrame:
    """The prediction of the newest model for each compound; one that rests on a closed structure stays with it."""
    models = source.read("meta.models").select("model_id", "created_at")
    open_ = pl.col("structure_id").is_null() | pl.col("structure_id").is_in(given.implode())
    ranked = source.read("pred.screening").filter(open_).join(models, on="model_id", how="left")
    newest = ranked.sort("created_at", descending=True, nulls_last=True).unique("formula", keep="first")
    return newest.rename({"label": "predicted"}).drop("structure_id", "features", "created_at")


def _published_at(source: Source) -> Any:
    last = source.read("meta.publications", order='"published_at" DESC', limit=1)
    return last["published_at"][0] if last.height else None


_COMPOSED = pl.Struct(
    {
        "elements": pl.List(pl.String),
        "elements_ratios": pl.List(pl.Float64),
        "chemical_formula_reduced": pl.String,
        "chemical_formula_anonymous": pl.String,
    }
)
_PART = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)|\(|\)(\d*\.?\d*)")


def _composition(formula: str) -> dict[str, Any]:
    """Elements, shares and OPTIMADE's two spellings of a reduced formula."""
    amounts = _amounts(formula)
    total = sum(amounts.values())
    exact = {s: Fraction(n).limit_denominator(1000) for s, n in amounts.items()}
    scale = math.lcm(*(f.denominator for f in exact.values()))
    whole = {s: int(f * scale) for s, f in exact.items()}
    common = math.gcd(*whole.values())
    numbers = {s: n // common for s, n in sorted(whole.items())}
    falling = sorted(numbers.values(), reverse=True)
    return {
        "elements": list(numbers),
        "elements_ratios": [amounts[s] / total for s in numbers],
        "chemical_formula_reduced": "".join(s + _count(n) for s, n in numbers.items()),
        "chemical_formula_anonymous": "".join(_letter(i) + _count(n) for i, n in enumerate(falling)),
    }


def _amounts(formula: str) -> dict[str, float]:
    """Amounts of a formula that the warehouse wrote, as in ``In(MoS2)4``."""
    stack: list[dict[str, float]] = [{}]
    for found in _PART.finditer(formula):
        symbol, count, closing = found.groups()
        if symbol:
            stack[-1][symbol] = stack[-1].get(symbol, 0.0) + float(count or 1)
        elif found.group() == "(":
            stack.append({})
        else:
            inner, factor = stack.pop(), float(closing or 1)
            for name, amount in inner.items():
                stack[-1][name] = stack[-1].get(name, 0.0) + amount * factor
    return stack[0]


def _count(number: int) -> str:
    return "" if number == 1 else str(number)


def _letter(index: int) -> str:
    first = chr(ord("A") + index % 26)
    return first if index < 26 else first + chr(ord("a") + index // 26 - 1)


def _plain(value: Any) -> Any:
    """A value as JSON has it: times to the second, as the specification wants them."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value
