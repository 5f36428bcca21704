"""The map of ionicity: Ewald energy per atom against the spread of covalent radii, after Georgescu et al. (2021).

What the labels say of it, without a model, is `contrasts`.
"""

import numpy as np
import polars as pl

from models.screening import CLASSES, MIT
from models.screening.background import PAIR_BINS, Background, curve, surface
from models.screening.effects import ale_1d, ale_2d, meeting
from models.screening.training import Part, ScreeningModel

EWALD, RADII = "ewald_energy_per_atom", "avg_dev_CovalentRadius"


def tabulate(model: ScreeningModel, part: Part, over: Background) -> pl.DataFrame:
    """The map for every class as rows of `pred.explanations`, with the labelled compounds that lie on it.

    Kinds: `plane_first` and `plane_pair`, the effect of each feature and their interaction; `plane`, their sum with the
    mean probability; `plane_point`, a labelled compound: its label and its held-out probability of a transition. No
    rows where the part knows no structure.
    """
    if not {EWALD, RADII} <= set(part.names):
        return pl.DataFrame(schema={"kind": pl.String})
    pair = part.names.index(EWALD), part.names.index(RADII)
    u, of_u, n_u = ale_1d(over.predict, over.X, pair[0], bins=PAIR_BINS, weights=over.weights)
    v, of_v, n_v = ale_1d(over.predict, over.X, pair[1], bins=PAIR_BINS, weights=over.weights)
    _, _, crossed = ale_2d(over.predict, over.X, pair, bins=PAIR_BINS, weights=over.weights)
    p = over.predict(over.X)
    mean = (over.weights * p).sum(axis=-1) / over.weights.sum(axis=-1)
    whole = mean[..., None, None] + of_u[..., :, None] + of_v[..., None, :] + crossed
    n = meeting(over.X[:, pair], u, v)
    tables = {
        "plane_first": pl.concat([curve(EWALD, u, of_u, n_u), curve(RADII, v, of_v, n_v)]),
        "plane_pair": surface((EWALD, RADII), u, v, crossed, n),
        "plane": surface((EWALD, RADII), u, v, whole, n),
        "plane_point": _points(model, part, pair),
    }
    named = [table.rename({"ale": "effect"}).with_columns(kind=pl.lit(kind)) for kind, table in tables.items()]
    return pl.concat(named, how="diagonal")


def _points(model: ScreeningModel, part: Part, pair: tuple[int, int]) -> pl.DataFrame:
    """Labelled compounds of which both features are known."""
    held = part.fitted.held_out
    p = part.fitted.probabilities(part.matrix) if held is None else held
    x = part.matrix[:, pair]
    rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    return pl.DataFrame(
        {
            "class_name": [CLASSES[c] for c in model.codes[rows]],
            "feature_1": [EWALD] * len(rows),
            "feature_2": [RADII] * len(rows),
            "x_1": x[rows, 0],
            "x_2": x[rows, 1],
            "ale": p[rows, MIT],
        }
    )
