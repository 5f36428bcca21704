"""The facts that ship with the project: complete, cited, and equal to their public source where that is at hand."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etl import reference

LOADERS: dict[str, tuple[Callable[[], pl.DataFrame], int]] = {
    "labelled_compounds": (reference.labelled_compounds, 343),
    "published_scores": (reference.published_scores, 23),
    "expert_answers": (reference.expert_answers, 18),
    "transition_facts": (reference.transition_facts, 4),
    "ionization_energies": (reference.ionization_energies, 339),
    "perovskites_270": (reference.perovskites_270, 270),
    "max_phases": (reference.max_phases, 223),
    "recipe_facts": (reference.recipe_facts, 400),
}
CALCULATED: dict[str, Callable[[], pl.DataFrame]] = {
    "lacunar_cells": reference.lacunar_cells,
    "lacunar_270": reference.lacunar_spinels,
    "convergence": reference.convergence,
    "published_gaps": reference.published_gaps,
}
"""Made by the project, in part beside what others published: they grow."""


@pytest.mark.parametrize("name", LOADERS)
def test_every_fact_is_there_and_says_where_it_comes_from(name: str) -> None:
    load, rows = LOADERS[name]
    frame = load()
    assert frame.height == rows
    assert frame["doi"].null_count() == 0
    assert frame["licence"].null_count() == 0
    assert frame["doi"].str.contains(r"^10\.\d{4,9}/\S+$").all()


def test_every_file_of_facts_has_a_loader_and_no_value_from_memory() -> None:
    folder = reference.HERE / "data"
    assert {p.stem for p in folder.glob("*.csv")} == {*LOADERS, *CALCULATED}
    assert all(load().height for load in CALCULATED.values())
    for path in folder.glob("*.csv"):
        assert "recalled" not in path.read_text("utf-8")
        assert path.name in (folder / "README.md").read_text("utf-8")


def test_transitions_carry_the_temperatures_of_their_publication_into_the_labels() -> None:
    # Georgescu et al. 2021 give a temperature for every transition but that of TbNiO3.
    from etl.text.labels import labels as made
    from schemas.emit.polars import empty
    from schemas.tables import REGISTRY

    nothing = empty(REGISTRY["core.properties"]), empty(REGISTRY["raw.documents"])
    labels = made(nothing[0], nothing[1].select("document_id", "doi", "licence"))
    mit = labels.filter(pl.col("label_name") == "mit", pl.col("source") == "labelled_compounds")
    assert mit.filter(pl.col("transition_temperature_K").is_null())["formula"].to_list() == ["TbNiO3"]
    assert mit.filter(pl.col("formula") == "VO2")["transition_temperature_K"].item() == 340.0
    assert mit["doi"].unique().to_list() == ["10.1021/acs.chemmater.1c00905"]


def test_transitions_that_other_publications_tell_are_no_part_of_the_benchmark() -> None:
    from etl.features.formulas import reduced

    old = {reduced(f) for f in reference.labelled_compounds()["formula"]}
    told = reference.transition_facts()["formula"].to_list()
    assert told == [reduced(f) for f in told]
    assert not old & set(told)


def test_labels_are_those_of_the_publication() -> None:
    # Georgescu et al. 2021: 96 metals, 179 insulators, 68 metal-insulator transitions.
    counts = dict(reference.labelled_compounds()["label_name"].value_counts().iter_rows())
    assert counts == {"metal": 96, "insulator": 179, "mit": 68}


def test_every_expert_answered_for_every_compound_of_the_survey_and_all_are_labelled_alike() -> None:
    answers = reference.expert_answers()
    assert answers.select(pl.sum_horizontal("n_metal", "n_insulator", "n_mit")).to_series().unique().to_list() == [53]
    ours = reference.labelled_compounds().select("formula", "label_name")
    assert answers.join(ours, on=["formula", "label_name"]).height == answers.height


def test_a_failed_calculation_stays_missing() -> None:
    frame = reference.perovskites_270()
    assert frame["gap_eV"].null_count() == 1
    assert frame.filter(pl.col("formula") == "BaHfO3")["gap_eV"].item() > 0
    assert frame.select("A", "B").is_duplicated().sum() == 0


def test_the_ionization_energy_of_vanadium() -> None:
    # NIST Atomic Spectra Database: V III 29.311 eV.
    frame = reference.ionization_energies().filter((pl.col("element") == "V") & (pl.col("v") == 3))
    assert frame["iv"].item() == pytest.approx(29.311, abs=0.01)


def test_recipes_are_one_a_paper_and_in_kelvin() -> None:
    frame = reference.recipe_facts()
    assert frame["doi"].n_unique() == frame.height
    assert frame["sinter_temperature_K"].min() > 473  # type: ignore[operator]
    assert set(frame["route"]) == {"solid-state", "sol-gel", "hydrothermal", "precipitation"}


def test_the_corpus_has_sixty_documents_of_three_formats() -> None:
    files = reference.demo_corpus()
    assert len([n for n in files if n.startswith("jats/")]) == 10
    assert files["atom.xml"].count(b"<entry>") == 30
    assert files["oai.xml"].count(b"<record>") == 20


def test_facts_equal_their_public_source() -> None:
    folder = os.environ.get("MATLOOM_DATASETS")
    if not folder:
        pytest.skip("MATLOOM_DATASETS is not set: the public data sets are needed to compare with")
    source = pl.read_csv(Path(folder) / "mit/mit_labelled_compounds.csv", infer_schema_length=None, null_values=[""])
    ours = reference.labelled_compounds()
    both = ours.join(source, on="formula", suffix="_source")
    assert both.height == 343
    assert (both["label_name"] == both["label_name_source"]).all()
    assert (both["ewald_energy_per_atom"] - both["ewald_energy_per_atom_source"]).abs().max() < 1e-6  # type: ignore[operator]
    scores = pl.read_csv(Path(folder) / "mit/published_model_metrics.csv")
    median = scores.filter(protocol="full_feature_cv", model_type="XGBClassifier", positive_class="MIT")
    told = dict(median.select("metric_name", pl.col("metric_value").round(4)).iter_rows())
    kept = reference.published_scores().filter(protocol="published_cv", name="XGBoost", features="106 features")
    assert {k: told[k] for k in ("roc_auc", "f1_weighted")}.items() <= dict(
        kept.select("statistic", "value").rows()
    ).items()
    each = pl.read_csv(Path(folder) / "mit/human_expert_scores.csv").filter(metric_name="f1_weighted")
    mean = each.filter(positive_class="MIT")["raw_metric"].mean()
    assert reference.published_scores().filter(protocol="quiz")["value"].item() == pytest.approx(mean, abs=1e-4)
