"""What was made before near a target: the nearest recipes, what differs, and what that says of its chances.

A count of published recipes is no probability: failures are not published. It is given beside the hull distance.
"""

from typing import Any

import numpy as np
import polars as pl

from models.recipes import CONDITIONS
from models.recipes.compositions import ELEMENTS, fractions, parse
from schemas.arrays import Floats

SOONEST = 200  # rows that are looked through for distinct papers and targets
METASTABLE = 0.1  # eV per atom: nine in ten of the metastable compounds known lie below (Sun et al., Sci. Adv. 2016)
SAME = 1e-3
CHANGE = 0.005  # least change of an atomic fraction that is named


def distances(points: Any, target: str) -> Floats:
    """Euclidean distance in atomic fractions of a target to each precedent."""
    gap = points - fractions(parse(target)).astype(np.float32)
    away: Floats = np.sqrt((gap**2).sum(axis=1)).astype(np.float64)
    return away


def nearest(
    known: pl.DataFrame, away: Floats, target: str, *, route: str | None = None, top: int = 5
) -> list[dict[str, Any]]:
    """The nearest training recipes by composition, one a paper and target, and how the targets differ.

    Among equally near ones those on `route` come first, and of these the ones that state conditions.
    """
    out: list[dict[str, Any]] = []
    met: set[tuple[str | None, str | None]] = set()
    other = known.select(pl.col("route").eq_missing(pl.lit(route)).not_()).to_series().to_numpy()
    silent = known.select(pl.all_horizontal(pl.col(c).is_null() for c in CONDITIONS)).to_series().to_numpy()
    for i in np.lexsort((silent, other, np.round(away, 4)))[:SOONEST]:
        row = known.row(int(i), named=True)
        if (row["doi"], row["target_key"]) in met:
            continue
        met.add((row["doi"], row["target_key"]))
        out.append(
            {
                "target": row["target"],
                "doi": row["doi"],
                "route": row["route"],
                "precursors": row["precursors"],
                "conditions": {c: row[c] for c in CONDITIONS if row[c] is not None},
                "distance": round(float(away[i]), 4),
                "differs": differs(target, row["target"]),
            }
        )
        if len(out) == top:
            break
    return out


def differs(target: str, other: str) -> str:
    """What a target has more or less of than another compound, in atomic per cent; "" for the same."""
    gap = 100 * (fractions(parse(target)) - fractions(parse(other)))
    told = [i for i in np.argsort(-np.abs(gap), kind="stable") if abs(gap[i]) >= 100 * CHANGE]
    return ", ".join(f"{gap[i]:+.1f} % {ELEMENTS[i]}" for i in told)


def outlook(known: pl.DataFrame, away: Floats, *, limit: float, hull: float | None = None) -> dict[str, Any]:
    """A hint on synthesizability: how densely the neighbourhood was made, and the distance from the hull.

    Args:
        known: training recipes.
        away: their distances.
        limit: largest distance of the domain.
        hull: energy above the convex hull in eV per atom, where known.
    """
    same, near = away <= SAME, away <= limit
    papers = {name: int(known.filter(pl.Series(rows))["doi"].n_unique()) for name, rows in (("s", same), ("n", near))}
    words = []
    if same.any():
        words.append(f"made before, in {_papers(papers['s'])} of the training table")
    elif near.any():
        words.append(f"not made in the training table; {_papers(papers['n'])} on compounds within {limit:.2f} of it")
    else:
        words.append("nothing like it is made in the training table")
    if hull is None:
        words.append("its distance from the convex hull is not known here")
    elif hull <= METASTABLE:
        words.append(f"{hull:.3f} eV per atom above the hull, where most compounds that were made lie")
    else:
        words.append(f"{hull:.3f} eV per atom above the hull: few compounds that were made lie as high")
    return {
        "recipes_of_the_target": int(same.sum()),
        "papers_of_the_target": papers["s"],
        "recipes_near": int(near.sum()),
        "papers_near": papers["n"],
        "energy_above_hull_eV_atom": hull,
        "verdict": "; ".join(words) + ".",
    }


def _papers(count: int) -> str:
    return f"{count} paper{'s' if count != 1 else ''}"
