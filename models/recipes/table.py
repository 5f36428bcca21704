"""Recipe tables in one form: K and h, exact target keys, garbage dropped and counted.

Two spellings come in: the mined set's columns in degrees C (`max_T`, `sinter_time`) and ours (`sinter_temperature_K`).
"""

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from models.recipes import CONDITIONS, ROUTES
from models.recipes.compositions import VOLATILE, key, parse, precursor_key
from schemas.errors import InputError
from schemas.tables.recipes import HEATING_H, HEATING_K
from schemas.units import ZERO_CELSIUS_K

CELSIUS = {"sinter_T": "sinter_temperature_K", "calcine_T": "calcine_temperature_K", "max_T": "max_temperature_K"}
HOURS = {"sinter_time": "sinter_time_h", "calcine_time": "calcine_time_h"}
LIMITS = {c: HEATING_K if c.endswith("_K") else HEATING_H for c in CONDITIONS}


REPEATED = ("target_key", "route", "precursor_set", *CONDITIONS)
# Elements that precursors lose on heating or in water: not counted as dopants that the target's formula leaves out.
LEAVES = VOLATILE | {"Cl", "S", "F", "Br", "I", "Na", "K", "P", "B"}
COUNTS = {
    "rows": "rows given",
    "no_target": "rows without a target: dropped",
    "unreadable_target": "rows whose target has variables, words or unknown elements: dropped",
    "values_out_of_range": "temperatures outside 200 to 2000 C and times outside 0.2 to 200 h, such as 700-1000 read as"
    " 7001000 or times of 0: the value is dropped, the row stays",
    "repeated": "rows equal to another in paper, target, route, precursors and conditions: dropped in training",
    "calcined_hotter_than_sintered": "rows whose steps are probably exchanged: kept as they are",
    "rows_of_series": "rows of papers with several targets: together they weigh as one paper",
    "unreadable_precursor": "rows with a precursor that is a name or has variables: used but for reactions",
    "dopant_missing_in_target": "rows whose precursors bring a metal that the target's formula leaves out, mostly a"
    " dopant: used, but no set is learned as the target's own",
    "element_without_precursor": "rows where no precursor brings an element of the target: used but for reactions",
}


@dataclass(frozen=True)
class Recipes:
    """A recipe table in one form.

    Attributes:
        frame: `target`, `target_key`, `doi`, `route`, `precursors` (list), `precursor_set` (list of keys), the five
            conditions, `ok`, `reason`; one row per input row, in order.
        dropped: how many condition values fell outside `LIMITS`, by column.
    """

    frame: pl.DataFrame
    dropped: dict[str, int]

    def account(self) -> dict[str, int]:
        """What is wrong or special with the rows, counted; what each count means stands in `COUNTS`."""
        frame = self.frame
        readable = frame.filter("ok")
        names = [
            (parse(target) or {}, [parse(p) for p in given])
            for target, given in readable.select("target", "precursors").drop_nulls().iter_rows()
        ]
        parsed = [(aim, set().union(*(set(p) for p in made if p))) for aim, made in names if all(made)]
        papers = readable.drop_nulls("doi").group_by("doi").agg(pl.col("target_key").n_unique())
        sinter, calcine = (pl.col(f"{step}_temperature_K") for step in ("sinter", "calcine"))
        return {
            "rows": frame.height,
            "no_target": frame.filter(pl.col("target").str.strip_chars().fill_null("") == "").height,
            "unreadable_target": frame.height
            - readable.height
            - frame.filter(pl.col("target").str.strip_chars().fill_null("") == "").height,
            "values_out_of_range": sum(self.dropped.values()),
            "repeated": readable.height - readable.unique(["doi", *REPEATED]).height,
            "calcined_hotter_than_sintered": readable.filter(calcine > sinter).height,
            "rows_of_series": readable.join(papers.filter(pl.col("target_key") > 1), on="doi", how="semi").height,
            "unreadable_precursor": len(names) - len(parsed),
            "dopant_missing_in_target": sum(bool(brought - set(aim) - LEAVES) for aim, brought in parsed),
            "element_without_precursor": sum(bool(set(aim) - VOLATILE - brought) for aim, brought in parsed),
        }


