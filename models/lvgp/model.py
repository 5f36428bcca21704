"""`fit`, `save` and `load` of every kind of surrogate: the door that callers take."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models import cards
from models.lvgp import exact, forest, sparse
from models.lvgp.encoding import Encoding
from models.lvgp.frames import inputs as inputs
from models.lvgp.interface import Surrogate
from models.lvgp.interface import mixed as mixed
from models.lvgp.kinds import KINDS, Kind, Way
from schemas.arrays import Floats
from schemas.errors import InputError
from schemas.quantities import LARGEST

KIND = "lvgp"


def fit(
    frame: pl.DataFrame,
    outputs: Floats,
    *,
    encoding: Encoding,
    kind: Kind = "lvgp",
    seed: int = 0,
    known: Floats | None = None,
    warm: Surrogate | None = None,
    **effort: Any,
) -> Surrogate:
    """Fits one output.

    Args:
        frame: n rows of inputs.
        outputs: n values; rows without one must be left out before.
        encoding: of the inputs.
        kind: see `models.lvgp.kinds`.
        seed: of all that is left to chance.
        known: noise variance of each output that is known beforehand, n, such as that of a mean over replicates; what
            noise there is beside is learned.
        warm: an earlier model of the same inputs and kind, which goes on.
        effort: what else the way to learn takes; of modes `members`, `steps` and `rate`: by default 16 members, and
            fewer from 100 rows on, down to 4, and 60 steps, or 200 where there are numbers.

    Raises:
        InputError: fewer than two rows, an output that is no number, or a noise variance that is none.
    """
    if len(outputs) < 2 or not np.isfinite(outputs).all():
        raise InputError.of("fewer than two rows or an output that is no number", "the training rows", "drop such rows")
    if np.abs(outputs).max() > LARGEST:
        raise InputError.of(f"an output beyond {LARGEST:g}", "the training rows", "drop it, or change the unit")
    if known is not None and not (np.isfinite(known) & (known >= 0)).all():
        raise InputError.of("a noise variance that is no number from 0 on", "the training rows", "drop such rows")
    return LEARNERS[KINDS[kind].way](
        frame, outputs, encoding=encoding, kind=kind, seed=seed, known=known, warm=warm, **effort
    )


def save(
    model: Surrogate, folder: Path, *, target: str, beside: Sequence[str] = (), noise: str = "", seed: int = 0
) -> cards.Card:
    """Writes the model folder with its card.

    Args:
        model: what was fitted.
        folder: where to.
        target: name of the output.
        beside: names of all outputs that it was fitted together with, whose joint density its card tells.
        noise: where the noise of outputs is known from; empty where it is not.
        seed: that it was fitted with.
    """
    settings = {
        "kind": model.kind,
        "inputs": list(model.encoding.names),
        "target": target,
        **({"fitted_together": list(beside)} if beside else {}),
        "noise": noise,
        "seed": seed,
    }
    told = model.told()
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, model.encoding.told(), *model.learned()),
        summary=f"Predicts {target} from {', '.join(model.encoding.names)} with a surrogate of kind {model.kind}.",
        data={"rows": told.pop("rows")},
        settings=settings,
        scores=told,
        caveats=("A level or a number outside the training range is an extrapolation.", *model.caveats()),
    )
    return cards.save(model, card, folder)


def load(folder: Path) -> Surrogate:
    """Reads a model folder.

    Raises:
        InputError: no such model, or a damaged one.
    """
    found: Surrogate = cards.load(folder, kind=KIND, expect=Surrogate)
    return found


LEARNERS: dict[Way, Callable[..., Surrogate]] = {
    "modes": exact.fit,
    "draws": exact.fit,
    "inducing": sparse.fit,
    "trees": forest.fit,
}
"""What fits each way to learn."""
