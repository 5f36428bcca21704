"""From a frame of formulas (and perhaps structure features) to matrices: masking, batching, labels, groups.

The published table marks failed features by exact zeros and by k-nearest-neighbour imputation, and both leak the
label (no zero belongs to an MIT compound). They are masked here, before any model sees them.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.screening import CLASSES
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError

STRUCTURE_FEATURES = (
    "gii",
    "est_hubbard_u",
    "est_charge_trans",
    "ewald_energy_per_atom",
    "avg_dev_Electronegativity",
    "range_MendeleevNumber",
    "avg_dev_CovalentRadius",
    "avg_mm_dists",
    "avg_mx_dists",
    "avg_xx_dists",
)
NEVER_ZERO = ("gii", "ewald_energy_per_atom", "avg_mm_dists", "avg_mx_dists", "avg_xx_dists")
FEATURE_SETS = ("composition", "structure", "both")
GROUPINGS = ("random", "chemsys", "family_ln", "family_tm_anion", "formula_anonymous")


@dataclass(frozen=True)
class Matrix:
    """Features of n rows.

    Attributes:
        names: feature names, one a column.
        values: n x d, NaN where missing.
        ok: which rows have a readable formula.
        reason: why not, else None.
    """

    names: tuple[str, ...]
    values: Floats
    ok: Bools
    reason: tuple[str | None, ...]


def mask_sentinels(frame: pl.DataFrame) -> pl.DataFrame:
    """Sets exact zeros of features that cannot be zero, and imputed values, to null."""
    changes = []
    for name in STRUCTURE_FEATURES:
        if name not in frame.columns:
            continue
        values, bad = numbers(frame, name), pl.lit(False)
        if name in NEVER_ZERO:
            bad = bad | (values == 0)
        if f"{name}_imputed" in frame.columns:
            bad = bad | pl.col(f"{name}_imputed").cast(pl.Boolean, strict=False).fill_null(False)
        changes.append(pl.when(bad).then(None).otherwise(values).alias(name))
    return frame.with_columns(changes)


def numbers(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column as numbers whatever a file made of it; null where a cell is none.

    Raises:
        InputError: it holds lists or objects.
    """
    if frame.schema[name].is_nested():
        raise InputError.of(f"lists or objects in column {name}", "the table", "give one number a row")
    return frame[name].cast(pl.Float64, strict=False)


