"""What the report and the server ask of crystals and of the model in a home: `warehouse` may import neither."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.report.insight import Explained, Insight

if TYPE_CHECKING:
    import polars as pl

PRECEDENTS = 6


def of(home: Path) -> Insight:
    """The functions for the published state of a home; the model is read when it is first asked."""
    from etl.features.grouping import groupings

    return Insight(atoms=atoms, families=groupings, explain=lambda rows: explain(home, rows))


def atoms(cif: str) -> Mapping[str, Any] | None:
    """The cell and sites of a CIF; None where it is refused."""
    from etl.structures import optimade
    from etl.structures.errors import StructureError

    try:
        return optimade.attributes(cif)
    except StructureError:
        return None


def explain(home: Path, rows: "pl.DataFrame") -> Explained:
    """Contributions and precedents by the screening model of a home, if it is the one that made the rows."""
    from models.screening import single, training
    from schemas.errors import InputError
    from warehouse.query import query

    try:
        model = training.load(home / "models" / "screening")
    except InputError as error:
        return Explained(reason=f"the model cannot be read: {error}")
    if rows["model_id"].unique().to_list() != [model.model_id]:
        return Explained(reason=f"the home holds another model ({model.model_id}) than the one that made these rows")
    stored = query(home, "SELECT * FROM feat.composition")
    return Explained(
        contributions=single.contributions(model, rows, stored=stored),
        neighbours=single.neighbours(model, rows, top=PRECEDENTS, stored=stored),
    )
