"""The funnel of the screen, what is plausible, motifs, and families of what came through."""

import os
from pathlib import Path

import polars as pl
import pytest

from etl import reference
from etl.structures import pool
from models.screening import funnel, motifs, plausible
from models.screening.families import apart, families
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY


def _row(formula: str, **other: object) -> dict[str, object]:
    return {
        "formula": formula, "ok": True, "reason": None, "p_mit": 0.9, "in_domain": True, "conformal_set": ["mit"],
        "pools": ["OQMD"], **other,
    }  # fmt: skip


PREDICTIONS = pl.DataFrame(
    [
        _row("HoNiO3", pools=["OQMD", "AFLOW"]),
        _row("LaCoO3", pools=["enumerated"], conformal_set=["metal", "mit"], p_mit=0.6),
        _row("VO2"),
        _row("NiTi", p_mit=0.99),
        _row("PmNiO3"),
        _row("SrTiO3"),
        _row("V4O9", in_domain=False),
        _row("MnTiO3"),
        _row("FeO", p_mit=0.1, conformal_set=["insulator"]),
        _row("LaMnO3", p_mit=0.4),
        _row("Zz", ok=False, reason="no element", p_mit=None, in_domain=None, conformal_set=None),
    ]
)
KNOWN = pl.DataFrame({"formula": ["VO2", "VO2", "NiO"], "label_name": ["metal", "mit", "insulator"]})
HULL = pl.DataFrame(
    {
        "formula": ["MnTiO3", "LaCoO3", "LaCoO3"],
        "energy_above_hull_eV_atom": [0.2, 0.3, 0.01],
        "source": ["a", "b", "c"],
    }
)


@pytest.fixture(scope="module")
def sifted() -> funnel.Funnelled:
    return funnel.funnel(PREDICTIONS, known=KNOWN, hull=HULL)


def test_each_compound_leaves_at_the_first_stage_it_fails_with_a_reason(sifted: funnel.Funnelled) -> None:
    told = {f: (s, r) for f, s, r in sifted.candidates.select("formula", "stage", "reason").iter_rows()}
    assert told == {
        "HoNiO3": ("candidate", None),
        "LaCoO3": ("candidate", None),
        "VO2": ("novel", "known: mit"),
        "NiTi": ("plausible", "no anion"),
        "PmNiO3": ("plausible", "radioactive: Pm"),
        "SrTiO3": ("open_shell", "no open d or f shell"),
        "V4O9": ("in_domain", "outside the domain of the model"),
        "MnTiO3": ("stable", "0.2 eV/atom above the hull"),
        "FeO": ("not_excluded", "can only be insulator"),
        "LaMnO3": ("likely", "p_mit 0.4"),
        "Zz": ("readable", "no element"),
    }


def test_survivors_are_ranked_and_what_is_not_known_of_them_is_flagged(sifted: funnel.Funnelled) -> None:
    best = sifted.candidates.drop_nulls("rank").select("formula", "rank", "hull_source", "flags").rows()
    assert best == [
        ("HoNiO3", 1, None, ["hull distance unknown"]),
        ("LaCoO3", 2, "c", ["other classes not excluded", "listed by enumeration only"]),
    ]
    assert sifted.candidates["flags"].null_count() == PREDICTIONS.height - 2


def test_stages_count_what_came_and_went_in_each_pool(sifted: funnel.Funnelled) -> None:
    whole = sifted.stages.filter(pl.col("part") == "all")
    assert whole["entered"].to_list() == [11, 10, 8, 7, 6, 5, 4, 3]
    assert whole["kept"].to_list() == [10, 8, 7, 6, 5, 4, 3, 2]
    assert whole["unknown"].to_list() == [0, 0, 0, 0, 0, 3, 0, 0]
    assert whole["known_kept"].to_list() == [1] * 8  # VO2 would pass them all but novelty
    assert sifted.stages.filter(pl.col("part") == "AFLOW")["kept"].to_list() == [1] * 8


def test_what_the_funnel_makes_fits_its_tables(sifted: funnel.Funnelled) -> None:
    for name, rows in (("pred.candidates", sifted.candidates), ("pred.funnel", sifted.stages)):
        table = REGISTRY[name]
        made = rows.with_columns(model_id=pl.lit("m")).select(table.column_names)
        assert inspect(made, table).rejected_rows == 0


def test_the_top_shows_known_transitions_in_their_place(sifted: funnel.Funnelled) -> None:
    assert funnel.top(sifted.candidates, 1)["formula"].to_list() == ["HoNiO3", "VO2"]
    assert funnel.top(sifted.candidates.clear(), 3).height == 0


