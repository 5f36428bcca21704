"""Looks at columns, pairs of columns and two versions: what they find, and that fair samples raise nothing."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from models.bias import chemical, drift, numbers, relations, revisions, words
from schemas.quantities import Quantity, quantity

RNG = np.random.default_rng


def test_formulas_parse_with_brackets_decimals_series_and_hydrates() -> None:
    good = [
        "VO2",
        "NaN",
        "Ca(OH)2",
        "La0.7Sr0.3MnO3",
        "La2-xSrxCuO4",
        "CuSO4·5H2O",
        "Ga0.5 N0.5",
        "b-Ga2O3",
        "[Fe(CN)6]4",
    ]
    bad = ["vo2", "VO2)", "(VO2", "Xx2O", "vanadium dioxide", "V0\u20322", "", "V\u041e2", "0V02", "O-V"]
    frame = pl.DataFrame({"f": good + bad})
    assert frame.select(chemical.parses(pl.col("f"))).to_series().to_list() == [True] * len(good) + [False] * len(bad)


def test_elements_are_whole_symbols() -> None:
    frame = pl.DataFrame({"f": ["CoO", "COS", "Ac0.2 Fe0.2 O0.6", "NaN", "x"]})
    found = frame.select(chemical.elements(pl.col("f"))).to_series().to_list()
    assert found == ["Co-O", "C-O-S", "Ac-Fe-O", "N-Na", None]


@pytest.mark.parametrize("text", ["V\u041e2", "V\u200bO2", "\uff36O2", "TiO\u039f"])
def test_a_foreign_twin_in_a_formula_is_seen(text: str) -> None:
    frame = pl.DataFrame({"f": ["VO2", text]})
    (found,) = words.foreign(frame, ("f",), exact=("f",))
    assert (found.rows, found.grave) == ((1,), True)


def test_honest_greek_cyrillic_and_accents_in_text_are_let_pass() -> None:
    frame = pl.DataFrame({"t": ["α-Fe2O3, Δ = 3 µm by Müller", "Физика твёрдого тела", "10⁵ Ω⁻¹ “quoted”", "Ångström"]})
    assert words.foreign(frame, ("t",), exact=()) == []
    assert words.broken(frame, ("t",)) == []


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_text_read_in_a_wrong_encoding_is_seen(codec: str) -> None:
    broken = "340 K in é, µ, – and ”".encode()
    frame = pl.DataFrame({"t": ["plain", broken.decode(codec, errors="replace")]})
    assert [f.rows for f in words.broken(frame, ("t",))] == [(1,)]


def test_texts_cut_at_one_length_are_seen_and_names_of_one_length_are_not() -> None:
    lengths = RNG(0).integers(20, 400, 200)
    whole = pl.DataFrame(
        {"t": [("ever another word " * 30)[i % 18 :][: int(n)] + str(i) for i, n in enumerate(lengths)]}
    )
    assert words.cut(whole, ("t",)) == []
    (found,) = words.cut(whole.with_columns(pl.col("t").str.slice(0, 255)), ("t",))
    assert found.count > 50
    others = [f"+{'1' * n}.0 % {e}" for n, e in enumerate("KCNFHBVWYU")]
    pattern = pl.DataFrame({"t": [f"+10.0 % {a}{b}, -9.1 % Li, -0.6 % O" for a in "ABCDE" for b in "xyz"] + others})
    assert words.cut(pattern, ("t",)) == [], "all end in one sign: no knife does that"
    assert words.cut(pl.DataFrame({"t": [f"{i:016x}" for i in range(100)]}), ("t",)) == []


def test_sodium_and_its_nitride_are_no_missing_values() -> None:
    frame = pl.DataFrame({"formula": ["NaN", "Na", "NA"], "note": ["n/a", "Na", "-"]})
    assert words.stand_ins(frame, ("formula",), formulas=("formula",)) == []
    assert [f.count for f in words.stand_ins(frame, ("note",), formulas=())] == [2]


def test_codes_far_values_and_two_scales_are_seen_and_broad_tails_are_not() -> None:
    values = RNG(1).normal(5, 1, 300)
    coded = pl.DataFrame({"v": np.where(np.arange(300) % 50 == 0, -999.0, values)})
    assert numbers.codes(coded, "v")[0].count == 6
    mixed = pl.DataFrame({"v": np.where(np.arange(300) % 30 == 0, values * 1000, values)})
    assert numbers.two_scales(mixed, "v")[0].count == 10
    one = pl.DataFrame({"v": np.append(values, 7001000.0)})
    assert numbers.far_off(one, "v")[0].rows == (300,)
    for seed in range(20):  # resistivities, populations, gaps: broad, but of one scale
        broad = pl.DataFrame({"v": RNG(seed).lognormal(0, 3, 400), "g": RNG(seed).exponential(2, 400)})
        assert not any(f(broad, c) for c in "vg" for f in (numbers.far_off, numbers.two_scales, numbers.codes))


def test_a_number_that_nothing_measures_is_seen_in_any_column() -> None:
    frame = pl.DataFrame({"whatever": [1.0, 1e25, -1e300, float("inf"), float("nan"), None]})
    assert [(f.count, f.grave) for f in numbers.absurd(frame, "whatever")] == [(3, True)]


def test_a_quantity_in_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="length: unknown unit furlong"):
        Quantity(name="length", pattern="length", unit="furlong")


def test_a_gap_that_moved_is_no_gap_and_may_be_below_zero() -> None:
    assert quantity("gap_eV") == quantity("base_gap_eV") != quantity("gap_shift_eV")
    assert quantity("gap_shift_eV") is None


def test_a_column_in_another_unit_has_an_unusual_middle() -> None:
    gap = quantity("band_gap_eV")
    assert gap is not None
    assert gap.usual is not None
    frame = pl.DataFrame({"band_gap_eV": RNG(0).exponential(1.5, 200)})
    assert not numbers.unusual_middle(frame, "band_gap_eV", usual=gap.usual, what=gap.name)
    assert numbers.unusual_middle(frame * 1000, "band_gap_eV", usual=gap.usual, what=gap.name)


def test_a_mean_put_where_values_lacked_is_seen() -> None:
    values = RNG(2).normal(5, 1, 200)
    filled = pl.DataFrame({"v": np.where(np.arange(200) % 4 == 0, values.mean(), values)})
    assert numbers.repeated_odd(filled, "v")[0].count == 50
    assert numbers.repeated_odd(pl.DataFrame({"v": values}), "v") == []


def test_systems_that_are_not_of_their_formula_are_seen() -> None:
    frame = pl.DataFrame(
        {"f": ["VO2", "NiO", "CoO", "FeO", "MnO", "TiO"], "chemsys": ["O-V", "Ni-O", "C-O", "Fe-O", "Mn-O", "O,Ti"]}
    )
    (found,) = relations.unlike_elements(frame, "f", "chemsys", is_system=True)
    assert (found.rows, found.values) == ((2,), ("C-O",))


def test_the_odd_one_among_siblings_is_seen() -> None:
    ions = ("La", "Ce", "Pr", "Nd", "Sm", "Eu", "Y")
    rows = [
        (f"{ion}{other}O3", 9.0 if (ion, other) == ("Eu", "Ni") else float(len(other)))
        for ion in ions
        for other in ("Ni", "Co", "V")
    ]
    frame = pl.DataFrame(rows, schema=["formula", "d_valence"], orient="row")
    assert [f.count for f in relations.odd_siblings(frame, "formula", "d_valence")] == [1]
    measured = frame.with_columns(d_valence=pl.Series(RNG(0).normal(size=frame.height)))
    assert relations.odd_siblings(measured, "formula", "d_valence") == []


def test_a_page_read_twice_is_seen_and_chance_repeats_are_not() -> None:
    rows = pl.DataFrame({"f": RNG(0).choice(["VO2", "NiO", "CoO"], 500), "v": RNG(0).integers(0, 2, 500)})
    assert relations.pages(rows, ("f", "v")) == []
    distinct = rows.with_columns(v=pl.int_range(pl.len()))
    assert relations.pages(pl.concat([distinct, distinct.slice(100, 20)]), ("f", "v"))[0].count == 20


def test_days_ahead_and_at_the_zero_of_the_clock_are_seen() -> None:
    frame = pl.DataFrame({"d": [date(2020, 1, 1), date(2090, 1, 1), date(1970, 1, 1), date(1970, 1, 1), None]})
    found = relations.dates(frame, "d", today=date(2026, 1, 1))
    assert [f.count for f in found] == [1, 2]


def test_fair_samples_and_fair_growth_are_no_drift() -> None:
    whole = pl.DataFrame({"v": RNG(0).lognormal(0, 1, 600), "g": RNG(0).choice(list("aaaabbbccdef"), 600)})
    for seed in range(60):
        part = whole.sample(fraction=0.5, seed=seed)
        assert (
            drift.numbers(whole, part, "v")
            == drift.groups(whole, part, "g")
            == drift.completeness(whole, part, "v")
            == []
        )
        small = whole.sample(40, seed=seed)
        assert drift.numbers(whole, small, "v") == drift.groups(whole, small, "g") == []


def test_a_shift_a_lost_group_and_new_gaps_are_drift() -> None:
    whole = pl.DataFrame({"v": RNG(0).normal(0, 1, 600), "g": RNG(0).choice(list("abc"), 600)})
    assert drift.numbers(whole, whole.with_columns(pl.col("v") + 0.7), "v")
    assert drift.groups(whole, whole.filter(pl.col("g") != "a"), "g")
    assert drift.completeness(whole, whole.with_columns(pl.when(pl.col("v") > 0.5).then("v")), "v")


def test_measures_of_drift_have_their_known_values() -> None:
    a = RNG(0).normal(0, 1, 20_000)
    assert drift.psi(a, a) == pytest.approx(0.0)
    # a normal shifted by d: Kolmogorov's distance is 2 Phi(d / 2) - 1, the mean move is d, in quartile ranges d / 1.349
    assert drift.kolmogorov(a, a + 0.5) == pytest.approx(0.1974, abs=0.01)
    assert drift.wasserstein(a, a + 0.5) == pytest.approx(0.5 / 1.349, abs=0.01)


BEFORE = pl.DataFrame(
    {
        "k": range(100),
        "v": RNG(3).normal(600, 80, 100),
        "w": RNG(4).normal(5, 1, 100),
        "s": [f"text number {i}" for i in range(100)],
    }
)
CHANGES = {
    "multiplied by 1000": [pl.when(pl.col("k") % 5 == 0).then(pl.col("v") * 1000).otherwise("v")],
    "moved by -273": [pl.when(pl.col("k") % 5 == 0).then(pl.col("v") - 273.15).otherwise("v")],
    "went to other rows": [pl.col("v").shift(1).fill_null(600.0)],
    "became 0": [pl.when(pl.col("k") % 5 == 0).then(0.0).otherwise("v").alias("v")],
    "changed sign": [pl.when(pl.col("k") % 5 == 0).then(-pl.col("v")).otherwise("v").alias("v")],
    "only the beginning is left": [
        pl.when(pl.col("k") % 5 == 0).then(pl.col("s").str.slice(0, 7)).otherwise("s").alias("s")
    ],
    "are others now": [pl.when(pl.col("k") % 2 == 0).then(pl.col("w") * pl.col("w")).otherwise("w").alias("w")],
}  # fmt: skip


@pytest.mark.parametrize("said", CHANGES)
def test_what_became_of_the_rows_is_told(said: str) -> None:
    both = revisions.aligned(BEFORE, BEFORE.with_columns(CHANGES[said]), ("k",))
    assert [said in f.text for c in "vws" for f in revisions.changes(both, c)] == [True]


def test_corrections_rounding_and_other_orders_are_let_pass() -> None:
    corrected = BEFORE.with_columns(pl.when(pl.col("k") % 20 == 0).then(pl.col("v") * 1.1).otherwise("v").alias("v"))
    for now in (corrected, BEFORE.with_columns(pl.col("v").round(0)), BEFORE.sample(fraction=1, shuffle=True, seed=0)):
        both = revisions.aligned(BEFORE, now, ("k",))
        assert [f for c in "vws" for f in revisions.changes(both, c)] == []


def test_rows_lost_by_chance_are_let_pass_and_rows_of_one_kind_are_not() -> None:
    frame = pl.DataFrame({"k": range(300), "g": RNG(0).choice(list("abcdefgh"), 300)})
    for seed in range(40):
        assert revisions.lost(frame, frame.sample(fraction=0.6, seed=seed), ("k",), ("g",)) == []
    assert revisions.lost(frame, frame.filter(pl.col("g") != "c"), ("k",), ("g",))


def test_the_formula_that_reads_as_missing_is_missed() -> None:
    before = pl.DataFrame({"formula": ["NaN", *(f"V{i}O" for i in range(1, 60))]})
    assert revisions.hazards(before, before.filter(pl.col("formula") != "NaN"), ("formula",))
    assert revisions.hazards(before, before.filter(pl.col("formula") != "V3O"), ("formula",)) == []
