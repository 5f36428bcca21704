"""Applies the merge policies of `schemas.merging`: which telling counts, and where sources disagree.

Nothing is decided here: what counts is data. What two data sets as wholes are worth to a model is told in
`models.bias.aggregation`.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from etl.features.formulas import reduced
from schemas.errors import InputError
from schemas.merging import Compared, Order, Policy

DISAGREEMENTS = pl.Schema(
    {
        "table_name": pl.String(),
        "item": pl.String(),
        "column_name": pl.String(),
        "counted": pl.String(),
        "counted_source": pl.String(),
        "others": pl.List(pl.String()),
        "sources": pl.Int64(),
        "difference": pl.Float64(),
        "tolerance": pl.Float64(),
    }
)
"""Rows of core.disagreements."""
_SHOWN = 5  # other sources that a row names
_UNTOLD = "untold"  # a source without a name


def rank(order: Order) -> pl.Expr:
    """Place of each row by an order, smaller first and never null."""
    column = pl.col(order.column)
    if not order.levels:
        return (-column.cast(pl.Float64)).fill_null(float("inf"))
    places = {level: place for place, level in enumerate(order.levels)}
    return column.replace_strict(places, default=places.get(order.missing, len(places)), return_dtype=pl.Int64)


def ranked(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The rows, those that count for more first.

    Raises:
        InputError: see `check`.
    """
    check(frame, policy)
    trusted = Order(column=policy.source, levels=policy.priority)
    by = [rank(trusted)] if policy.priority else []
    by += [rank(policy.fidelity)] if policy.fidelity else []
    later = [pl.col(policy.recency)] if policy.recency else []
    falling = [False] * len(by) + [True] * len(later) + [False] * len(policy.last)
    keys = [*by, *later, *policy.last]
    return frame.sort(keys, descending=falling, nulls_last=True, maintain_order=True) if keys else frame


def check(frame: pl.DataFrame, policy: Policy) -> None:
    """Whether a policy can be applied to a table.

    Raises:
        InputError: a column is missing, the source is part of the key, or text stands where numbers are weighed.
    """
    where = policy.table or "the table"
    if missing := [c for c in policy.used if c not in frame.columns]:
        raise InputError.of(f"missing column {', '.join(missing)}", where, f"it has {', '.join(frame.columns)}")
    if policy.source in policy.key:
        raise InputError.of(f"the source {policy.source} is part of the key", where, "leave it out of the key")
    weighed = [c.column for c in policy.compared if c.tolerance]
    weighed += [policy.fidelity.column] if policy.fidelity and not policy.fidelity.levels else []
    for column in weighed:
        values = frame[column]
        if not values.dtype.is_numeric() and values.dtype != pl.Boolean and values.null_count() < frame.height:
            one = values.drop_nulls().filter(values.drop_nulls().cast(pl.Float64, strict=False).is_null()).first()
            remedy = "mend it, name its levels (COLUMN:BEST,NEXT) or ask for no tolerance"
            raise InputError.of(f"text such as {one!r} in the column {column}", where, remedy)


def by_composition(frame: pl.DataFrame, policy: Policy) -> tuple[pl.DataFrame, Policy]:
    """Table and policy with the reduced formula, a column more, for a key named formula, so that spellings agree.

    What cannot be read stays as written. A table that tells its reduced formulas stays as it is.
    """
    if "formula" not in policy.key or "formula_reduced" in frame.columns:
        return frame, policy
    written = frame["formula"].to_list()
    read = pl.Series("formula_reduced", [f and (reduced(f) or f) for f in written], dtype=pl.String)
    key = tuple("formula_reduced" if c == "formula" else c for c in policy.key)
    return frame.with_columns(read), replace(policy, key=key)