def truths(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column as yes or no whatever a file made of it; null where a cell is neither.

    Raises:
        InputError: it holds lists or objects.
    """
    given = frame[name]
    if given.dtype != pl.String:
        return numbers(frame, name).cast(pl.Boolean)
    told = {"true": True, "false": False}
    return given.str.to_lowercase().replace_strict(told, default=None, return_dtype=pl.Boolean)


def need_columns(frame: pl.DataFrame, names: tuple[str, ...], where: str) -> None:
    """Checks that columns are there.

    Raises:
        InputError: a column is missing.
    """
    missing = [n for n in names if n not in frame.columns]
    if missing:
        raise InputError.of(
            f"missing column {', '.join(missing)}", where, f"it has {', '.join(frame.columns) or 'none'}"
        )


def composition_matrix(frame: pl.DataFrame, stored: pl.DataFrame | None = None) -> Matrix:
    """Extended composition features of the `formula` column; each distinct formula is looked up or computed once.

    Args:
        frame: needs `formula`.
        stored: rows of feat.composition; what they lack is computed.
    """
    from etl.features.composition import SETS, composition

    need_columns(frame, ("formula",), "the table")
    names = SETS["extended"]
    asked = frame.select(pl.col("formula").cast(pl.String))
    distinct = asked.unique(maintain_order=True)
    known = distinct.clear() if stored is None else distinct.join(stored, on="formula", how="semi")
    fresh = composition(distinct.join(known, on="formula", how="anti", nulls_equal=True), set="extended")
    made = fresh.select("formula", "ok", "reason", *names)
    if stored is not None:
        need_columns(stored, names, "feat.composition")
        kept = known.join(stored.select("formula", *names), on="formula", how="left", maintain_order="left")
        told = (pl.lit(True).alias("ok"), pl.lit(None, dtype=pl.String).alias("reason"))
        made = pl.concat([kept.with_columns(told).select(made.columns), made])
    place = asked.join(
        made.select("formula").with_row_index("place"),
        on="formula", how="left", nulls_equal=True, maintain_order="left",
    )  # fmt: skip
    order = place["place"].to_numpy()
    values = made.select(pl.col(names).cast(pl.Float64)).to_numpy()[order]
    reasons = made["reason"].to_list()
    ok = made["ok"].to_numpy()[order].astype(bool)
    return Matrix(names, np.where(np.isfinite(values), values, np.nan), ok, tuple(reasons[i] for i in order))


def structure_matrix(frame: pl.DataFrame) -> Matrix:
    """The ten structure features, masked; NaN where a column or value is absent."""
    masked = mask_sentinels(frame)
    columns = [
        masked[n].to_numpy().astype(float) if n in masked.columns else np.full(masked.height, np.nan)
        for n in STRUCTURE_FEATURES
    ]
    values = np.column_stack(columns) if masked.height else np.empty((0, len(STRUCTURE_FEATURES)))
    values = np.where(np.isfinite(values), values, np.nan)
    return Matrix(STRUCTURE_FEATURES, values, np.ones(masked.height, bool), (None,) * masked.height)


def matrix(frame: pl.DataFrame, features: str, stored: pl.DataFrame | None = None) -> Matrix:
    """Features of one of `FEATURE_SETS`; rows with an unreadable formula stay, all NaN.

    Args:
        frame: `formula`, and the ten structure features where the set asks for them.
        features: which set.
        stored: rows of feat.composition; what they lack is computed.

    Raises:
        InputError: unknown set or no `formula` column.
    """
    if features not in FEATURE_SETS:
        raise InputError.of(f"unknown features {features!r}", "--features", f"choose one of {', '.join(FEATURE_SETS)}")
    made = composition_matrix(frame, stored)
    if features == "composition":
        return made
    built = structure_matrix(frame)
    if features == "structure":
        return Matrix(built.names, built.values, made.ok, made.reason)
    # Three of the ten are composition statistics that the composition set may hold under the same name.
    fresh = [i for i, n in enumerate(built.names) if n not in made.names]
    names = made.names + tuple(built.names[i] for i in fresh)
    return Matrix(names, np.hstack([made.values, built.values[:, fresh]]), made.ok, made.reason)


def labels(frame: pl.DataFrame, column: str) -> Ints:
    """Class codes (index into CLASSES); -1 where the label is missing.

    Raises:
        InputError: missing column, or a label that is none of CLASSES nor its code.
    """
    need_columns(frame, (column,), "the labelled table")
    codes = {**{c: i for i, c in enumerate(CLASSES)}, **{str(i): i for i in range(len(CLASSES))}}
    found = [None if v is None else str(v).strip().lower() for v in frame[column].to_list()]
    unknown = sorted({v for v in found if v is not None and v not in codes})
    if unknown:
        raise InputError.of(f"label {unknown[0]!r}", f"column {column}", f"use {', '.join(CLASSES)} or 0, 1, 2")
    return np.array([-1 if v is None else codes[v] for v in found], dtype=np.int64)


def learnable(labelled: pl.DataFrame, label: str, stored: pl.DataFrame | None = None) -> tuple[pl.DataFrame, Ints]:
    """The rows that can be learned from (a readable formula and a label), and their class codes.

    Raises:
        InputError: missing columns, an unknown label, or too few rows or classes.
    """
    made, y = composition_matrix(labelled, stored), labels(labelled, label)
    rows = np.flatnonzero(made.ok & (y >= 0))
    kinds = len(np.unique(y[rows]))
    if len(rows) < 10 or kinds < 2:
        raise InputError.of(
            f"{len(rows)} usable rows of {kinds} classes", "the labelled table", "give at least 10 of 2"
        )
    return labelled[rows.tolist()], y[rows]


def has_structure(frame: pl.DataFrame) -> bool:
    """Whether any structure feature is present that composition alone does not give."""
    return any(
        c in frame.columns and frame[c].null_count() < frame.height for c in ("gii", "avg_mm_dists", "avg_mx_dists")
    )


def groups(frame: pl.DataFrame, grouping: str) -> list[str]:
    """Group of each row: the column of that name, else derived from `formula`; "random" groups equal formulas.

    Raises:
        InputError: a grouping that is neither a column nor one of `GROUPINGS`.
    """
    if grouping == "random":
        return [str(v) for v in frame["formula"].to_list()]
    if grouping in frame.columns:
        return ["(none)" if v is None else str(v) for v in frame[grouping].to_list()]
    if grouping not in GROUPINGS:
        known = ", ".join(GROUPINGS)
        raise InputError.of(
            f"unknown grouping {grouping!r}", "--groups", f"choose from {known} or a column of the table"
        )
    from etl.features import grouping as rules

    made = rules.groupings(frame.select("formula"))
    return ["(none)" if v is None else str(v) for v in made[grouping].to_list()]
