"""Gaps of a screen's candidates as rows of `pred.gaps`; how they are predicted is in `fused`."""

import polars as pl

from models.fidelity.fused import Fused

_MADE = pl.Schema(
    {
        "formula": pl.String(),
        "model_id": pl.String(),
        "gap_eV": pl.Float64(),
        "gap_sd_eV": pl.Float64(),
        "gap_low_eV": pl.Float64(),
        "gap_high_eV": pl.Float64(),
    }
)


def gaps_of(formulas: pl.Series, model: Fused | None, *, model_id: str) -> pl.DataFrame:
    """Rows of pred.gaps; none without a model.

    Args:
        formulas: of the candidates, each once.
        model: of measured gaps in eV, with a column of compositions.
        model_id: of its card.
    """
    if model is None:
        return pl.DataFrame(schema=_MADE)
    asked = pl.DataFrame({model.columns.formula or "formula": formulas})
    found = pl.concat([formulas.alias("formula").to_frame(), model.predict(asked)], how="horizontal").filter("ok")
    return found.select(
        "formula",
        pl.lit(model_id).alias("model_id"),
        gap_eV="mean",
        gap_sd_eV="sd",
        gap_low_eV="low",
        gap_high_eV="high",
    )
