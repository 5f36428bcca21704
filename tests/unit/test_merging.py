"""Several tellings of one thing: which counts is decided by a policy that is data, and where they differ is told."""

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl.merging import DISAGREEMENTS, disagreements, mapped, merged, rank
from etl.structures.pool import labelled
from etl.text import tables
from schemas.errors import InputError
from schemas.merging import LABELS, MEASURED_FIRST, POLICIES, RECIPES, STRUCTURES, Compared, Order, Policy
from schemas.tables import REGISTRY

GAPS = pl.DataFrame(
    {
        "formula": ["VO2", "VO2", "VO2", "CaO", "CaO", "NiO", "NiO", None],
        "source": ["pbe", "expt", "expt", "pbe", "pbe", "pbe", "expt", "pbe"],
        "year": [2020, 1999, 2010, 2001, 2015, 2022, 1990, 2000],
        "gap": [0.0, 0.6, 0.7, 3.5, 3.6, 1.0, None, 1.0],
    }
)
POLICY = Policy(
    key=("formula",), priority=("expt", "pbe"), recency="year", compared=(Compared(column="gap", tolerance=0.5),)
)


def told(*rows: tuple[str, str, str, float | None, float]) -> pl.DataFrame:
    """Rows of core.labels, as far as they matter here: formula, source, label, temperature, confidence."""
    names = ("formula", "source", "label_name", "transition_temperature_K", "confidence")
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(
        curated=pl.col("source").is_in(["labelled_compounds", "transition_facts"]),
        chemsys=pl.col("formula"),
        family_ln=pl.col("formula"),
        family_tm_anion=pl.col("formula"),
    )


def test_the_trusted_source_counts_then_the_latest_row() -> None:
    found = merged(GAPS, POLICY).sort("formula")
    assert found.select("formula", "year", "source", "sources").rows() == [
        ("CaO", 2015, "pbe", 1),
        ("NiO", 1990, "expt", 2),
        ("VO2", 2010, "expt", 2),
    ]


def test_a_row_counts_by_fidelity_before_recency() -> None:
    frame = pl.DataFrame({"id": [1, 1, 1], "method": ["pbe", "expt", None], "year": [2024, 1990, 2025], "source": "a"})
    order = Order(column="method", levels=("expt", "pbe"))
    assert merged(frame, Policy(key=("id",), fidelity=order, recency="year"))["method"].to_list() == ["expt"]
    assert merged(frame, Policy(key=("id",), recency="year"))["year"].to_list() == [2025]


def test_sources_disagree_beyond_the_tolerance_only_and_are_compared_by_their_median() -> None:
    found = disagreements(GAPS, POLICY)
    assert found.schema == DISAGREEMENTS
    assert found.select("item", "counted", "counted_source", "sources").rows() == [("VO2", "0.7", "expt", 2)]
    assert found["others"].to_list() == [["0.0 (pbe)"]]
    assert found["difference"][0] == pytest.approx(0.65)
    assert merged(GAPS, POLICY).filter(formula="VO2")["gap"].to_list() == [0.7], "what counts is what is kept"
    wide = Policy(key=("formula",), compared=(Compared(column="gap", tolerance=0.7),))
    assert disagreements(GAPS, wide).height == 0


def test_a_relative_tolerance_grows_with_the_value() -> None:
    frame = pl.DataFrame({"id": ["a", "a", "b", "b"], "source": ["x", "y"] * 2, "v": [10.0, 10.4, 1.0, 1.4]})
    policy = Policy(key=("id",), compared=(Compared(column="v", tolerance=0.05, relative=True),))
    assert disagreements(frame, policy)["item"].to_list() == ["b"]


def test_text_is_not_weighed_as_numbers_and_a_source_is_no_key() -> None:
    frame = pl.DataFrame({"id": [1, 1], "source": ["a", None], "gap": ["1.0", "n/a"]})
    for policy in (
        Policy(key=("id",), compared=(Compared(column="gap", tolerance=0.1),)),
        Policy(key=("id",), fidelity=Order(column="gap")),
    ):
        with pytest.raises(InputError, match="text such as 'n/a' in the column gap"):
            merged(frame, policy)
    with pytest.raises(InputError, match="the source id is part of the key"):
        merged(frame, Policy(key=("id",), source="id"))
    found = disagreements(frame, Policy(key=("id",), compared=(Compared(column="gap"),)))
    assert found["others"].to_list() == [["n/a (untold)"]]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="missing column year"):
        merged(GAPS.drop("year"), POLICY)