def test_a_cell_that_is_no_truth_or_number_costs_its_own_row_alone() -> None:
    rows = PREDICTIONS.with_columns(pl.col("p_mit", "in_domain").cast(pl.String)).with_row_index()
    odd = pl.when(pl.col("index") == 1)
    rows = rows.with_columns(in_domain=odd.then(pl.lit("maybe")).otherwise("in_domain"))
    rows = rows.with_columns(p_mit=odd.then(pl.lit("high")).otherwise("p_mit"))
    candidates = funnel.funnel(rows, known=KNOWN, hull=HULL).candidates
    assert candidates.filter(pl.col("formula") == "LaCoO3")["stage"].to_list() == ["in_domain"]
    assert candidates.filter(pl.col("formula") == "HoNiO3")["stage"].to_list() == ["candidate"]
    assert families(rows, groupings=["chemsys"])["in_domain_share"].null_count() == 0
    for name in ("p_mit", "in_domain", "conformal_set"):
        nested = PREDICTIONS.with_columns(pl.struct(a="p_mit").alias(name))
        with pytest.raises(InputError, match=f"column {name}"):
            funnel.funnel(nested, known=KNOWN, hull=HULL)


def test_lists_that_a_csv_holds_as_text_are_read_and_others_refused() -> None:
    text = PREDICTIONS.head(2).select(
        "formula", "p_mit", "in_domain", conformal_set=pl.Series(['["mit"]', '["metal"]'])
    )
    assert funnel.funnel(text).candidates["stage"].to_list() == ["candidate", "not_excluded"]
    with pytest.raises(InputError, match="JSON"):
        funnel.funnel(text.with_columns(conformal_set=pl.lit("mit;metal")))


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("VO2", None),
        ("Fe3O4", None),  # mixed valence
        ("EuO", None),  # Eu2+
        ("SnO", None),  # Sn2+
        ("V4GaS8", None),  # V 3.25+
        ("NbO", "no usual states sum to zero"),
        ("NaCl2", "no usual states sum to zero"),
        ("FeCo", "no anion"),
        ("XeF2", "an element without usual oxidation state"),
        ("TcO2", "radioactive: Tc"),
        ("what", None),
    ],
)
def test_a_formula_is_plausible_where_usual_states_can_sum_to_zero(formula: str, reason: str | None) -> None:
    assert plausible.implausible(pl.Series([formula])).to_list() == [reason]


def test_known_transitions_are_plausible_but_those_with_bonds_between_anions() -> None:
    old = reference.labelled_compounds().filter(pl.col("label_name") == "mit")["formula"].unique()
    refused = old.filter(plausible.implausible(old).is_not_null())
    assert set(refused) == {"Pr(P3Ru)4", "Sm(P3Ru)4"}  # skutterudites: squares of P
    assert plausible.oddities(old).list.contains(plausible.CLOSED).sum() == 0


def test_an_empty_or_full_shell_is_odd_and_the_electropositive_metal_is_oxidised_first() -> None:
    told = dict(zip(asked := ["SrTiO3", "CaCu3Ti4O12", "NaV4Cu3O12", "GdAlO3", "VOH", "VO2"], plausible.oddities(
        pl.Series(asked)).to_list(), strict=True))  # fmt: skip
    assert told == {
        "SrTiO3": ["no open d or f shell"],
        "CaCu3Ti4O12": [],
        "NaV4Cu3O12": ["no open d or f shell"],  # V5+ and Cu+
        "GdAlO3": ["f electrons only"],
        "VOH": ["hydrogen"],
        "VO2": [],
    }


def test_motifs_are_told_from_sites_not_from_amounts() -> None:
    asked = ["V4GaS8", "Ga(MoS2)4", "VGaMo3S8", "V8GaGeS16", "Ca2RuO4", "LaSrNiO4", "Mg2TiO4", "GaFe4S8", "K2SO4", None]
    named = [motifs.LACUNAR.name] * 4 + [motifs.LAYERED.name] * 2 + [None] * 4
    assert motifs.motifs(pl.Series(asked)).to_list() == named


def test_a_motif_is_accounted_for_stage_by_stage() -> None:
    rows = pl.DataFrame([_row("V4GaS8"), _row("Nb4GaSe8", in_domain=False), _row("Ca2RuO4")])
    stages = funnel.funnel(rows, known=pl.DataFrame({"formula": ["Ca2RuO4"], "label_name": ["mit"]})).stages
    passed = {m: stages.filter(pl.col("part") == m)["kept"].to_list() for m in motifs.NAMES}
    assert passed == {motifs.LACUNAR.name: [2, 2, 2, 2, 1, 1, 1, 1], motifs.LAYERED.name: [1, 1, 1, 0, 0, 0, 0, 0]}


