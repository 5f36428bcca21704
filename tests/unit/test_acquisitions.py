"""Tables of the graph on what to learn next and on gaps: they keep their declarations, with and without data."""

import numpy as np
import polars as pl
import pytest

from models import fidelity
from models.bias.acquisitions import to_fetch
from models.fidelity.candidates import gaps_of
from schemas.emit.polars import inspect
from schemas.tables import REGISTRY

METALS, ANIONS = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu"), ("O", "S", "F")
FORMULAS = [f"{m}{a}{n}" for m in METALS for a in ANIONS for n in (2, 3)]


def tables(known: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Screen, funnel and structure features of 48 compounds; only the first have a structure."""
    ids = [f"s{i}" if i < known else None for i in range(len(FORMULAS))]
    screened = pl.DataFrame({"formula": FORMULAS, "structure_id": pl.Series(ids, dtype=pl.String)})
    sifted = pl.DataFrame({"formula": FORMULAS, "stage": "candidate", "rank": range(1, len(FORMULAS) + 1)})
    values = np.random.default_rng(0).normal(10, 3, known)
    features = pl.DataFrame(
        {"structure_id": pl.Series([i for i in ids if i], dtype=pl.String), "est_charge_trans": values},
        schema_overrides={"est_charge_trans": pl.Float64},
    )
    return screened, sifted, features


def test_candidates_without_a_structure_are_to_be_fetched() -> None:
    found = to_fetch(*tables(24), seed=0)
    assert inspect(found, REGISTRY["pred.acquisitions"]).rejected_rows == 0
    assert found.height == 20
    assert not set(found["formula"]) & set(FORMULAS[:24])
    assert found["rank"].to_list() == list(range(1, 21))
    assert set(found["anion"]) <= set(ANIONS)


@pytest.mark.parametrize("known", [0, 3, 48])
def test_without_something_known_or_left_nothing_is_proposed(known: int) -> None:
    found = to_fetch(*tables(known), seed=0)
    assert found.height == 0
    assert inspect(found, REGISTRY["pred.acquisitions"]).rejected_rows == 0


def test_gaps_of_candidates_keep_their_declaration() -> None:
    cheap = [0.0, 0.4, 0.9, 1.5, 2.2, 3.0] * 8
    table = pl.DataFrame({"comp_key": FORMULAS, "pbe": cheap, "expt": [1.3 * g for g in cheap]})
    model = fidelity.fit(table, fidelities=("pbe", "expt"), target="expt", trees=8)
    found = gaps_of(pl.Series(["VO2", "?!", "Fe2O3"]), model, model_id="m")
    assert found["formula"].to_list() == ["VO2", "Fe2O3"]
    assert inspect(found, REGISTRY["pred.gaps"]).rejected_rows == 0
    assert inspect(gaps_of(pl.Series(["VO2"]), None, model_id=""), REGISTRY["pred.gaps"]).rejected_rows == 0
