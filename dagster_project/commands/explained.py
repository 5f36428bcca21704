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
        *([_plane(found.plane, folder / "plane.png")] if found.plane.height else []),
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


def _plane(rows: "pl.DataFrame", path: Path) -> str:
    """The labelled compounds before the probability of each class that the model gives to their place."""
    import numpy as np
    from matplotlib import pyplot
    from matplotlib.colors import LinearSegmentedColormap

    from warehouse.report import figures

    shade = LinearSegmentedColormap.from_list("shade", figures.SHADE)
    points, grid = (rows.filter(rows["kind"] == kind) for kind in ("plane_point", "plane"))
    classes = grid["class_name"].unique(maintain_order=True).to_list()
    figure, axes = pyplot.subplots(1, len(classes), figsize=(14, 4), sharey=True, squeeze=False, layout="constrained")
    for panel, name in zip(axes[0], classes, strict=True):
        part = grid.filter(grid["class_name"] == name).sort("x_1", "x_2")
        x, y = part["x_1"].unique().sort().to_list(), part["x_2"].unique().sort().to_list()
        z = np.where(part["n"].to_numpy() > 0, part["effect"].to_numpy(), np.nan).reshape(len(x), len(y))
        cells = (z[1:, 1:] + z[:-1, 1:] + z[1:, :-1] + z[:-1, :-1]) / 4
        if cells.size:
            figure.colorbar(panel.pcolormesh(x, y, cells.T, cmap=shade), label=f"p_{name}")
        for label, marker, colour in zip(classes, "oDs", (figures.BLUE, figures.INK, figures.ORANGE), strict=False):
            of = points.filter(points["class_name"] == label)
            panel.scatter(
                of["x_1"].to_list(), of["x_2"].to_list(), s=14, c=colour, marker=marker, label=label, linewidths=0
            )
        panel.set_xlabel(points["feature_1"][0])
    axes[0][0].set_ylabel(points["feature_2"][0])
    axes[0][0].legend(frameon=False, fontsize=8)
    return _saved(figure, path)


def _saved(figure: Any, path: Path) -> str:
    from matplotlib import pyplot

    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path.name
