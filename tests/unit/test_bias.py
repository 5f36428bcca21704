"""Measures of bias: known values, limits, and no infinity anywhere."""

import math
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from models import bias
from schemas.errors import InputError


def value(frame: pl.DataFrame, metric: str, group: str = bias.ALL) -> float | None:
    found = frame.filter((pl.col("metric_name") == metric) & (pl.col("group_value") == group))
    assert found.height == 1, frame
    return found["metric_value"][0]


def test_balanced_classes_have_evenness_one() -> None:
    found = bias.class_balance(pl.DataFrame({"label": ["a", "b", None, "a", "b"]}), label="label")
    assert value(found, "evenness") == pytest.approx(1.0)
    assert value(found, "minority_share") == pytest.approx(0.5)
    assert found.schema == bias.METRICS


def test_coverage_counts_effective_groups_and_keeps_missing_as_a_group() -> None:
    found = bias.coverage(pl.DataFrame({"family": ["a", "b", "c", None]}), group="family")
    assert value(found, "effective_groups") == pytest.approx(4.0)
    assert value(found, "share", "(missing)") == pytest.approx(0.25)
    assert value(bias.coverage(pl.DataFrame({"family": ["a"] * 9 + ["b"]}), group="family"), "largest_share") == 0.9


def test_measures_of_an_empty_table_do_not_fail() -> None:
    empty = pl.DataFrame(schema={"g": pl.String, "v": pl.Float64})
    assert value(bias.coverage(empty, group="g"), "groups") == 0
    assert bias.group_bias(empty, group="g", value="v").schema == bias.METRICS
    assert value(bias.class_balance(empty, label="g"), "evenness") is None
    assert bias.sentinel_zeros(empty, label="g").height == 0
    assert bias.representation(empty, empty, group="g").height == 2


def test_a_missing_column_is_said() -> None:
    with pytest.raises(InputError, match=r"missing column g in the table"):
        bias.coverage(pl.DataFrame({"a": [1]}), group="g")


def test_entropy_of_the_density_part_is_that_of_the_normal_distribution() -> None:
    x = np.random.default_rng(1).normal(size=4000)
    found = bias.mixed_entropy(x)
    assert found.atoms == 0
    assert found.entropy == pytest.approx(0.5 * math.log(2 * math.pi * math.e), abs=0.05)


def test_half_zeros_give_a_finite_entropy_that_adds_the_parts() -> None:
    x = np.random.default_rng(2).normal(size=2000)
    found = bias.mixed_entropy(np.concatenate([np.zeros(2000), x]))
    assert (found.atoms, found.atom_share) == (1, 0.5)
    expected = math.log(2) + 0.5 * 0.5 * math.log(2 * math.pi * math.e)
    assert found.entropy == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("values", [[0.0] * 10, [1.0, 1.0, 1.0], [1.0, 2.0], [0.0, 0.0, 5.0, 5.0, 5.0, 5.0]])
def test_repeated_values_never_send_the_entropy_to_minus_infinity(values: list[float]) -> None:
    entropy = bias.mixed_entropy(np.array(values)).entropy
    assert entropy is not None
    assert math.isfinite(entropy)


def test_vendi_counts_clusters_between_one_and_n() -> None:
    centres = np.repeat(np.eye(3) * 100, 20, axis=0)
    assert bias.vendi_score(centres, bandwidth=0.2) == pytest.approx(3.0, abs=1e-6)
    assert bias.vendi_score(np.ones((5, 2))) == pytest.approx(1.0)
    with pytest.raises(InputError, match="finite"):
        bias.vendi_score(np.array([[np.nan]]))


def test_placeholder_zeros_are_found_with_the_label_they_tell() -> None:
    rng = np.random.default_rng(3)
    energy = np.concatenate([np.zeros(18), -rng.uniform(10, 60, 325)])
    label = ["metal"] * 9 + ["insulator"] * 9 + ["mit"] * 65 + ["metal"] * 260
    frame = pl.DataFrame(
        {"ewald": energy, "gap": np.abs(np.concatenate([np.zeros(60), rng.normal(size=283)])), "l": label}
    )
    found = bias.sentinel_zeros(frame, columns=("ewald", "gap"), label="l")
    assert set(found["group_column"]) == {"ewald", "l"}  # a gap of zero is a metal, not a placeholder
    assert value(found, "sentinel_share") == pytest.approx(18 / 343)
    assert value(found, "sentinel_share:ewald", "mit") == 0.0
    assert (value(found, "label_information") or 0) > 0.01


