"""Figures as SVG text: the same data give the same bytes. Frames and arrays in, text out; nothing is read here."""

import io
import math
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

INK, BLUE, ORANGE, GREY = "#222222", "#0b5fa5", "#b3541e", "#8a8f98"
HUES = ("#0b5fa5", "#b3541e", "#2e7d5b", "#7d4a9c", "#c29a00", "#222222")  # told apart without red and green
SHADE = ("#f1f2f4", "#9ba1ab")  # of a ground: neither white, which is unknown, nor as dark as points
_STYLE = {
    "svg.hashsalt": "matloom",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # names come from the outside: a dollar sign is a dollar sign
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "figure.dpi": 100,
}


def bars(names: Sequence[str], values: Sequence[float], *, xlabel: str, told: bool = False) -> str:
    """Horizontal bars, the first on top, with their values beside them if told."""

    def draw(axes: Any) -> None:
        positions = list(range(len(names)))
        drawn = axes.barh(positions, values, color=BLUE, height=0.7)
        if told:
            axes.bar_label(drawn, [f"{v:,}" for v in values], padding=3)
        axes.set_yticks(positions, [_short(n) for n in names])
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)

    return _figure(draw, height=0.9 + 0.24 * max(len(names), 2), fitted=True)


def histogram(values: Sequence[float], *, xlabel: str, ylabel: str = "rows", bins: int = 20) -> str:
    """Histogram of numbers."""

    def draw(axes: Any) -> None:
        axes.hist(values, bins=bins, color=BLUE, edgecolor="white", linewidth=0.5)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)

    return _figure(draw)


Line = tuple[Sequence[float], Sequence[float]]


def curves(lines: Mapping[str, Line], *, xlabel: str, ylabel: str, bands: Mapping[str, Line] | None = None) -> str:
    """Lines by name; markers tell them apart without colour. A band is the lower and upper end beside a line."""

    def draw(axes: Any) -> None:
        for i, (name, (x, y)) in enumerate(lines.items()):
            colour = (BLUE, ORANGE, GREY, INK)[i % 4]
            axes.plot(x, y, label=_short(name), color=colour, marker="os^D"[i % 4], markersize=3)
            if name in (bands or {}):
                axes.fill_between(x, *(bands or {})[name], color=colour, alpha=0.18, linewidth=0)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        if len(lines) > 1:
            axes.legend(frameon=False)

    return _figure(draw)


def front(x: Sequence[float], y: Sequence[float], best: Sequence[bool], *, xlabel: str, ylabel: str) -> str:
    """Scatter of evaluated points with the Pareto front marked and joined."""

    def draw(axes: Any) -> None:
        other = [(a, b) for a, b, on in zip(x, y, best, strict=True) if not on]
        chosen = sorted((a, b) for a, b, on in zip(x, y, best, strict=True) if on)
        if other:
            axes.scatter(*zip(*other, strict=True), s=14, color=GREY, label="evaluated")
        if chosen:
            axes.plot(*zip(*chosen, strict=True), color=ORANGE, marker="D", markersize=5, linewidth=1, label="front")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.legend(frameon=False)

    return _figure(draw)


def parity(x: Sequence[float], y: Sequence[float], deviation: Sequence[float], *, xlabel: str, ylabel: str) -> str:
    """What was found against what was expected, with the deviation that was expected; the diagonal is no error."""

    def draw(axes: Any) -> None:
        ends = [min(*x, *y), max(*x, *y)]
        axes.plot(ends, ends, color=GREY, linewidth=1)
        axes.errorbar(x, y, xerr=deviation, fmt="o", color=BLUE, ecolor=GREY, markersize=3, elinewidth=0.6)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)

    return _figure(draw)


def heat(x: Sequence[float], y: Sequence[float], z: Sequence[float], *, xlabel: str, ylabel: str, zlabel: str) -> str:
    """Values over a plane as coloured points."""

    def draw(axes: Any) -> None:
        size = max(abs(v) for v in z) or 1.0
        points = axes.scatter(x, y, c=z, cmap="PuOr", vmin=-size, vmax=size, s=40, marker="s")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.figure.colorbar(points, label=zlabel)

    return _figure(draw, fitted=True)


