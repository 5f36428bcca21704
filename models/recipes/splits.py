"""Splits that leak neither papers nor targets, and the report that proves it.

Rows of one paper (a doping series) share their conditions; the same target is made in many papers. Folds are made by
target, then every training row whose paper is in the test fold is dropped. (By paper first, each fold would take all
papers on the common targets, TiO2 and its like, out of training.)
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from schemas.arrays import Floats, Ints


def bucket(name: str, seed: int) -> float:
    """A number in [0, 1) that depends on the name and the seed only."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{name}".encode()).digest()[:6], "big") / 2**48


def papers(frame: pl.DataFrame) -> list[str]:
    """The paper of each row; rows without DOI stand for themselves, by target."""
    return [d if d else f"target:{k or i}" for i, (d, k) in enumerate(frame.select("doi", "target_key").iter_rows())]


def folds(
    frame: pl.DataFrame, *, count: int, seed: int, share: float | None = None, by_paper: bool = False
) -> Iterator[tuple[Ints, Ints]]:
    """Train and test rows without a common DOI or target.

    Args:
        frame: normalised recipes.
        count: number of folds.
        seed: of the assignment.
        share: give one split only, with this share held out.
        by_paper: hold out papers and drop their targets from training, instead of targets and their papers. Harder:
            training loses every common target.
    """
    names, keys = papers(frame), [k or "" for k in frame["target_key"].to_list()]
    first, second = (names, keys) if by_paper else (keys, names)
    drawn = {k: bucket(k, seed) for k in set(first)}
    place = np.array([drawn[k] for k in first])
    bounds = [(0.0, share)] if share is not None else [(k / count, (k + 1) / count) for k in range(count)]
    for low, high in bounds:
        held = (place >= low) & (place < high)
        seen = {second[i] for i in np.flatnonzero(held)}
        train = ~held & np.array([n not in seen for n in second])
        if held.any() and train.any():
            yield np.flatnonzero(train).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def leak_report(train: pl.DataFrame, test: pl.DataFrame) -> dict[str, Any]:
    """Shared papers, targets and rows between two normalised tables."""
    doi, target = (set(train[c].drop_nulls()) for c in ("doi", "target_key"))
    both = test.select(
        pl.col("doi").is_in(list(doi)).fill_null(False), pl.col("target_key").is_in(list(target)).fill_null(False)
    )
    return {
        "test_rows": test.height,
        "rows_with_shared_doi": int(both["doi"].sum()),
        "rows_with_shared_target": int(both["target_key"].sum()),
        "rows_clean": int((~both["doi"] & ~both["target_key"]).sum()),
    }


def paper_weights(names: list[str]) -> Floats:
    """One vote a paper: 1 / rows of the paper, mean 1."""
    _, code, count = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True, return_counts=True)
    weight = 1 / count[code]
    scaled: Floats = weight / weight.mean()
    return scaled
