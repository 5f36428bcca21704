"""One declaration, three engines, one verdict."""

import random
from datetime import UTC, date, datetime

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.core import Column, ForeignKey, Registry, Table, Type
from schemas.emit import checks, generate, gx, polars
from schemas.emit import duckdb as sql
from schemas.errors import InputError
from schemas.rules import AnyPresent, AtMost, Between, Finite, Matches, NotBlank, OneOf, PresentWhen, SumsTo
from schemas.tables import REGISTRY

TABLE = Table(
    name="core.things",
    doc="Things for tests; it's quoted.",
    grain="one thing",
    key=("thing_id", "part"),
    columns=(
        Column(name="thing_id", type=Type.STRING, doc="Id.", rules=(NotBlank(), Matches("[a-z]+.?"))),
        Column(name="part", type=Type.INT, doc="Part.", unit="count", rules=(Between(low=0, high=5),)),
        Column(name="low_K", type=Type.FLOAT, doc="Low.", unit="K", nullable=True, rules=(Between(low=0), Finite())),
        Column(name="high_K", type=Type.FLOAT, doc="High.", unit="K", nullable=True, rules=(Between(high=2000.0),)),
        Column(
            name="p_a", type=Type.FLOAT, doc="Probability.", unit="1", nullable=True, rules=(Between(low=0, high=1),)
        ),
        Column(name="p_b", type=Type.FLOAT, doc="Probability.", unit="1", nullable=True, rules=(Finite(),)),
        Column(name="state", type=Type.STRING, doc="State.", nullable=True, rules=(OneOf(("done", "it's")),)),
        Column(name="flag", type=Type.BOOL, doc="Flag."),
        Column(name="tags", type=Type.STRINGS, doc="Tags.", nullable=True, rules=(OneOf(("x", "y")),)),
        Column(
            name="numbers",
            type=Type.FLOATS,
            doc="Numbers.",
            unit="1",
            nullable=True,
            rules=(Between(low=0, high=9), Finite()),
        ),
        Column(name="extra", type=Type.JSON, doc="Extra.", nullable=True),
        Column(name="seen_at", type=Type.TIMESTAMP, doc="Seen.", nullable=True, volatile=True),
        Column(name="day", type=Type.DATE, doc="Day.", nullable=True),
    ),
    row_rules=(
        AtMost("low_K", "high_K"),
        SumsTo(("p_a", "p_b"), 1.0),
        PresentWhen("day", "state", "done"),
        PresentWhen("low_K", "flag", "true"),
        AnyPresent(("low_K", "high_K", "state")),
    ),
)
GOOD = {
    "thing_id": "ab", "part": 1, "low_K": 1.0, "high_K": 2.0, "p_a": 0.25, "p_b": 0.75, "state": "it's", "flag": True,
    "tags": ["x"], "numbers": [1.0, None], "extra": '{"a": [1, null]}', "seen_at": None, "day": None,
}  # fmt: skip
_FLOATS = st.one_of(
    st.none(), st.sampled_from([-1.0, 0.0, 0.25, 0.75, 1.0, 3000.0, float("nan"), float("inf"), float("-inf")])
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "thing_id": st.sampled_from(["a", "ab", "a\n", "", " \u00a0\u2003\t", "aé", "A", "NaN", None]),
            "part": st.sampled_from([None, -1, 0, 5, 6]),
            "low_K": _FLOATS,
            "high_K": _FLOATS,
            "p_a": _FLOATS,
            "p_b": _FLOATS,
            "state": st.sampled_from([None, "done", "it's", "lost"]),
            "flag": st.sampled_from([None, True, False]),
            "tags": st.one_of(st.none(), st.lists(st.sampled_from(["x", "y", "z", None]), max_size=3)),
            "numbers": st.one_of(st.none(), st.lists(_FLOATS, max_size=3)),
            "extra": st.sampled_from([None, "{}", "[1]", '"a"', "null", "{", "nope", ""]),
            "seen_at": st.none(),
            "day": st.one_of(st.none(), st.dates()),
        }
    ),
    max_size=6,
)


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=polars.schema(TABLE))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_polars_and_duckdb_give_the_same_verdict_per_rule(rows):
    found = frame(*rows)
    counted = polars.violations(found, TABLE)
    assert counted["failing_rows"].to_list() == duckdb_counts(found, TABLE), counted.filter(~pl.col("passed"))
    good, _rejected = polars.conform(found, TABLE)
    assert polars.violations(good, TABLE)["passed"].all()


@pytest.fixture(scope="module")
def suite() -> gx.Suite:
    return gx.suite(TABLE)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_great_expectations_gives_the_same_verdict_per_rule(suite, rows):
    found = frame(*rows, GOOD)
    assert gx.validate(found, suite).equals(polars.violations(found, TABLE))


