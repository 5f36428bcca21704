"""Hand-written checks of bias, chosen by the columns that a table has. The measures are in `models.bias`."""

from datetime import UTC, datetime

import polars as pl

from dagster_project.quality.model import Check, Measured, Others
from schemas.core import Table, Type

LABELS = ("label", "label_name", "true_label")
GROUPS = (
    "family",
    "family_ln",
    "family_tm_anion",
    "route",
    "chemsys",
    "source",
    "source_name",
    "crystal_system",
    "prototype",
)
FORMULAS = ("formula_reduced", "formula", "target_formula", "target")
SPLIT_KEYS = ("document_id", "doi", *FORMULAS)
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
    found += [bias.value_spread(frame, group=group, value=label) for group in groups if label]
    return bias.as_table(pl.concat(found), table=table.name, version=version, at=datetime.now(UTC))


def bias_checks(table: Table) -> list[Check]:
    """The hand-written checks that the columns of a table allow."""
    # a label with its probabilities beside it is a prediction: its balance is a result, not a defect of the data
    predicted = any(c.startswith("p_") for c in table.column_names)
    label = None if predicted else _first(table, LABELS)
    formula = _first(table, FORMULAS)
    labelled = label is not None and table.layer in ("raw", "core", "feat")
    found: list[Check] = []
    if labelled and label:
        found.append(_class_balance(label))
        found += [_duplicates(formula, label)] if formula else []
    if table.layer in ("core", "feat"):
        found += [_sentinels(_physical(table), label)] if _physical(table) else []
        found += [_coverage(c) for c in ("family",) if c in table.column_names]
    if "split" in table.column_names:
        found += [_split_leakage(k) for k in SPLIT_KEYS if k in table.column_names]
    if table.layer == "pred":
        found += [_varies(c.name) for c in table.columns if c.name == "p_mit"]
    return found


def _class_balance(label: str) -> Check:
    def measure(frame: pl.DataFrame, _others: Others | None) -> Measured:
        from models.bias import class_balance

        labelled = frame.drop_nulls([label])
        if labelled.height < FEW:
            return Measured(value=None, text=f"{labelled.height} labelled rows: too few to judge")
        found = class_balance(labelled, label=label)
        shares = found.filter(pl.col("metric_name") == "share")
        text = ", ".join(f"{g} {v:.1%}" for g, v in shares.select("group_value", "metric_value").iter_rows())
        return Measured(value=_metric(found, "minority_share") or 0.0, text=text)

    return Check(
        name=f"class balance of {label}",
        severity="warning",
        owner="team:quality",
        remedy="a class is nearly absent: collect more of it, or report per-class scores only",
        measure=measure,
        low=0.02,
    )


def _coverage(group: str) -> Check:
    def measure(frame: pl.DataFrame, _others: Others | None) -> Measured:
        from models.bias import coverage

        known = frame.drop_nulls([group])
        if known.height < FEW:
            return Measured(value=None, text=f"{known.height} rows with a {group}: too few to judge")
        found = coverage(known, group=group)
        largest = _metric(found, "largest_share") or 0.0
        groups, effective = _metric(found, "groups") or 0.0, _metric(found, "effective_groups") or 0.0
        return Measured(
            value=largest,
            text=f"{groups:.0f} groups, effectively {effective:.1f}; largest {largest:.1%}",
        )

    return Check(
        name=f"coverage of {group}",
        severity="warning",
        owner="team:quality",
        remedy=f"one {group} holds most rows: validate by leaving {group} out, and select the next documents elsewhere",
        measure=measure,
        high=0.6,
    )


def _sentinels(columns: tuple[str, ...], label: str | None) -> Check:
    def measure(frame: pl.DataFrame, _others: Others | None) -> Measured:
        from models.bias import sentinel_zeros

        if frame.height < FEW:
            return Measured(value=None, text=f"{frame.height} rows: too few to judge")
        found = sentinel_zeros(frame, columns=columns, label=label).filter(pl.col("metric_name") == "sentinel_share")
        rows = int(found.get_column("group_rows").sum() or 0)
        named = ", ".join(f"{c}: {n}" for c, n in found.select("group_column", "group_rows").iter_rows())
        return Measured(value=float(rows), text=named or "no zeros that stand apart", failing_rows=rows)

    return Check(
        name="sentinel zeros",
        severity="warning",
        owner="team:quality",
        remedy="zeros that stand apart are failed calculations: set them to null, they tell labels to a model",
        measure=measure,
        high=0.0,
    )


def _duplicates(formula: str, label: str) -> Check:
    def measure(frame: pl.DataFrame, _others: Others | None) -> Measured:
        from models.bias import duplicate_disagreement

        found = duplicate_disagreement(frame, keys=(formula,), value=label).filter(
            pl.col("metric_name").str.starts_with("disagreeing")
        )
        repeats = int(found.get_column("group_rows").sum() or 0)
        share = max(found.get_column("metric_value").drop_nulls().to_list(), default=None)
        if share is None or repeats < 5:
            return Measured(value=None, text=f"{repeats} formulas repeat: too few to judge")
        return Measured(value=share, text=f"{share:.1%} of {repeats} repeated formulas carry several labels")

    return Check(
        name=f"repeats agree on {label}",
        severity="warning",
        owner="team:quality",
        remedy="polymorphs may differ; else settle the label from the sources and keep the reason",
        measure=measure,
        high=0.5,
    )


def _split_leakage(key: str) -> Check:
    def measure(frame: pl.DataFrame, _others: Others | None) -> Measured:
        from models.bias import leakage

        train, test = (frame.filter(pl.col("split").cast(pl.String) == side) for side in ("train", "test"))
        if not train.height or not test.height:
            return Measured(value=None, text="no train and test rows")
        found = leakage(train, test, keys=(key,)).row(0, named=True)
        return Measured(
            value=float(found["test_rows"]),
            text=f"{found['shared_values']} values on both sides",
            failing_rows=found["test_rows"],
        )

    return Check(
        name=f"train and test share no {key}",
        severity="blocking",
        owner="team:quality",
        remedy=f"split by {key}, not by row",
        measure=measure,
        high=0.0,
    )


def _varies(column: str) -> Check:
    def measure(frame: pl.DataFrame, _others: Others | None) -> Measured:
        known = frame.get_column(column).drop_nulls()
        if len(known) < FEW:
            return Measured(value=None, text=f"{len(known)} predictions: too few to judge")
        return Measured(value=float(known.n_unique()), text=f"{known.n_unique()} distinct values")

    return Check(
        name=f"{column} varies",
        severity="warning",
        owner="team:quality",
        remedy="a constant prediction means that the features did not reach the model",
        measure=measure,
        low=2.0,
    )


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