def test_policies_speak_of_declared_columns() -> None:
    for name in ("core.labels", "core.structures", "core.recipes"):
        assert set(POLICIES[name].used) <= set(REGISTRY[name].column_names)


def test_a_person_outranks_the_surest_text_and_conflicts_are_kept() -> None:
    rows = told(
        ("VO2", "arxiv:1", "metal", None, 0.99),
        ("VO2", "labelled_compounds", "mit", 340.0, 1.0),
        ("NiO", "arxiv:1", "insulator", None, 0.7),
        ("NiO", "arxiv:2", "mit", 500.0, 0.9),
    )
    mentions = pl.DataFrame({"formula": ["VO2", "CoO"], "document_id": ["arxiv:1"] * 2})
    found = {r["formula"]: r for r in tables.compounds(mentions, rows).to_dicts()}
    assert (found["VO2"]["label_name"], found["VO2"]["label_source"]) == ("mit", "labelled_compounds")
    assert (found["NiO"]["label_name"], found["NiO"]["transition_temperature_K"]) == ("mit", 500.0)
    assert found["CoO"]["label_name"] is None
    assert [found[f]["label_disputed"] for f in ("VO2", "NiO", "CoO")] == [True, True, False]
    assert disagreements(rows, LABELS)["others"].to_list() == [["insulator (arxiv:1)"], ["metal (arxiv:1)"]]


def test_nothing_is_learned_from_a_label_on_which_people_disagree() -> None:
    rows = told(
        ("VO2", "labelled_compounds", "mit", 340.0, 1.0),
        ("VO2", "transition_facts", "metal", None, 1.0),
        ("NiO", "labelled_compounds", "insulator", None, 1.0),
        ("NiO", "arxiv:1", "metal", None, 0.9),
    )
    assert dict(labelled(rows).select("formula", "label_name").iter_rows()) == {"NiO": "insulator", "VO2": None}


def test_measured_structures_come_first_and_unknown_ones_beside_calculated_ones() -> None:
    frame = pl.DataFrame({"fidelity": ["prototype", None, "experiment", "calculation"]})
    assert frame.select(rank(MEASURED_FIRST)).to_series().to_list() == [2, 1, 0, 1]


def test_the_map_names_table_thing_and_column() -> None:
    structures = pl.DataFrame(
        {
            "structure_id": ["A:1", "B:1"],
            "source": ["A", "B"],
            "formula": ["VO2"] * 2,
            "prototype_label": ["rutile"] * 2,
            "volume_per_atom_angstrom3": [9.9, 11.5],
            "fidelity": ["calculation", "experiment"],
        }
    )
    recipes = pl.DataFrame(
        {
            "recipe_id": ["1", "2"],
            "source": ["text", "recipe_facts"],
            "doi": ["10.1/x"] * 2,
            "target": ["VO2"] * 2,
            "route": ["solid_state"] * 2,
            "sinter_temperature_K": [1000.0, 1273.0],
            "calcine_temperature_K": [None, 900.0],
            "sinter_time_h": [12.0, 12.0],
        }
    )
    found = mapped({"core.structures": structures, "core.recipes": recipes}, POLICIES)
    assert found.select("table_name", "item", "column_name", "counted", "counted_source").rows() == [
        ("core.structures", "VO2 | rutile", "volume_per_atom_angstrom3", "11.5", "B"),
        ("core.recipes", "10.1/x | VO2", "sinter_temperature_K", "1273.0", "recipe_facts"),
    ]
    assert {STRUCTURES.table, RECIPES.table} <= set(POLICIES)


def test_the_command_takes_a_formula_for_its_composition_however_it_is_written(tmp_path: Path) -> None:
    told = tmp_path / "told.csv"
    told.write_text("formula,source,gap\nHfBe5,a,1\nBe5Hf,b,2\nnonsense,a,1\nnonsense,b,2\n,a,3\n")
    out = str(tmp_path / "out.csv")
    words = ["quality", "disagreements", str(told), "--key", "formula", "--value", "gap", "--out", out, "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert '"left_out": 1, "disagreements": 2' in done.output
    assert pl.read_csv(out)["item"].to_list() == ["HfBe5", "nonsense"]