def test_a_rule_that_every_row_breaks_is_broken_for_great_expectations_too(suite):
    bad = frame(*({**GOOD, **cell, "part": 1} for cell in BROKEN))
    assert polars.violations(bad, TABLE).filter("passed").height < len(checks(TABLE)) / 3
    assert gx.validate(bad, suite).equals(polars.violations(bad, TABLE))


BROKEN = (
    {"thing_id": "A\n", "low_K": float("nan"), "high_K": float("inf"), "p_a": -1.0, "p_b": float("-inf")},
    {"thing_id": None, "flag": None, "state": "lost", "tags": ["z", None], "numbers": [float("nan")], "extra": "{"},
    {"thing_id": " \u00a0", "low_K": None, "high_K": None, "state": None, "numbers": [10.0]},
    {"state": "done", "extra": None, "tags": [], "low_K": 3.0, "p_a": 1.0},
)


def sound(table, *, rows, seed):
    """Rows that keep every rule of a table, drawn at random."""
    chance = random.Random(seed)
    made = [{c.name: value(c, i, c.name in table.key, chance) for c in table.columns} for i in range(rows)]
    for row in made:
        for rule in table.row_rules:
            if isinstance(rule, SumsTo):
                row |= dict.fromkeys(rule.columns, rule.total / len(rule.columns))
            elif isinstance(rule, PresentWhen | AnyPresent):
                raise AssertionError(f"{table.name}: teach `sound` this rule: {rule}")
        pairs = [(r.left, r.right) for r in table.row_rules if isinstance(r, AtMost)]
        for left, right in pairs * len(pairs):  # each pass lets a value sink one place along a chain
            if row[left] is not None and row[right] is not None and row[left] > row[right]:
                row[left], row[right] = row[right], row[left]
    return made


def value(column, i, is_key, chance):
    """A value that the column allows; distinct for each row of a key column, where the type lets it."""
    closed = next((r.values for r in column.rules if isinstance(r, OneOf)), None)
    low, high = next(((r.low or 0, r.high) for r in column.rules if isinstance(r, Between)), (0, None))
    if column.nullable and chance.random() < 0.3:
        return None
    assert not any(isinstance(r, Matches) for r in column.rules), f"teach `value` the pattern of {column.name}"
    top = low + 10 if high is None else high
    made = {
        Type.STRING: lambda: chance.choice(closed) if closed else f"{'k' if is_key else chance.choice('aé∞')}{i}",
        Type.INT: lambda: int(low) + i if is_key else chance.randint(int(low), int(top)),
        Type.FLOAT: lambda: chance.uniform(low, top),
        Type.BOOL: lambda: chance.random() < 0.5,
        Type.TIMESTAMP: lambda: datetime(2026, 1, 1 + i, tzinfo=UTC),
        Type.DATE: lambda: date(2026, 1, 1 + i),
        Type.STRINGS: lambda: [chance.choice(closed or ("x", "y")) for _ in range(chance.randint(0, 3))],
        Type.FLOATS: lambda: [chance.uniform(low, top) for _ in range(chance.randint(0, 3))],
        Type.JSON: lambda: chance.choice(("{}", '{"a": [1, null]}', "3")),
    }
    return made[column.type]()


def breaking(check, table, good):
    """The row with one cell, or the few of a row rule, changed so that it breaks the check."""
    match check.kind, check.rule:
        case "present", _:
            return {**good, check.subject.name: None}
        case "json", _:
            return {**good, check.subject.name: "{"}
        case "row", SumsTo(columns, total, _):
            return good | dict.fromkeys(columns, total)
        case "row", AtMost(left, right):
            return {**good, right: 1, left: 2}
        case "column", rule:
            wrong = {Between: _outside, OneOf: lambda _: "no such", NotBlank: lambda _: "\u2003", Finite: _infinite}
            bad = wrong[type(rule)](rule)
            listed = check.subject.type in (Type.STRINGS, Type.FLOATS)
            return {**good, check.subject.name: [bad] if listed else bad}
    raise AssertionError(f"teach `breaking` {check}")


def _outside(rule):
    return rule.low - 1 if rule.low is not None else rule.high + 1


def _infinite(_rule):
    return float("inf")


def broken(table, seed):
    """A frame in which row i breaks at least the i-th check; the last two rows share their key."""
    each = [c for c in checks(table) if c.kind != "key" and not (c.rule == Finite() and c.subject.type is Type.INT)]
    good = sound(table, rows=len(each) + 2, seed=seed)
    rows = [breaking(check, table, row) for check, row in zip(each, good[:-2], strict=True)]
    rows += [good[-2], {**good[-1], **{k: good[-2][k] for k in table.key}}]
    return each, pl.DataFrame(rows, schema=polars.schema(table), orient="row", strict=False)


