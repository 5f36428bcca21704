"""`train`, `predict`, `save`, `load` of the screening model. Scores are in `evaluation`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.features.formulas import reduced
from etl.features.rows import beside
from models import cards
from models.screening import CLASSES, ensemble, inputs, members, metrics
from schemas.arrays import Bools, Floats, Ints

KIND = "screening"
CALIBRATION_GROUPS = "family_tm_anion"
BATCH = 20_000
CAVEATS = (
    "Most of the score on random splits is memory of families: quote grouped scores.",
    "Outside the domain (in_domain = false) probabilities are extrapolations, and conformal sets exclude nothing.",
)
UNCALIBRATED = (
    "Not calibrated: a class lies in one group only, so nothing could be held out. Probabilities are raw, conformal"
    " sets exclude nothing, and there is no score."
)


@dataclass(frozen=True)
class Part:
    """All that predicts from one feature set.

    Attributes:
        features: one of `inputs.FEATURE_SETS`.
        names: of the features, one a column.
        fitted: the calibrated ensemble.
        domain: where it has seen anything similar, in the space of its features.
        matrix: its training features, n x d, for explanations.
    """

    features: str
    names: tuple[str, ...]
    fitted: ensemble.Calibrated
    domain: ensemble.Domain
    matrix: Floats


@dataclass(frozen=True)
class ScreeningModel:
    """A trained screening model.

    Attributes:
        model_id: hash of training rows and settings.
        parts: by feature set; "composition" is always there and serves rows without structure features.
        formulas: training formulas, for explanations.
        codes: training labels.
        card: what is written beside the model.
    """

    model_id: str
    parts: dict[str, Part]
    formulas: tuple[str, ...]
    codes: Ints
    card: cards.Card = field(repr=False)

    @property
    def richest(self) -> Part:
        """The part with the most features."""
        return self.parts.get("both") or self.parts.get("structure") or self.parts["composition"]


def part_names(labelled: pl.DataFrame, features: str | None = None) -> tuple[str, ...]:
    """The parts that `train` makes of a table: composition always, and the set asked for or what the table allows."""
    return tuple(
        dict.fromkeys(("composition", features or ("both" if inputs.has_structure(labelled) else "composition")))
    )


def train(
    labelled: pl.DataFrame,
    *,
    features: str | None = None,
    label: str = "label_name",
    groups: str | None = None,
    seed: int = 0,
    stored: pl.DataFrame | None = None,
) -> ScreeningModel:
    """Trains the ensemble; probabilities and conformal sets come from grouped out-of-fold predictions.

    Where a class lies in one group only, nothing can be held out: the model is then not calibrated, and its card says
    so.

    Args:
        labelled: `formula`, the label column, and perhaps the ten structure features and grouping columns.
        features: "composition", "structure" or "both"; None takes both where the table has structure features.
        label: column with metal / insulator / mit (or 0 / 1 / 2).
        groups: grouping of the calibration folds; families of transition metal and anion unless told.
        seed: seed of everything random.
        stored: rows of feat.composition; what they lack is computed.

    Raises:
        InputError: missing columns, unknown labels, or fewer than two classes.
    """
    kept, codes = inputs.learnable(labelled, label, stored)
    grouping = groups or CALIBRATION_GROUPS
    keys = inputs.groups(kept, grouping)
    names = part_names(labelled, features)
    parts = {n: _part(inputs.matrix(kept, n, stored), n, codes, keys, seed) for n in names}
    settings = {"features": names[-1], "label": label, "groups": grouping, "seed": seed}
    settings |= {"boosters_of_a_view": ensemble.FULL.members, **members.PARAMETERS}
    settings |= {"views": {n: [v.name for v in members.views(p.names, len(codes))] for n, p in parts.items()}}
    formulas = kept["formula"].to_list()
    rows = [_rounded(p.matrix) for p in parts.values()]
    model_id = cards.identify(KIND, settings, formulas, codes.tolist(), *rows)
    card = cards.Card(
        kind=KIND,
        model_id=model_id,
        summary="Classifies compounds as metal, insulator or metal-insulator-transition material.",
        data={"rows": len(codes), "left_out": labelled.height - len(codes), **_counts(codes)},
        settings=settings,
        scores=_scores(parts, codes, grouping),
        caveats=CAVEATS if all(p.fitted.held_out is not None for p in parts.values()) else (*CAVEATS, UNCALIBRATED),
    )
    return ScreeningModel(model_id, parts, tuple(formulas), codes, card)


def _part(made: inputs.Matrix, name: str, codes: Ints, keys: list[str], seed: int) -> Part:
    fitted = ensemble.fit_calibrated(made.values, codes, made.names, keys, seed=seed)
    return Part(name, made.names, fitted, ensemble.fit_domain(made.values, keys), made.values)


def _counts(codes: Ints) -> dict[str, int]:
    return {c: int(np.sum(codes == i)) for i, c in enumerate(CLASSES)}


def _scores(parts: dict[str, Part], codes: Ints, grouping: str) -> dict[str, Any]:
    """Scores of each part that could hold rows out."""
    held = {n: p.fitted.held_out for n, p in parts.items()}
    scored = {n: metrics.carded(codes, p) for n, p in held.items() if p is not None}
    return {"protocol": f"out-of-fold by {grouping}, before nesting", **scored}


def _rounded(values: Floats) -> list[list[float | None]]:
    return [[None if not np.isfinite(v) else float(f"{v:.6g}") for v in row] for row in values]


def predict(
    model: ScreeningModel, frame: pl.DataFrame, *, stored: pl.DataFrame | None = None, workers: int = 1
) -> pl.DataFrame:
    """Adds probabilities, label, conformal set and domain to each row; unreadable formulas stay with a reason.

    Args:
        model: a trained model.
        frame: needs `formula`; structure features are used where the model knows them and a row has them.
        stored: rows of feat.composition; what they lack is computed.
        workers: threads that share the batches; the result is the same.

    Returns:
        The frame with the columns of `pred.screening` and `ok`, `reason`; `features` names the part that gave the row,
        `known_label` what the training data say of the compound, which a prediction may contradict.

    Raises:
        InputError: no `formula` column.
    """
    inputs.need_columns(frame, ("formula",), "the table")
    slices = (frame[i : i + BATCH] for i in range(0, max(frame.height, 1), BATCH))
    with ThreadPoolExecutor(workers) as threads:  # the libraries that do the work let other threads run meanwhile
        made = pl.concat(threads.map(lambda part: _predict(model, part, stored), slices))
    return made.with_columns(known_label(model, frame["formula"]))


def known_label(model: ScreeningModel, formulas: pl.Series) -> pl.Series:
    """What the training data say of each formula however it is written; null where nothing, or not one thing."""
    rows = {"formula": model.formulas, "label": [CLASSES[c] for c in model.codes]}
    trained = pl.DataFrame(rows, schema={"formula": pl.String, "label": pl.String})
    asked = formulas.cast(pl.String)
    # most compounds share their elements with none of the training data, and reading them all would take seconds
    near = asked.filter(_elements(asked).is_in(_elements(trained["formula"]).implode()))
    texts = {*trained["formula"].drop_nulls(), *near.drop_nulls()}
    read = {text: reduced(text) or text for text in texts}
    told = trained.with_columns(pl.col("formula").replace(read)).unique().unique("formula", keep="none")
    known = dict(told.iter_rows())
    spelled = {text: known.get(form) for text, form in read.items()}
    return asked.replace_strict(spelled, default=None, return_dtype=pl.String).alias("known_label")


def _elements(formulas: pl.Series) -> pl.Series:
    """One number for the symbols of each formula, the same in whatever order they stand."""
    symbols = formulas.str.extract_all("[A-Z][a-z]?").list.unique()
    return symbols.list.eval(pl.element().hash() // 1024).list.sum()  # small enough for a sum


def _predict(model: ScreeningModel, frame: pl.DataFrame, stored: pl.DataFrame | None) -> pl.DataFrame:
    made = inputs.composition_matrix(frame, stored)
    by = np.array(["composition" if ok else None for ok in made.ok], dtype=object)
    best = model.richest.features
    if best != "composition" and inputs.has_structure(frame):
        by[made.ok & _enough(inputs.structure_matrix(frame).values)] = best
    found = _Found.blank(frame.height)
    for name, part in model.parts.items():
        rows = np.flatnonzero(by == name)
        if len(rows):
            X = made.values if name == "composition" else inputs.matrix(frame[rows.tolist()], name, stored).values
            found.fill(part, rows, X[rows] if name == "composition" else X)
    return _columns(model.model_id, frame, made, found, by)


@dataclass(frozen=True)
class _Found:
    """What the parts say of n rows; NaN and None where none spoke."""

    p: Floats
    distance: Floats
    near: list[bool | None]
    sets: list[list[str] | None]
    names: list[str | None]

    @classmethod
    def blank(cls, n: int) -> "_Found":
        return cls(np.full((n, len(CLASSES)), np.nan), np.full(n, np.nan), [None] * n, [None] * n, [None] * n)

    def fill(self, part: Part, rows: Ints, X: Floats) -> None:
        p = np.round(part.fitted.probabilities(X), 6)
        p[:, 1] = 1 - p[:, 0] - p[:, 2]
        self.p[rows] = p
        self.distance[rows] = np.round(part.domain.distance(X), 6)
        for row, held, best in zip(rows, ensemble.conformal_sets(p, part.fitted.limits), p.argmax(axis=1), strict=True):
            near = bool(self.distance[row] <= part.domain.limit)
            # outside the domain nothing was held out that resembles the row: no class can be excluded
            self.sets[row] = held if near else list(CLASSES)
            self.names[row], self.near[row] = CLASSES[best], near


def _enough(values: Floats) -> Bools:
    """Rows with more than half of the seven features that need a structure."""
    needs = [i for i, n in enumerate(inputs.STRUCTURE_FEATURES) if not n.startswith(("avg_dev", "range"))]
    enough: Bools = np.isfinite(values[:, needs]).sum(axis=1) > len(needs) / 2
    return enough


def _columns(model_id: str, frame: pl.DataFrame, made: inputs.Matrix, found: _Found, by: Any) -> pl.DataFrame:
    columns = [
        pl.Series("ok", made.ok, dtype=pl.Boolean),
        pl.Series("reason", made.reason, dtype=pl.String),
        pl.Series("p_mit", found.p[:, 2], nan_to_null=True),
        pl.Series("p_metal", found.p[:, 0], nan_to_null=True),
        pl.Series("p_insulator", found.p[:, 1], nan_to_null=True),
        pl.Series("label", found.names, dtype=pl.String),
        pl.Series("conformal_set", found.sets, dtype=pl.List(pl.String)),
        pl.Series("in_domain", found.near, dtype=pl.Boolean),
        pl.Series("domain_distance", found.distance, nan_to_null=True),
        pl.Series("features", by.tolist(), dtype=pl.String),
        pl.Series("model_id", [model_id] * frame.height, dtype=pl.String),
    ]
    return beside(frame, pl.DataFrame(columns))


def save(model: ScreeningModel, folder: Path) -> cards.Card:
    """Writes the model folder (model file, card.json, card.md)."""
    return cards.save(model, model.card, folder)


def load(folder: Path) -> ScreeningModel:
    """Reads a model folder.

    Raises:
        InputError: missing, garbled or of another kind.
    """
    model: ScreeningModel = cards.load(folder, kind=KIND, expect=ScreeningModel)
    return model
