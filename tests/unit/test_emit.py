"""One declaration, three engines, one verdict."""

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


def by_duckdb(found: pl.DataFrame) -> list[int]:
    with duckdb.connect() as connection:
        connection.register("given", found.to_arrow())
        return [connection.execute(sql.violations_sql(TABLE, c, relation="given")).fetchone()[0] for c in checks(TABLE)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_polars_and_duckdb_give_the_same_verdict_per_rule(rows):
    found = frame(*rows)
    counted = polars.violations(found, TABLE)
    assert counted["failing_rows"].to_list() == by_duckdb(found), counted.filter(~pl.col("passed"))
    good, _rejected = polars.conform(found, TABLE)
    assert polars.violations(good, TABLE)["passed"].all()


def test_great_expectations_gives_the_same_verdict_per_rule():
    numbers = [None, -1.0, 0.0, 0.25, 0.75, 1.0, 3000.0, float("nan"), float("inf"), float("-inf")]
    names = ["a", "ab", "a\n", "", " \u00a0\u2003\t", "aé", "A", "NaN", None]
    rows = [
        {
            **GOOD,
            "thing_id": names[i % 9], "part": [None, -1, 0, 5, 6][i % 5], "low_K": numbers[i % 10], "high_K": numbers[(i // 3) % 10],  # noqa: E501
            "p_a": numbers[(i // 2) % 10], "p_b": numbers[(i * 7) % 10], "state": [None, "done", "lost"][i % 3],
            "flag": [None, True, False][i % 3], "tags": [["x"], ["z", None], None, []][i % 4],
            "numbers": [[1.0], [float("nan")], None, [10.0, None]][i % 4], "extra": ["{}", "{", None][i % 3],
        }
        for i in range(60)
    ]  # fmt: skip
    bad, good = frame(*rows), frame(GOOD, {**GOOD, "part": 2})
    suite = gx.suite(TABLE)
    for found in (bad, good):
        assert gx.validate(found, suite).equals(polars.violations(found, TABLE))


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