def duckdb_counts(found, table):
    with duckdb.connect() as connection:
        connection.register("given", found.to_arrow())
        query = [sql.violations_sql(table, c, relation="given") for c in checks(table)]
        return [connection.execute(q).fetchone()[0] for q in query]


@pytest.mark.parametrize("table", REGISTRY, ids=lambda t: t.name)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_every_declared_table_gets_one_verdict_from_polars_and_duckdb(table, seed):
    good = pl.DataFrame(sound(table, rows=6, seed=seed), schema=polars.schema(table), orient="row", strict=False)
    assert polars.violations(good, table)["failing_rows"].to_list() == [0] * len(checks(table))
    assert duckdb_counts(good, table) == [0] * len(checks(table))
    each, bad = broken(table, seed)
    counted = polars.violations(bad, table)
    assert counted["failing_rows"].to_list() == duckdb_counts(bad, table), counted.filter(~pl.col("passed"))
    for i, check in enumerate(each):
        assert bad.select(polars.violation(check, table)).item(i, 0), check.name
    assert counted["failing_rows"][-1] == 2


@pytest.mark.parametrize("name", ["core.labels", "pred.screening", "pred.families", "design.traces", "raw.documents"])
def test_declared_tables_get_the_same_verdict_from_great_expectations(name):
    table = REGISTRY[name]
    suite = gx.suite(table)
    good = pl.DataFrame(sound(table, rows=6, seed=7), schema=polars.schema(table), orient="row", strict=False)
    for found in (good, broken(table, 7)[1]):
        assert gx.validate(found, suite).equals(polars.violations(found, table))


def test_conform_names_the_rule_that_failed_and_keeps_the_row():
    good, rejected = polars.conform(frame(GOOD, {**GOOD, "part": 9}), TABLE)
    assert good.height == 1
    assert rejected.rows(named=True)[0] | {"row": ""} == {
        "table": "core.things", "row_key": '{"thing_id": "ab", "part": 9}', "column": "part", "rule": "between 0 and 5",
        "value": "9", "row": "",
    }  # fmt: skip
    assert '"low_K": 1.0' in rejected["row"][0]


def test_identical_rows_count_once_and_differing_rows_of_one_key_are_all_rejected():
    found = polars.inspect(frame(GOOD, GOOD, {**GOOD, "part": 2}, {**GOOD, "part": 2, "low_K": 0.5}), TABLE)
    assert (found.good.height, found.rejected_rows, found.repeated) == (1, 2, 1)
    assert set(found.rejected["rule"]) == {"duplicate key"}


def test_lossless_casts_pass_and_others_are_refused():
    narrow = frame(GOOD).with_columns(
        pl.col("part").cast(pl.Int8), pl.col("low_K").cast(pl.Int64), pl.lit(None).alias("day")
    )
    assert polars.conform(narrow, TABLE)[0].schema == polars.schema(TABLE)
    for wrong in (pl.lit("1").alias("part"), pl.lit(1.5).alias("part"), pl.lit(1).alias("thing_id")):
        with pytest.raises(InputError, match=r"core\.things: give"):
            polars.conform(frame(GOOD).with_columns(wrong), TABLE)
    with pytest.raises(InputError, match="missing column day in"):
        polars.conform(frame(GOOD).drop("day"), TABLE)
    with pytest.raises(InputError, match="undeclared column more in"):
        polars.conform(frame(GOOD).with_columns(more=1), TABLE)


def test_an_empty_frame_conforms():
    good, rejected = polars.conform(polars.empty(TABLE), TABLE)
    assert good.height == rejected.height == 0


def test_the_ddl_runs_and_carries_the_comments():
    with duckdb.connect() as connection:
        connection.execute(sql.ddl(Registry({TABLE.name: TABLE})))
        found = dict(
            connection.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'core'"
            ).fetchall()
        )
    assert found["low_K"] == "Low. [K]"
    assert list(found) == list(TABLE.column_names)


def test_drift_is_seen(tmp_path):
    registry = Registry({TABLE.name: TABLE})
    for name, text in generate.generated(registry).items():
        (tmp_path / name).write_text(text)
    assert generate.drift(registry, tmp_path) == []
    (tmp_path / "ddl.sql").write_text("old")
    assert generate.drift(registry, tmp_path) == ["ddl.sql"]


def test_foreign_keys_become_frictionless_references():
    from schemas.emit import frictionless

    child = Table(
        name="core.parts", doc="d", grain="g", key=("thing_id",), columns=(TABLE.columns[0],),
        foreign_keys=(ForeignKey(columns=("thing_id",), table="core.things", references=("thing_id",)),),
    )  # fmt: skip
    described = frictionless.resource(child)
    assert described["schema"]["foreignKeys"][0]["reference"]["resource"] == "core.things"
