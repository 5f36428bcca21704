"""`train`, `predict`, `save`, `load` of the screening model. Scores are in `evaluation`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models import cards
from models.screening import CLASSES, ensemble, inputs, metrics
from models.screening.inputs import Bools, Floats, Ints
from schemas.errors import InputError

KIND = "screening"
CALIBRATION_GROUPS = "family_tm_anion"
BATCH = 50_000


@dataclass(frozen=True)
class Part:
    """One ensemble with its calibration and conformal limits, on one feature set."""

    features: str
    names: tuple[str, ...]
    trees: ensemble.Ensemble
    calibration: ensemble.Calibration
    limits: Floats

    def probabilities(self, X: Floats, boosters: list[Any] | None = None) -> Floats:
        """Calibrated probabilities, n x 3."""
        return self.calibration.apply(self.trees.raw(X, boosters))


@dataclass(frozen=True)
class ScreeningModel:
    """A trained screening model.

    Attributes:
        model_id: hash of training rows and settings.
        parts: by feature set; "composition" is always there and serves rows without structure features.
        domain: applicability domain in composition space.
        formulas: training formulas, for explanations.
        matrix: training features of the richest part, n x d.
        codes: training labels.
        card: what is written beside the model.
    """

    model_id: str
    parts: dict[str, Part]
    domain: ensemble.Domain
    formulas: tuple[str, ...]
    matrix: Floats
    codes: Ints
    card: cards.Card = field(repr=False)

    @property
    def richest(self) -> Part:
        """The part with the most features."""
        return self.parts.get("both") or self.parts.get("structure") or self.parts["composition"]


def has_structure(frame: pl.DataFrame) -> bool:
    """Whether any structure feature is present that composition alone does not give."""
    return any(
        c in frame.columns and frame[c].null_count() < frame.height for c in ("gii", "avg_mm_dists", "avg_mx_dists")
    )


def train(
    labelled: pl.DataFrame,
    *,
    features: str | None = None,
    label: str = "label_name",
    groups: str | None = None,
    seed: int = 0,
) -> ScreeningModel:
    """Trains the ensemble; probabilities and conformal sets come from grouped out-of-fold predictions.

    Args:
        labelled: `formula`, the label column, and perhaps the ten structure features and grouping columns.
        features: "composition", "structure" or "both"; None takes both where the table has structure features.
        label: column with metal / insulator / mit (or 0 / 1 / 2).
        groups: grouping of the calibration folds; families of transition metal and anion unless told.
        seed: seed of everything random.

    Raises:
        InputError: missing columns, unknown labels, or fewer than two classes.
    """
    chosen = features or ("both" if has_structure(labelled) else "composition")
    made = inputs.matrix(labelled, chosen)
    y = inputs.labels(labelled, label)
    rows = ensemble.known_rows(made.ok, y)
    check_learnable(y[rows])
    kept, codes = labelled[rows.tolist()], y[rows]
    keys = inputs.groups(kept, groups or CALIBRATION_GROUPS)
    settings = {
        "features": chosen,
        "label": label,
        "groups": groups or CALIBRATION_GROUPS,
        "seed": seed,
        "members": ensemble.MEMBERS,
        "rounds": ensemble.ROUNDS,
        **ensemble.PARAMETERS,
    }
    parts, scored = {}, {}
    for name in dict.fromkeys(("composition", chosen)):
        parts[name], scored[name] = _part(inputs.matrix(kept, name), name, codes, keys, seed)
    composed = inputs.composition_matrix(kept)
    model_id = cards.identify(KIND, settings, kept["formula"].to_list(), codes.tolist(), _rounded(made.values[rows]))
    card = cards.Card(
        kind=KIND,
        model_id=model_id,
        summary="Classifies compounds as metal, insulator or metal-insulator-transition material.",
        data={
            "rows": len(rows),
            "left_out": labelled.height - len(rows),
            **{c: int(np.sum(codes == i)) for i, c in enumerate(CLASSES)},
        },
        settings=settings,
        scores={"protocol": f"out-of-fold by {groups or CALIBRATION_GROUPS}, before nesting", **scored},
        caveats=(
            "Most of the score on random splits is memory of families: quote grouped scores.",
            "Outside the domain (in_domain = false) probabilities are extrapolations.",
        ),
    )
    domain = ensemble.fit_domain(composed.values, keys)
    return ScreeningModel(model_id, parts, domain, tuple(kept["formula"].to_list()), made.values[rows], codes, card)


def _part(made: inputs.Matrix, name: str, codes: Ints, keys: list[str], seed: int) -> tuple[Part, dict[str, float]]:
    raw = ensemble.out_of_fold(made.values, codes, keys, seed=seed)
    calibration = ensemble.calibrate(raw, codes)
    p = calibration.apply(raw)
    fitted = ensemble.fit(made.values, codes, seed=seed)
    part = Part(name, made.names, fitted, calibration, ensemble.conformal_limits(p, codes))
    return part, {k: round(v, 4) for k, v in metrics.scores(codes, p).items()}


def check_learnable(y: Ints) -> None:
    """Checks that there is something to learn.

    Raises:
        InputError: too few rows or classes.
    """
    if len(y) < 10 or len(np.unique(y)) < 2:
        raise InputError.of(
            f"{len(y)} usable rows of {len(np.unique(y))} classes", "the labelled table", "give at least 10 of 2"
        )


def _rounded(values: Floats) -> list[list[float | None]]:
    return [[None if not np.isfinite(v) else float(f"{v:.6g}") for v in row] for row in values]


def predict(model: ScreeningModel, frame: pl.DataFrame) -> pl.DataFrame:
    """Adds probabilities, label, conformal set and domain to each row; unreadable formulas stay with a reason.

    Args:
        model: a trained model.
        frame: needs `formula`; structure features are used where the model knows them and a row has them.

    Raises:
        InputError: no `formula` column.
    """
    inputs.need_columns(frame, ("formula",), "the table")
    opened = {k: p.trees.boosters() for k, p in model.parts.items()}
    pieces = [_predict(model, frame[i : i + BATCH], opened) for i in range(0, max(frame.height, 1), BATCH)]
    return pl.concat(pieces) if len(pieces) > 1 else pieces[0]


def _predict(model: ScreeningModel, frame: pl.DataFrame, opened: dict[str, list[Any]]) -> pl.DataFrame:
    made = inputs.composition_matrix(frame)
    part = model.parts["composition"]
    p = np.full((frame.height, len(CLASSES)), np.nan)
    limits = np.tile(part.limits, (frame.height, 1))
    plain, rich = made.ok, np.zeros(frame.height, bool)
    if model.richest is not part and has_structure(frame):
        rich = made.ok & _enough(inputs.structure_matrix(frame).values)
        plain = made.ok & ~rich
    if plain.any():
        p[plain] = part.probabilities(made.values[plain], opened["composition"])
    if rich.any():
        best = model.richest
        p[rich] = best.probabilities(inputs.matrix(frame, best.features).values[rich], opened[best.features])
        limits[rich] = best.limits
    return _columns(model, frame, made, p, limits)


def _enough(values: Floats) -> Bools:
    """Rows with more than half of the seven features that need a structure."""
    needs = [i for i, n in enumerate(inputs.STRUCTURE_FEATURES) if not n.startswith(("avg_dev", "range"))]
    enough: Bools = np.isfinite(values[:, needs]).sum(axis=1) > len(needs) / 2
    return enough


def _columns(
    model: ScreeningModel, frame: pl.DataFrame, made: inputs.Matrix, p: Floats, limits: Floats
) -> pl.DataFrame:
    ok = made.ok
    sets: list[list[str] | None] = [None] * frame.height
    names: list[str | None] = [None] * frame.height
    distance = np.full(frame.height, np.nan)
    if ok.any():
        p[ok] = np.round(p[ok], 6)
        p[ok, 1] = 1 - p[ok, 0] - p[ok, 2]
        found = ensemble.conformal_sets(p[ok], limits[ok])
        distance[ok] = np.round(model.domain.distance(made.values[ok]), 6)
        for i, row in enumerate(np.flatnonzero(ok)):
            sets[row], names[row] = found[i], CLASSES[int(p[row].argmax())]
    near = distance <= model.domain.limit
    return frame.with_columns(
        pl.Series("ok", ok),
        pl.Series("reason", made.reason, dtype=pl.String),
        pl.Series("p_mit", p[:, 2], nan_to_null=True),
        pl.Series("p_metal", p[:, 0], nan_to_null=True),
        pl.Series("p_insulator", p[:, 1], nan_to_null=True),
        pl.Series("label", names, dtype=pl.String),
        pl.Series("conformal_set", sets, dtype=pl.List(pl.String)),
        pl.Series("in_domain", [bool(n) if o else None for n, o in zip(near, ok, strict=True)], dtype=pl.Boolean),
        pl.Series("domain_distance", distance, nan_to_null=True),
        pl.lit(model.model_id).alias("model_id"),
    )


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
