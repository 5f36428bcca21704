"""The figures of `matloom screen explain`, as files. Those of the report are in `warehouse.report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from models.screening.explanation import Explanation


def draw(found: "Explanation", folder: Path) -> list[str]:
    """Draws importances, one panel an effect with its band, and one figure a pair; the names of the files."""
    import matplotlib

    matplotlib.use("Agg")
    names = found.ale["feature"].unique(maintain_order=True).to_list()
    return [
        _importance(found.importance.head(len(names)).reverse(), folder / "importance.png"),
        _effects(found.ale, names, folder / "ale.png"),
        *(
            _pair(grid, str(first), str(second), folder / f"ale_pair_{number}.png")
            for number, ((first, second), grid) in enumerate(
                found.ale_pairs.group_by("feature_1", "feature_2", maintain_order=True), start=1
            )
        ),
    ]


def _importance(head: "pl.DataFrame", path: Path) -> str:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 1, figsize=(7, 0.35 * head.height + 1.2), layout="constrained")
    axes.barh(head["feature"].to_list(), head["mean_abs_shap"].to_list())
    axes.set_xlabel("mean |SHAP| of the raw MIT score")
    return _saved(figure, path)


def _effects(ale: "pl.DataFrame", names: list[str], path: Path) -> str:
    from matplotlib import pyplot

    rows = -(-len(names) // 4)
    figure, grid = pyplot.subplots(rows, 4, figsize=(13, 2.6 * rows), squeeze=False, sharey=True, layout="constrained")
    for panel, name in zip(grid.ravel(), names, strict=False):
        part = ale.filter(ale["feature"] == name)
        x, y, low, high = (part[c].to_list() for c in ("x", "ale", "low", "high"))
        panel.fill_between(x, low, high, alpha=0.25, linewidth=0)
        panel.plot(x, y)
        panel.axhline(0, color="0.6", linewidth=0.6)
        panel.set_title(name, fontsize=8)
    for panel in grid.ravel()[len(names) :]:
        panel.set_visible(False)
    grid[0][0].set_ylabel("change of p_mit")
    return _saved(figure, path)


def _pair(grid: "pl.DataFrame", first: str, second: str, path: Path) -> str:
    """The interaction where compounds lie; a dot where its band excludes zero."""
    import numpy as np
    from matplotlib import pyplot

    points = grid.sort("x_1", "x_2")
    x, y = points["x_1"].unique().sort().to_list(), points["x_2"].unique().sort().to_list()
    values, low, high, n = (points[c].to_numpy().reshape(len(x), len(y)) for c in ("ale", "low", "high", "n"))
    figure, axes = pyplot.subplots(figsize=(5, 4), layout="constrained")
    if len(x) > 1 and len(y) > 1:
        size = float(np.abs(values).max()) or 1.0
        shown = axes.pcolormesh(x, y, values.T, shading="gouraud", cmap="RdBu_r", vmin=-size, vmax=size)
        figure.colorbar(shown, label="interaction: change of p_mit")
        sure = np.argwhere((n > 0) & ((low > 0) | (high < 0)))
        axes.plot([x[i] for i, _ in sure], [y[j] for _, j in sure], "k.", markersize=3)
    axes.set_xlabel(first)
    axes.set_ylabel(second)
    return _saved(figure, path)


def _saved(figure: Any, path: Path) -> str:
    from matplotlib import pyplot

    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path.name
