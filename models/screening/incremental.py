"""What an earlier screen has done already: the same model is not learned again, the same row not predicted again.

A model is the same where all that its training and its score depend on is; a row, where its inputs and the model are.
The version of the code is an input of both, since no hash of a frame tells what will be made of it.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models import cards
from models.screening import inputs, training
from schemas.errors import InputError

PREDICTED = (
    "p_mit", "p_metal", "p_insulator", "label", "conformal_set", "in_domain", "domain_distance", "features", "model_id",
)  # fmt: skip
_KEY = ("formula", "inputs_hash")


@dataclass(frozen=True)
class Predicted:
    """Predictions, and how they came about.

    Attributes:
        rows: as `training.predict` gives them, with `inputs_hash`.
        taken: rows that the earlier screen held.
        computed: all others.
    """

    rows: pl.DataFrame
    taken: int
    computed: int


def predict(
    model: training.ScreeningModel,
    offered: pl.DataFrame,
    *,
    earlier: pl.DataFrame | None = None,
    code: str = "",
    stored: pl.DataFrame | None = None,
    workers: int = 1,
) -> Predicted:
    """Predicts the rows that are new, changed, or of another model; the rest is taken from the earlier screen.

    Args:
        model, stored, workers: as `training.predict` takes them.
        offered: one row a formula.
        earlier: rows of pred.screening.
        code: version of the code that makes features and predictions; another one makes all rows new.
    """
    asked = offered.with_columns(inputs_hash(offered, code)).with_row_index("place")
    if earlier is None:
        earlier = pl.DataFrame(schema=dict.fromkeys((*_KEY, *PREDICTED), pl.String))
    held = earlier.filter(pl.col("model_id") == model.model_id).select(*_KEY, *PREDICTED)
    fresh = asked.join(held, on=_KEY, how="anti", nulls_equal=True)
    if not asked.height or fresh.height:
        made = training.predict(model, fresh, stored=stored, workers=workers)
        if fresh.height == asked.height:
            return Predicted(made.drop("place"), 0, fresh.height)
    told = (pl.lit(True).alias("ok"), pl.lit(None, pl.String).alias("reason"))
    taken = asked.join(held, on=_KEY, how="inner", validate="1:1").with_columns(told)
    taken = taken.with_columns(training.known_label(model, taken["formula"]))
    rows = pl.concat([taken, made.select(taken.columns)]) if fresh.height else taken
    return Predicted(rows.sort("place").drop("place"), taken.height, fresh.height)


def inputs_hash(frame: pl.DataFrame, code: str) -> pl.Series:
    """Hash of what a prediction depends on beside formula and model: structure features and the version of the code."""
    columns = [pl.col(c).cast(pl.String).fill_null("") for c in inputs.STRUCTURE_FEATURES if c in frame.columns]
    texts = frame.select(pl.concat_str([pl.lit(code), *columns], separator="|").alias("text"))
    if texts.height != frame.height:  # no column but the literal
        texts = pl.DataFrame({"text": [code] * frame.height}, schema={"text": pl.String})
    distinct = texts["text"].unique().to_list()
    hashes = {t: hashlib.sha256(t.encode()).hexdigest()[:16] for t in distinct}
    return pl.Series("inputs_hash", [hashes[t] for t in texts["text"].to_list()], dtype=pl.String)


def question(
    labelled: pl.DataFrame,
    offered: pl.DataFrame,
    *,
    stored: pl.DataFrame | None,
    settings: dict[str, object],
    beside: Sequence[pl.DataFrame] = (),
) -> str:
    """Hash of all that the training and the score of a screen depend on.

    Args:
        labelled, stored: as `training.train` takes them.
        offered: as screened; only its rows of labelled compounds are scored.
        settings: of the score, the seed and the version of the code.
        beside: what others reported, which stands on the card of the model.
    """
    served = offered.select("formula", *(c for c in inputs.STRUCTURE_FEATURES if c in offered.columns))
    parts = [labelled, *(f.join(labelled, on="formula", how="semi") for f in (served, stored) if f is not None)]
    texts = [*(f.sort("formula").write_csv() for f in parts), *(f.write_csv() for f in beside)]
    return cards.identify("screen", settings, *texts)


def former(folder: Path | None, asked: str) -> training.ScreeningModel | None:
    """The model in a folder, where it answers the same question; None where it must be learned."""
    if folder is None or not (folder / cards.CARD).exists():
        return None
    try:
        if cards.read_card(folder, kind=training.KIND).settings.get("question") != asked:
            return None
        return training.load(folder)
    except InputError as error:
        logging.getLogger(__name__).warning("the model is learned again: %s", error)
        return None
