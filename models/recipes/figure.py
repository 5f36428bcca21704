"""The joint distribution of sintering temperature and time as a figure: samples, and the precedents among them."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.recipes.density import PAIR
from schemas.arrays import Floats

STYLE = {"svg.hashsalt": "matloom", "font.size": 9}


def joint(samples: Floats, precedents: Sequence[dict[str, Any]], target: str) -> bytes:
    """SVG of a joint distribution; the same samples give the same bytes.

    Args:
        samples: temperature (K) and time (h), n x 2.
        precedents: as `precedents.nearest` gives them; those with both conditions are drawn.
        target: for the title.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    known = samples[np.isfinite(samples).all(axis=1)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 4.2), layout="constrained")
        axes = figure.add_subplot()
        if len(known):
            times = np.geomspace(max(known[:, 1].min() / 1.2, 0.1), known[:, 1].max() * 1.2, 22)
            heats = np.arange(np.floor(known[:, 0].min() / 25) * 25, known[:, 0].max() + 50, 25.0)
            shade = axes.hist2d(known[:, 0], known[:, 1], bins=(heats, times), cmap="Blues", rasterized=False)[3]
            figure.colorbar(shade, label=f"samples of {len(known)}")
        else:
            axes.text(0.5, 0.5, "no sintering condition was learned", ha="center", transform=axes.transAxes)
        made = [p["conditions"] for p in precedents]
        drawn = [(c[PAIR[0]], c[PAIR[1]]) for c in made if PAIR[0] in c and PAIR[1] in c]
        if drawn:
            heat, time = np.array(drawn).T
            axes.scatter(heat, time, marker="D", s=24, c="tab:orange", edgecolors="white", label="precedents")
            axes.legend(frameon=False)
        axes.set_yscale("log")
        axes.set_xlabel("sintering temperature (K)")
        axes.set_ylabel("sintering time (h)")
        axes.set_title(f"How {target} is likely to be sintered")
        body = io.BytesIO()
        figure.savefig(body, format="svg", metadata={"Date": None, "Creator": None})
    return body.getvalue()