def test_repeats_that_disagree_have_the_pooled_deviation() -> None:
    frame = pl.DataFrame({"formula": ["a", "a", "b", "b", "NaN"], "gap": [1.0, 3.0, 5.0, 5.0, 9.0]})
    found = bias.duplicate_disagreement(frame, keys=("formula",), value="gap")
    assert value(found, "pooled_sd:gap") == pytest.approx(1.0)
    assert value(found, "largest_range:gap") == 2.0
    labels = bias.duplicate_disagreement(frame.with_columns(l=pl.Series(list("xyzzz"))), keys=("formula",), value="l")
    assert value(labels, "disagreeing:l") == 0.5


def test_metrics_do_not_depend_on_the_order_of_rows() -> None:
    values = np.random.default_rng(0).lognormal(sigma=3.0, size=400)
    frame = pl.DataFrame({"formula": [f"Na{k % 40 + 1}Cl" for k in range(400)], "value": values})

    def told(rows: pl.DataFrame) -> list[float]:
        measured = bias.duplicate_disagreement(rows, keys=("formula",), value="value")
        made = bias.as_table(measured, table="core.labels", version=0, at=datetime(2026, 1, 1, tzinfo=UTC))
        return made["metric_value"].to_list()

    orders = [frame.sample(fraction=1.0, shuffle=True, seed=seed) for seed in range(20)]
    assert {tuple(told(rows)) for rows in orders} == {tuple(told(frame))}


def test_a_doi_leaks_however_it_is_written_and_missing_values_never_do() -> None:
    train = pl.DataFrame({"doi": ["10.1/AB", None, "10.1/c"], "target": ["VO2", " ", "NaN"]})
    test = pl.DataFrame({"doi": ["https://doi.org/10.1/ab", None, "10.1/z"], "target": [" VO2", "", "TiO2"]})
    found = bias.leakage(train, test, keys=("doi", "target"))
    assert found.select("key", "shared_values", "train_rows", "test_rows").rows() == [
        ("doi", 1, 1, 1),
        ("target", 1, 1, 1),
    ]
    rows = bias.leaking_rows(train, test, keys=("doi", "target"))
    assert rows.select("row", "leaks_by").rows() == [(0, "doi,target")]
    assert not bias.leakage(train, test.tail(2), keys=("doi", "target"))["leak"].any()


def test_a_fair_sample_has_no_divergence_and_an_absent_group_is_named() -> None:
    pool = pl.DataFrame({"g": ["a", "a", "b", "c"]})
    assert value(bias.representation(pool, pool, group="g"), "divergence") == pytest.approx(0.0)
    found = bias.representation(pool.head(3), pool, group="g")
    assert value(found, "representation", "c") == 0.0
    assert value(found, "absent_share") == 0.25


LEARNED = pl.DataFrame(
    {
        "formula": ["VO2", "V2O3", "NiO", "LaNiO3", "NdNiO3", "TiO2", "TiO2", "VO2"] * 2,
        "label": ["mit", "mit", "insulator", "metal", "mit", "insulator", "metal", "mit"] * 2,
        "family": ["O-V", "O-V", "Ni-O", "Ln-Ni-O", "Ln-Ni-O", "O-Ti", "O-Ti", "O-V"] * 2,
        "t_K": [340.0, 160.0, None, None, 200.0, None, None, 341.0] * 2,
    }
)


def test_a_bias_card_says_what_is_covered_what_is_asked_and_that_failures_are_missing() -> None:
    pool = pl.DataFrame({"formula": ["VO2", "CrN", "CrCl3"]})
    card = bias.bias_card(
        LEARNED, model="m", formula="formula", label="label", groups=("family",), values=("t_K",), pool=pool
    )
    assert card.harms == ("4 rows of 'insulator': too few to learn", "4 rows of 'metal': too few to learn")
    assert value(card.measured, "absent_share") == pytest.approx(4 / 6)  # Cr twice, N and Cl of six atoms asked about
    assert value(card.measured, "representation", "Cr") == 0
    assert card.measured.select("group_column", "group_value", "metric_name").is_unique().all()
    assert all(word in card.page for word in ("Not to be used", "leave no row", "vendi_score", "Cr 0.00"))


def test_elements_are_counted_by_row_and_not_by_letter() -> None:
    found = bias.by_element(pl.DataFrame({"f": ["CoO", "CO", None, "what"]}), formula="f")
    shares = found.filter(pl.col("metric_name") == "share")
    assert dict(shares.select("group_value", "group_rows").iter_rows()) == {"O": 2, "C": 1, "Co": 1}
