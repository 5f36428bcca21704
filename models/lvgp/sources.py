"""Several fidelities in one model: the source of a value is one more categorical variable, whose points are nested.

A source lies a step beyond the one it refines (Kennedy and O'Hagan, Biometrika 87, 1 (2000), as a random walk in the
plane; the source as a latent variable: Eweis-Labolle et al., J. Mech. Des. 144, 091703 (2022)). Neighbours are alike
unless data say otherwise, and how far a step goes is learned. As every variable of the kernel has an effect alone and
with the others, sources may differ by an offset and in how they follow the other inputs.

    model = fit_sources(frame, y, order=("pbe", "hse", "expt"), inputs=("x1", "x2"), categorical=("A",))
    mean, deviation = model.predict(rows.with_columns(source=pl.lit("expt")))

`frame` has one row a value: the inputs and `source`. The same material may have rows of several sources, and need not.
More than some ten numbers should be reduced first (principal components): each is a variable of the kernel.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from models.lvgp.encoding import Encoding, of_frame
from models.lvgp.interface import Surrogate
from models.lvgp.model import fit
from schemas.arrays import Floats
from schemas.errors import InputError

STEP = 0.3
"""Prior size of a step between neighbours, beside that of a level of any other variable."""


def fit_sources(
    frame: pl.DataFrame,
    outputs: Floats,
    *,
    order: tuple[str, ...],
    inputs: tuple[str, ...],
    categorical: tuple[str, ...] = (),
    source: str = "source",
    known: Floats | None = None,
    seed: int = 0,
    **effort: Any,
) -> Surrogate:
    """Fits one output that several sources tell of.

    Args:
        frame: n rows with the inputs and the source.
        outputs: n values.
        order: of the sources, from the coarsest to the one that counts.
        inputs: other inputs; those that are no numbers are categorical.
        categorical: inputs that are categorical though they may be numbers.
        source: column with the source.
        known: noise variance of each value that is known beforehand, n.
        seed: of the fit.
        effort: see `models.lvgp.model.fit`.

    Raises:
        InputError: a source that is not in the order; see also `models.lvgp.model.fit`.
    """
    encoding = of_frame(frame, inputs=inputs, categorical=(*categorical, source))
    nested = walked(encoding, order, source=source)
    return fit(frame, outputs, encoding=nested, kind="lvgp-descriptor", seed=seed, known=known, **effort)


def walked(encoding: Encoding, order: tuple[str, ...], *, source: str = "source") -> Encoding:
    """The encoding in which each source lies a step beyond the one before; for kinds that take descriptors.

    Raises:
        InputError: a source that is not in the order.
    """
    strange = [level for level in encoding.levels.get(source, ()) if level not in order]
    if strange or source not in encoding.levels:
        what = f"source {strange[0]!r} without a place" if strange else f"missing column {source}"
        raise InputError.of(what, "the order of the sources", f"it has {', '.join(order)}")
    steps: Floats = STEP * np.tri(len(order), len(order) - 1, -1)
    return replace(
        encoding,
        levels=encoding.levels | {source: order},
        descriptors=encoding.descriptors | {source: steps},
    )