def plane(
    nodes: Mapping[tuple[float, float], float],
    points: Mapping[str, Line],
    *,
    xlabel: str,
    ylabel: str,
    zlabel: str,
) -> str:
    """Points by name before a shaded grid; a cell is shaded where all four of its corners are known."""

    from matplotlib.colors import LinearSegmentedColormap

    def draw(axes: Any) -> None:
        xs, ys = (sorted({node[i] for node in nodes}) for i in (0, 1))
        corners = [[[(a, b) for a in xs[i : i + 2] for b in ys[j : j + 2]] for i in range(len(xs) - 1)]
                   for j in range(len(ys) - 1)]  # fmt: skip
        cells = [[sum(nodes.get(c, math.nan) for c in four) / 4 for four in row] for row in corners]
        if cells and cells[0]:
            shown = axes.pcolormesh(xs, ys, cells, cmap=LinearSegmentedColormap.from_list("shade", SHADE))
            axes.figure.colorbar(shown, label=zlabel)
        for i, (name, (x, y)) in enumerate(points.items()):
            colour, marker = (BLUE, INK, ORANGE)[i % 3], "osD"[i % 3]
            axes.scatter(x, y, s=16, c=colour, marker=marker, edgecolors="white", linewidths=0.4, label=_short(name))
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        if points:
            axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))

    return _figure(draw, height=4.2, fitted=True)


def levels(maps: Mapping[str, Mapping[str, tuple[float, float]]], known: Mapping[str, Collection[str]]) -> str:
    """Named points in a plane for each variable, in equal units, at least one wide; what nothing is known of is open.

    Args:
        maps: variable -> level -> its place in lengths of the kernel: levels closer than one act alike.
        known: variable -> levels of which something is known.
    """
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}

    def plane(axes: Any, variable: str) -> None:
        places = maps[variable]
        # names of neighbours stand at different heights
        for i, (name, (x, y)) in enumerate(sorted(places.items(), key=lambda told: told[1])):
            face = BLUE if name in known[variable] else "none"
            axes.scatter([x], [y], s=16, facecolors=face, edgecolors=BLUE, linewidths=0.8)
            lift = (10, 22, 34, 46, -16, -28, -40, -52)[i % 8]
            axes.annotate(_short(name, 16), (x, y), (2, lift), textcoords="offset points", fontsize=7, arrowprops=line)
        xs, ys = zip(*places.values(), strict=True)
        side = 0.6 * max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
        for middle, limit in ((max(xs) + min(xs), axes.set_xlim), (max(ys) + min(ys), axes.set_ylim)):
            limit(middle / 2 - side, middle / 2 + side)
        axes.set_aspect("equal")
        axes.set_xlabel(f"{_short(variable)}, z1 (lengths)")
        axes.set_ylabel("z2 (lengths)")

    def draw(*panels: Any) -> None:
        for axes, variable in zip(panels, maps, strict=True):
            plane(axes, variable)

    return _figure(draw, width=4.2 * len(maps), height=4.2, fitted=True, panels=len(maps))


def marked(groups: Mapping[tuple[str, str], Line], *, xlabel: str, ylabel: str, shape: str, colour: str) -> str:
    """Points of groups by two names, of which the first is told by shape and the second by colour."""
    first, second = (list(dict.fromkeys(key[i] for key in groups)) for i in (0, 1))

    def draw(axes: Any) -> None:
        from matplotlib.lines import Line2D

        shapes = {name: "os^Dv"[i % 5] for i, name in enumerate(first)}
        colours = {name: HUES[i % len(HUES)] for i, name in enumerate(second)}
        for (one, two), (x, y) in groups.items():
            axes.scatter(x, y, s=26, marker=shapes[one], c=colours[two], edgecolors="white", linewidths=0.4)
        keys = [Line2D([], [], marker=m, color=GREY, linestyle="", label=f"{shape} = {n}") for n, m in shapes.items()]
        keys += [Line2D([], [], marker="o", color=c, linestyle="", label=f"{colour} = {n}") for n, c in colours.items()]
        axes.legend(handles=keys, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)

    return _figure(draw, height=3.8, fitted=True)


def _figure(
    draw: Callable[..., None], *, width: float = 6.4, height: float = 3.2, fitted: bool = False, panels: int = 1
) -> str:
    """Draws into margins that hold numbers, or, twice as slowly, into margins fitted to what is drawn, side by side."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The reader's browser has the glyphs that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained" if fitted else None)
        if not fitted:
            figure.subplots_adjust(left=0.13, right=0.97, bottom=0.17, top=0.95)
        FigureCanvasSVG(figure)
        draw(*(figure.add_subplot(1, panels, number) for number in range(1, panels + 1)))
        body = io.StringIO()
        figure.savefig(body, format="svg", metadata={"Date": None, "Creator": None})
    return body.getvalue()


def _short(name: str, most: int = 40) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return text if len(text) <= most else text[: most - 1] + "…"
