"""Tables as inline SVG: columns by layer, arrows from a table to those that come of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.core import Registry

WIDTH, HEIGHT, GAP_X, GAP_Y = 168, 30, 60, 14
_ORDER = ("raw", "core", "feat", "pred", "design", "meta")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A table in the drawing; pixels."""

    name: str
    label: str
    rows: int
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Edge:
    """An arrow: `target` is made from `source`, or refers to it."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The drawing."""

    nodes: list[Node]
    edges: list[Edge]
    layers: list[tuple[str, float]]
    width: float
    height: float


def graph(registry: Registry, rows: dict[str, int], edges: Iterable[tuple[str, str]]) -> Graph:
    """Lays the tables out, one column a layer in the order of the flow.

    Args:
        registry: the tables.
        rows: number of rows by table.
        edges: pairs (from, to) of tables; pairs with another thing in them are left out.
    """
    layers = sorted({t.layer for t in registry}, key=lambda name: (_rank(name), name))
    nodes: dict[str, Node] = {}
    for i, layer in enumerate(layers):
        for j, table in enumerate(t for t in registry if t.layer == layer):
            x, y = 10 + i * (WIDTH + GAP_X), 40 + j * (HEIGHT + GAP_Y)
            nodes[table.name] = Node(name=table.name, label=table.short_name, rows=rows.get(table.name, 0), x=x, y=y)
    pairs = sorted({(a, b) for a, b in edges if a in nodes and b in nodes and a != b})
    return Graph(
        nodes=list(nodes.values()),
        edges=[Edge(source=a, target=b, path=_path(nodes[a], nodes[b])) for a, b in pairs],
        layers=[(layer, 10.0 + i * (WIDTH + GAP_X)) for i, layer in enumerate(layers)],
        width=20 + len(layers) * (WIDTH + GAP_X),
        height=60 + max((n.y for n in nodes.values()), default=0),
    )


def _rank(layer: str) -> int:
    return _ORDER.index(layer) if layer in _ORDER else len(_ORDER)


def _path(a: Node, b: Node) -> str:
    """A curve from the right edge of a to the left edge of b; inside a layer it bows out to the right."""
    ya, yb = a.y + HEIGHT / 2, b.y + HEIGHT / 2
    if a.x == b.x:
        right = a.x + WIDTH
        return f"M{right:g},{ya:g} C{right + 40:g},{ya:g} {right + 40:g},{yb:g} {right:g},{yb:g}"
    start, end = (a.x + WIDTH, b.x) if a.x < b.x else (a.x, b.x + WIDTH)
    middle = (start + end) / 2
    return f"M{start:g},{ya:g} C{middle:g},{ya:g} {middle:g},{yb:g} {end:g},{yb:g}"
