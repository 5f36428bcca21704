"""A home with a small screen, made by the real functions in seconds: a few prototype structures, one of them under a
closed licence, a model of ninety compounds, and a formula that is none."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from etl import reference
from etl.features.structure import PUBLISHED, structure
from etl.structures.assemble import assemble
from etl.structures.prototypes import prototype_structures
from etl.text import labels as labelling
from models.screening import families, funnel, training
from schemas.emit.polars import empty
from schemas.tables import REGISTRY
from warehouse.catalog import publish
from warehouse.store import Store

CLOSED = "ICSD:1234"
HOSTILE = "<img src=x onerror=alert(1)>VO2"
KEPT = (
    "VO2",
    "NdNiO3",
    "SmNiO3",
    "LaMnO3",
    "SrVO3",
    "TiO2",
    "Ba2CoO4",
    "Ba2CrO4",
    "V4GaS8",
    "Ga(MoS2)4",
    "LaTiO3",
    "NbO2",
)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def structures() -> pl.DataFrame:
    """Rows of raw.structures: the kept prototypes, and one of them once more as if it came from ICSD."""
    made = prototype_structures()
    kept = made.filter(pl.col("structure_id").str.split("/").list.last().is_in(KEPT))
    closed = kept.filter(pl.col("source_id").str.ends_with("/SrVO3")).with_columns(
        structure_id=pl.lit(CLOSED), source=pl.lit("ICSD"), source_id=pl.lit("1234"), licence=pl.lit("ICSD"),
        fidelity=pl.lit("experiment"),
    )  # fmt: skip
    return pl.concat([kept, closed])


def home(folder: Path) -> Path:
    """Makes and publishes it."""
    raw = structures()
    core = assemble(raw)
    features = structure(core.filter("valid").sort("structure_id"), workers=1)
    features = features.select(REGISTRY["feat.structure"].column_names)
    compounds = reference.labelled_compounds().group_by("label_name", maintain_order=True).tail(30)
    trained = training.train(compounds)
    training.save(trained, folder / "models" / "screening")
    held = core.join(features.drop("oxidation_states", "reasons"), on="structure_id").sort("fidelity", "structure_id")
    plain = pl.DataFrame({"formula": ["V2O3", "NaN", *compounds["formula"].unique().sort().head(60)]})
    offered = pl.concat([held.select("formula", "structure_id", *PUBLISHED), plain], how="diagonal_relaxed")
    found = training.predict(trained, offered.unique("formula", keep="first", maintain_order=True))
    used = pl.when(pl.col("features") != "composition").then("structure_id")
    found = found.with_columns(structure_id=used, inputs_hash=pl.lit(None, pl.String))
    screening = found.select(REGISTRY["pred.screening"].column_names)
    odd = screening.head(1).with_columns(
        formula=pl.lit(HOSTILE), structure_id=pl.lit(None, pl.String), features=pl.lit("composition"),
        p_mit=0.98, p_metal=0.01, p_insulator=0.01,
    )  # fmt: skip
    model = {
        "model_id": trained.model_id, "kind": "screening", "trained_on": "core.labels", "training_rows": 90,
        "metrics": "{}", "parameters": "{}", "seed": 0, "path": "models/screening", "card": "small", "created_at": AT,
    }  # fmt: skip
    predicted = pl.concat([screening, odd])
    labels = labelling.labels(empty(REGISTRY["core.properties"]), _no_documents())
    sifted = funnel.funnel(predicted, known=labels.select("formula", "label_name"))
    left = predicted.join(sifted.candidates.select("formula", "stage", "known", "motif"), on="formula")
    mark = pl.lit(trained.model_id).alias("model_id")
    tables = {
        "raw.structures": raw,
        "core.structures": core.select(REGISTRY["core.structures"].column_names),
        "feat.structure": features,
        "feat.composition": empty(REGISTRY["feat.composition"]),
        "core.labels": labels,
        "meta.models": pl.DataFrame([model]),
        "pred.screening": predicted,
        "pred.candidates": sifted.candidates.with_columns(mark),
        "pred.funnel": sifted.stages.with_columns(mark),
        "pred.families": families.ranked(left).with_columns(mark),
    }
    store = Store(folder)
    for name, frame in tables.items():
        store.record_verdict(name, store.write(name, frame, mode="replace").version, passed=True)
    publish(folder)
    return folder


def _no_documents() -> pl.DataFrame:
    return empty(REGISTRY["raw.documents"]).select("document_id", "doi", "licence")
