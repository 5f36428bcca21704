"""Hand-written checks of bias, chosen by the columns that a table has. The measures are in `models.bias`."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import polars as pl

from dagster_project.quality.model import Check, Measured, Severity
from schemas.core import Table, Type
from schemas.rules import probabilities

# The columns that the checks look for; a test holds each name to a declared table.
LABELS = ("label_name", "label")
FAMILIES = ("family_ln", "family_tm_anion")
GROUPS = (*FAMILIES, "family", "route", "chemsys", "source", "prototype", "space_group_number")
FORMULAS = ("formula_reduced", "formula", "target")
FEW = 30  # below this many rows a share says little, and no bias check speaks


def bias_metrics(table: Table, frame: pl.DataFrame, *, version: int = 0) -> pl.DataFrame:
    """Measures how unevenly a table covers its labels and groups.

    Returns:
        Rows of `meta.bias_metrics`; none for a table without labels and groups.
    """
    from models import bias

    found: list[pl.DataFrame] = [pl.DataFrame(schema=bias.METRICS)]
    label = _first(table, LABELS)
    if label:
        found += [bias.class_balance(frame, label=label)]
        found += [
            bias.sentinel_zeros(frame, columns=physical, label=label) for physical in [_physical(table)] if physical
        ]
        formula = _first(table, FORMULAS)
        found += [bias.duplicate_disagreement(frame, keys=(formula,), value=label)] if formula else []
    groups = [c for c in GROUPS if c in table.column_names]
    found += [bias.coverage(frame, group=group) for group in groups]
    held = _first(table, FORMULAS)
    if held and table.layer == "core":
        found.append(bias.by_element(frame, formula=held))
    found += [bias.value_spread(frame, group=group, value=label) for group in groups if label]
    return bias.as_table(pl.concat(found), table=table.name, version=version, at=datetime.now(UTC))


def narrowed(table: Table, rows: pl.LazyFrame) -> pl.DataFrame:
    """The columns that hand-written checks, bias metrics and foreign keys look at; texts stay where they are."""
    named = {*LABELS, *GROUPS, *FORMULAS, *_physical(table), *probabilities(table.row_rules)}
    named |= {c for key in table.foreign_keys for c in key.columns}
    named |= {r for key in table.foreign_keys if key.table == table.name for r in key.references}
    return rows.select(c for c in table.column_names if c in named or c == table.key[0]).collect(engine="streaming")


def bias_checks(table: Table) -> list[Check]:
    """The hand-written checks that the columns of a table allow."""
    # a label with its probabilities beside it is a prediction: its balance is a result, not a defect of the data
    predicted = any(c.startswith("p_") for c in table.column_names)
    data = table.layer in ("raw", "core", "feat")
    label = None if predicted or not data else _first(table, LABELS)
    formula = _first(table, FORMULAS)
    families = [c for c in FAMILIES if c in table.column_names and data]
    found: list[Check] = []
    if label:
        found += [_class_balance(label)]
        found += [_duplicates(formula, label)] if formula else []
        found += [_fold_leakage(family, formula, label) for family in families if formula]
    if table.layer in ("core", "feat", "file") and _physical(table):
        found.append(_sentinels(_physical(table), label))
    found += [_coverage(c) for c in families]
    classes = probabilities(table.row_rules)
    return found + ([_varies(classes)] if classes else [])


def _check(
    name: str,
    measure: Callable[[pl.DataFrame], Measured],
    remedy: str,
    *,
    severity: Severity = "warning",
    low: float | None = None,
    high: float | None = None,
) -> Check:
    return Check(
        name=name,
        severity=severity,
        owner="team:quality",
        remedy=remedy,
        measure=lambda frame, _others: measure(frame),
        low=low,
        high=high,
    )


def _too_few(count: int, what: str) -> Measured:
    return Measured(value=None, text=f"{count} {what}: too few to judge")


def _class_balance(label: str) -> Check:
    return _check(
        f"class balance of {label}",
        partial(_minority, label=label),
        "a class is nearly absent: collect more of it, or report per-class scores only",
        low=0.02,
    )


def _minority(frame: pl.DataFrame, *, label: str) -> Measured:
    from models.bias import class_balance

    labelled = frame.drop_nulls([label])
    if labelled.height < FEW:
        return _too_few(labelled.height, "labelled rows")
    found = class_balance(labelled, label=label)
    shares = found.filter(pl.col("metric_name") == "share")
    text = ", ".join(f"{g} {v:.1%}" for g, v in shares.select("group_value", "metric_value").iter_rows())
    return Measured(value=_metric(found, "minority_share") or 0.0, text=text)


def _coverage(group: str) -> Check:
    return _check(
        f"coverage of {group}",
        partial(_largest, group=group),
        f"one {group} holds most rows: validate by leaving {group} out, and select the next documents elsewhere",
        high=0.6,
    )


def _largest(frame: pl.DataFrame, *, group: str) -> Measured:
    from models.bias import coverage

    known = frame.drop_nulls([group])
    if known.height < FEW:
        return _too_few(known.height, f"rows with a {group}")
    found = coverage(known, group=group)
    largest, groups, effective = (_metric(found, m) or 0.0 for m in ("largest_share", "groups", "effective_groups"))
    text = f"{groups:.0f} groups, effectively {effective:.1f}; largest {largest:.1%}"
    return Measured(value=largest, text=text)


def _sentinels(columns: tuple[str, ...], label: str | None) -> Check:
    return _check(
        "sentinel zeros",
        partial(_placeholders, columns=columns, label=label),
        "zeros that stand apart are failed calculations: set them to null, they tell labels to a model",
        high=0.0,
    )


def _placeholders(frame: pl.DataFrame, *, columns: tuple[str, ...], label: str | None) -> Measured:
    from models.bias import sentinel_zeros

    if frame.height < FEW:
        return _too_few(frame.height, "rows")
    found = sentinel_zeros(frame, columns=columns, label=label).filter(pl.col("metric_name") == "sentinel_share")
    rows = int(found.get_column("group_rows").sum() or 0)
    named = ", ".join(f"{c}: {n}" for c, n in found.select("group_column", "group_rows").iter_rows())
    return Measured(value=float(rows), text=named or "no zeros that stand apart", failing_rows=rows)


def _duplicates(formula: str, label: str) -> Check:
    return _check(
        f"repeats agree on {label}",
        partial(_disagreeing, formula=formula, label=label),
        "polymorphs may differ; else settle the label from the sources and keep the reason",
        high=0.5,
    )


def _disagreeing(frame: pl.DataFrame, *, formula: str, label: str) -> Measured:
    from models.bias import duplicate_disagreement

    found = duplicate_disagreement(frame, keys=(formula,), value=label).filter(
        pl.col("metric_name").str.starts_with("disagreeing")
    )
    repeats = int(found.get_column("group_rows").sum() or 0)
    share = max(found.get_column("metric_value").drop_nulls().to_list(), default=None)
    if share is None or repeats < 5:
        return _too_few(repeats, "repeated formulas")
    return Measured(value=share, text=f"{share:.1%} of {repeats} repeated formulas carry several labels")


def _fold_leakage(family: str, formula: str, label: str) -> Check:
    return _check(
        f"folds by {family} share no {formula}",
        partial(_shared_by_folds, family=family, formula=formula, label=label),
        f"the same {formula} stands in several {family}: give it one, or scores of grouped folds are flattered",
        severity="blocking",
        high=0.0,
    )


def _shared_by_folds(frame: pl.DataFrame, *, family: str, formula: str, label: str) -> Measured:
    """Rows whose formula stands in several families: folds that leave families out would share it."""
    known = frame.select(family, formula, label).drop_nulls()
    if known.height < FEW or known[family].n_unique() < 2:
        return _too_few(known.height, f"labelled rows in {known[family].n_unique()} {family}")
    several = known.group_by(formula).agg(pl.len().alias("n"), pl.col(family).n_unique().alias("families"))
    rows = int(several.filter(pl.col("families") > 1)["n"].sum())
    return Measured(value=float(rows), text=f"{rows} rows have a formula of several {family}", failing_rows=rows)


def _varies(columns: tuple[str, ...]) -> Check:
    return _check(
        f"{', '.join(columns)} vary",
        partial(_distinct, columns=columns),
        "a constant prediction means that the features did not reach the model",
        low=2.0,
    )


def _distinct(frame: pl.DataFrame, *, columns: tuple[str, ...]) -> Measured:
    known = frame.select(columns).drop_nulls()
    if known.height < FEW:
        return _too_few(known.height, "predictions")
    kinds = known.n_unique()
    return Measured(value=float(kinds), text=f"{kinds} distinct predictions")


def _first(table: Table, names: tuple[str, ...]) -> str | None:
    return next((n for n in names if n in table.column_names), None)


def _physical(table: Table) -> tuple[str, ...]:
    """Float columns in a physical unit of which 0 is not an ordinary value, as it is of gaps and moments."""
    usual = ("gap", "mag", "moment", "hull", "share", "fraction", "charge", "p_")
    return tuple(
        c.name
        for c in table.columns
        if c.type is Type.FLOAT and c.unit not in (None, "1", "count") and not any(u in c.name.lower() for u in usual)
    )


def _metric(metrics: pl.DataFrame, name: str) -> float | None:
    found = metrics.filter(pl.col("metric_name") == name).get_column("metric_value")
    return None if not len(found) or found[0] is None else float(found[0])
