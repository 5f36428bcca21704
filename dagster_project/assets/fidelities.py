"""What to learn next about the candidates, and what several fidelities say of their gaps."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets

GAPS = "bias/mf_gap_by_composition.csv.gz"
TREES = 60


@table_assets(
    "pred.acquisitions",
    group="screening",
    reads={"screened": "pred.screening", "sifted": "pred.candidates", "features": "feat.structure"},
)
def acquisitions(build: Build, screened: pl.LazyFrame, sifted: pl.LazyFrame, features: pl.LazyFrame) -> Frames:
    """Chooses candidates without a structure so that every group of anions is known in equal diversity."""
    from models.bias.acquisitions import to_fetch

    made = to_fetch(screened.collect(), sifted.collect(), features.collect(), seed=build.seed)
    return {"pred.acquisitions": made}


@table_assets("pred.gaps", group="screening", reads={"sifted": "pred.candidates"}, kinds=("lightgbm", "polars"))
def gaps(build: Build, sifted: pl.LazyFrame) -> Frames:
    """Learns measured gaps from calculated ones and the composition, where the profile reads public data sets."""
    from models import fidelity
    from models.fidelity.candidates import gaps_of
    from warehouse.files import read_table

    source = build.datasets / GAPS if build.datasets else None
    formulas = sifted.filter(pl.col("stage") == "candidate").collect()["formula"].unique(maintain_order=True)
    if source is None or not source.is_file():
        return {"pred.gaps": gaps_of(formulas, None, model_id="")}
    table = read_table(str(source), text=("comp_key",))
    model = fidelity.fit(table, fidelities=("pbe", "hse", "expt"), target="expt", trees=TREES, seed=build.seed)
    card = fidelity.save(model, build.model_dir("gaps"), target="expt", seed=build.seed)
    build.register(card, name="gaps", trained_on=GAPS)
    return {"pred.gaps": gaps_of(formulas, model, model_id=card.model_id)}