def test_a_family_is_judged_by_novel_compounds_and_its_known_ones_are_marked() -> None:
    metals = ["Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu"]
    rows = [_row(f"{a}{m}O3", p_mit=0.9 if m == "Ni" else 0.1) for a in ("La", "Nd", "Sm") for m in metals]
    sifted = funnel.funnel(pl.DataFrame(rows), known=pl.DataFrame({"formula": ["NdNiO3"], "label_name": ["mit"]}))
    left = sifted.candidates.select("formula", "stage", "known", "motif")
    found = families(pl.DataFrame(rows).join(left, on="formula"), groupings=["family_tm_anion", "formula_anonymous"])
    nickel = found.filter(pl.col("family") == "Ni|O").row(0, named=True)
    assert (nickel["compounds"], nickel["predicted_mit"], nickel["known_formulas"]) == (2, 2, ["NdNiO3"])
    assert nickel["enrichment"] == pytest.approx(23 / 2)
    assert nickel["p_value"] == nickel["q_value"] == 1.0  # a pair is not tested
    whole = found.filter(pl.col("grouping") == "formula_anonymous").row(0, named=True)
    assert (whole["compounds"], whole["predicted_mit"], whole["known_mit"], whole["p_value"]) == (23, 2, 1, 1.0)


def test_the_control_counts_the_tests_of_all_groupings_together() -> None:
    # 4 of 4 of 8 compounds, p = 1 / C(8, 4) = 1/70: one test of two in either grouping, so 1/35 alone, 1/35 x 2/2 both
    formulas = [f"{a}{m}O3" for m in ("Ni", "Ti") for a in ("La", "Nd", "Sm", "Gd")]
    rows = pl.DataFrame({"formula": formulas, "p_mit": [0.9] * 4 + [0.1] * 4, "row": ["x"] * 8})
    alone = families(rows, groupings=["family_tm_anion"])
    both = families(rows, groupings=["family_tm_anion", "row"]).filter(pl.col("grouping") == "family_tm_anion")
    assert alone["q_value"].to_list() == pytest.approx([2 / 70, 1])
    assert both["q_value"].to_list() == pytest.approx([3 / 70, 1])


def test_a_family_of_a_grouping_that_few_belong_to_is_tested_against_all() -> None:
    # 3 of 3 from 8 compounds with 4 hits: C(4, 3) / C(8, 3) = 4 / 56, though all of the motif are hits
    rows = pl.DataFrame({"formula": [f"La{i}NiO3" for i in range(1, 9)], "p_mit": [0.9] * 4 + [0.1] * 4})
    found = families(rows.with_columns(motif=pl.Series(["m"] * 3 + [None] * 5)), groupings=["motif"]).row(0, named=True)
    assert found["p_value"] == pytest.approx(4 / 56)
    assert found["enrichment"] == pytest.approx(2.0)


def test_a_family_that_tells_nothing_new_is_passed_over() -> None:
    formulas = [f"{a}{m}O3" for m in ("Ni", "Ti") for a in ("La", "Nd", "Sm", "Gd")]
    rows = pl.DataFrame({"formula": formulas, "p_mit": [0.9] * 4 + [0.1] * 4})
    found = families(rows, groupings=["family_tm_anion", "family_ln", "formula_anonymous"])
    assert found.filter(pl.col("q_value") < 0.1)["family"].to_list() == ["Ln-Ni-O", "Ni|O"]
    assert apart(found, rows, 5)["family"].to_list() == ["Ln-Ni-O"]  # ABC3 and Ni|O hold the same four hits


def test_the_pools_hold_lacunar_spinels_and_layered_oxides() -> None:
    where = os.environ.get("MATLOOM_DATASETS")
    if not where:
        pytest.skip("MATLOOM_DATASETS is not set: the pools are needed")
    folder = Path(where)
    empty = pl.DataFrame(schema={"formula": pl.String, "source": pl.String, "valid": pl.Boolean})
    listed = pool.listed(empty, datasets=folder)
    found = listed.with_columns(motifs.motifs(listed["formula"])).drop_nulls("motif")
    lacunar = found.filter(pl.col("motif") == motifs.LACUNAR.name)
    assert {"V4GaS8", "Nb4GaSe8", "Ta4GaSe8", "Ga(MoS2)4", "V4GeS8"} <= set(lacunar["formula"])
    assert {"Ca2RuO4", "Sr2IrO4", "La2NiO4"} <= set(found["formula"])
    hull = pool.hull(datasets=folder)
    assert hull is not None
    assert hull["energy_above_hull_eV_atom"].is_between(0, 10).all()