def merged(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row a thing: the telling that counts, whole; rows without a key are left out.

    Returns:
        The rows that count in order of their first telling, with `sources` (how many tell of it) and `disputed` (the
        columns in which they disagree).

    Raises:
        InputError: see `check`.
    """
    keyed = ranked(frame, policy).drop_nulls(policy.key)
    counted = keyed.group_by(policy.key, maintain_order=True).agg(sources=pl.col(policy.source).n_unique())
    apart = [_apart(keyed, policy, c).select(*policy.key, disputed=pl.lit(c.column)) for c in policy.compared]
    first = keyed.unique(policy.key, keep="first", maintain_order=True).join(
        counted, on=policy.key, how="left", maintain_order="left"
    )
    none = pl.lit([], dtype=pl.List(pl.String))
    if not apart:
        return first.with_columns(disputed=none)
    disputed = pl.concat(apart).group_by(policy.key).agg("disputed")
    joined = first.join(disputed, on=policy.key, how="left", maintain_order="left")
    return joined.with_columns(pl.col("disputed").fill_null(none))


def disagreements(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Where sources disagree by more than the policy tolerates, and whose value counts: a frame of `DISAGREEMENTS`.

    A source that tells several numbers of one thing is compared by their median; what counts is one of them.

    Raises:
        InputError: see `check`.
    """
    keyed = ranked(frame, policy).drop_nulls(policy.key)
    parts = [_rows(_apart(keyed, policy, compared), policy, compared) for compared in policy.compared]
    return pl.concat([pl.DataFrame(schema=DISAGREEMENTS), *parts]).sort("column_name", "item")


def mapped(frames: Mapping[str, pl.DataFrame], policies: Mapping[str, Policy]) -> pl.DataFrame:
    """The disagreements within several tables."""
    parts = [disagreements(frame, policies[name]) for name, frame in frames.items()]
    return pl.concat([pl.DataFrame(schema=DISAGREEMENTS), *parts])


def _apart(keyed: pl.DataFrame, policy: Policy, compared: Compared) -> pl.DataFrame:
    """Things whose sources disagree in one column: the key, `who` and `said` in order of trust, `counted`, how far."""
    number = keyed.schema[compared.column].is_numeric()
    value = pl.col(compared.column).cast(pl.Float64 if number else pl.String)
    told = keyed.filter(value.is_finite() if number else value.is_not_null())
    one = value.median() if number else value.first()
    each = told.group_by(*policy.key, policy.source, maintain_order=True).agg(said=one, counted=value.first())
    who = pl.col(policy.source).cast(pl.String).fill_null(_UNTOLD)
    by = each.group_by(policy.key, maintain_order=True).agg(who=who, said="said", counted=pl.col("counted").first())
    several = by.filter(pl.col("who").list.len() > 1)
    if not number:
        return several.filter(pl.col("said").list.n_unique() > 1).with_columns(difference=None, limit=None)
    share = pl.col("said").list.median().abs() if compared.relative else pl.lit(1.0)
    far = pl.col("said").list.max() - pl.col("said").list.min()
    return several.with_columns(difference=far, limit=compared.tolerance * share).filter(
        pl.col("difference") > pl.col("limit")
    )


def _rows(apart: pl.DataFrame, policy: Policy, compared: Compared) -> pl.DataFrame:
    number = apart.schema["said"] == pl.List(pl.Float64)
    one = pl.element().round_sig_figs(6) if number else pl.element()
    counted = pl.col("counted").round_sig_figs(6) if number else pl.col("counted")
    said = pl.col("said").list.eval(one.cast(pl.String)), counted.cast(pl.String)
    texts = apart.with_columns(*said).explode("who", "said").with_columns(told=pl.format("{} ({})", "said", "who"))
    named = texts.group_by(policy.key, maintain_order=True).agg(
        counted=pl.col("counted").first(),
        counted_source=pl.col("who").first(),
        others=pl.col("told").slice(1, _SHOWN),
        sources=pl.len().cast(pl.Int64),
        difference=pl.col("difference").first().cast(pl.Float64),
        tolerance=pl.col("limit").first().cast(pl.Float64),
    )
    return named.select(
        pl.lit(policy.table).alias("table_name"),
        pl.concat_str([pl.col(c).cast(pl.String) for c in policy.key], separator=" | ").alias("item"),
        pl.lit(compared.column).alias("column_name"),
        *DISAGREEMENTS.names()[3:],
    )