def as_list(value: Any) -> list[str] | None:
    """A precursor cell as list: a list, JSON text of one, or names joined by ";"; None where empty."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                value = json.loads(text)
            except ValueError:
                value = text.strip("[]").replace("'", "").replace('"', "").split(",")
        else:
            value = text.split(";")
    found = [str(v).strip() for v in value if v is not None and str(v).strip()]
    return found or None


def normalise(table: pl.DataFrame, *, labelled: bool = False) -> Recipes:
    """Brings a table into one form.

    Args:
        table: needs `target`; `doi`, `route`, `precursors` and conditions are taken where present.
        labelled: whether a table without route and without any condition is an error.

    Raises:
        InputError: no `target`, an unknown route, or nothing to learn from in a labelled table.
    """
    if "target" not in table.columns:
        raise InputError.of("missing column target", "the recipe table", f"it has {', '.join(table.columns) or 'none'}")
    named = table.rename({**{k: v for k, v in HOURS.items() if k in table.columns and v not in table.columns}})
    conditions, dropped = [], {}
    for name in CONDITIONS:
        values = _condition(named, name)
        low, high = LIMITS[name]
        inside = values.is_between(low, high).fill_null(False)
        dropped[name] = int((values.is_not_null() & ~inside).sum())
        conditions.append(values.set(~inside, None).alias(name))
    route = _routes(named)
    if labelled and not route.drop_nulls().len() and all(not c.drop_nulls().len() for c in conditions):
        raise InputError.of("neither route nor conditions", "the recipe table", "name columns as in recipes.parquet")
    body = _identities(named)
    frame = body.with_columns(route.alias("route"), *conditions)
    return Recipes(frame, dropped)


def _condition(table: pl.DataFrame, name: str) -> pl.Series:
    if name in table.columns:
        return table[name].cast(pl.Float64, strict=False)
    old = next((c for c, ours in CELSIUS.items() if ours == name and c in table.columns), None)
    if old is None:
        return pl.Series(name, [None] * table.height, dtype=pl.Float64)
    return table[old].cast(pl.Float64, strict=False) + ZERO_CELSIUS_K


def _routes(table: pl.DataFrame) -> pl.Series:
    if "route" not in table.columns:
        return pl.Series("route", [None] * table.height, dtype=pl.String)
    written = table["route"].cast(pl.String).str.strip_chars().str.to_lowercase().replace("", None)
    found = written.str.replace_all(r"[_ ]", "-").str.replace("solgel", "sol-gel")
    unknown = sorted(set(found.drop_nulls().unique().to_list()) - set(ROUTES))
    if unknown:
        raise InputError.of(f"route {unknown[0]!r}", "column route", f"use {', '.join(ROUTES)}")
    return found


def _identities(table: pl.DataFrame) -> pl.DataFrame:
    targets = [None if v is None else str(v) for v in table["target"].to_list()]
    parsed = [parse(t) for t in targets]
    reasons = [
        None if a else ("no target" if not (t and t.strip()) else f"target {t!r} is no formula with numbers")
        for t, a in zip(targets, parsed, strict=True)
    ]
    lists = (
        [as_list(v) for v in table["precursors"].to_list()] if "precursors" in table.columns else [None] * table.height
    )
    doi = (
        table["doi"].cast(pl.String).str.to_lowercase()
        if "doi" in table.columns
        else pl.Series([None] * table.height, dtype=pl.String)
    )
    return pl.DataFrame(
        {
            "target": pl.Series(targets, dtype=pl.String),
            "target_key": pl.Series([key(a) if a else None for a in parsed], dtype=pl.String),
            "doi": doi,
            "precursors": pl.Series(lists, dtype=pl.List(pl.String)),
            "precursor_set": pl.Series(
                [sorted({precursor_key(p) for p in v}) if v else None for v in lists], dtype=pl.List(pl.String)
            ),
            "ok": pl.Series([a is not None for a in parsed], dtype=pl.Boolean),
            "reason": pl.Series(reasons, dtype=pl.String),
        }
    )
