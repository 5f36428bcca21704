"""What a filter means: its tree as a polars expression over the frame of entries.

Unknown values follow the specification: no comparison with one matches, nor does its negation, only IS UNKNOWN does.
That is the logic of nulls in polars, so an expression stays null where nothing is known; the caller keeps what is true.
Many parts are joined at once: a chain of `&` as deep as there are parts takes polars time that grows with its square.
"""

from datetime import UTC, datetime

import polars as pl

from warehouse.optimade import grammar
from warehouse.optimade.errors import BadRequestError, UnsupportedError
from warehouse.optimade.grammar import All, Compared, Either, Has, Holds, Known, Long, Node, Not, Value
from warehouse.optimade.properties import PREFIX, PROPERTIES, UNSERVED, Kind, Property

_UNKNOWN = pl.lit(None, dtype=pl.Boolean)
Leaf = Compared | Known | Holds | Has | Long


def translate(text: str) -> tuple[pl.Expr, list[str]]:
    """The expression of a filter over the frame of entries, and warnings.

    Raises:
        BadRequestError: text that is no filter, or that names an unknown property.
        UnsupportedError: an optional part of the language, or values of the wrong type.
    """
    warnings: list[str] = []
    return _expression(grammar.parse(text), warnings), warnings


def _expression(node: Node, warnings: list[str]) -> pl.Expr:
    match node:
        case Either(parts):
            return pl.any_horizontal([_expression(p, warnings) for p in parts])
        case All(parts):
            return pl.all_horizontal([_expression(p, warnings) for p in parts])
        case Not(part):
            return ~_expression(part, warnings)
        case _:
            found = _property(node.name, warnings)
            return _foreign(node) if found is None else _leaf(node, found)


def _property(name: str, warnings: list[str]) -> Property | None:
    """The property of that name; None for one of another provider or of the specification that no entry has.

    Raises:
        BadRequestError: nobody's.
        UnsupportedError: a part of one, or one that cannot be filtered.
    """
    head = name.split(".")[0]
    if head.startswith("_") and not head.startswith(PREFIX):
        warnings.append(f"{name} belongs to another provider: no entry here has it")
        return None
    if head in UNSERVED:
        warnings.append(f"{name} is unknown of every entry here")
        return None
    found = PROPERTIES.get(head)
    if found is None:
        raise BadRequestError(f"{head} is no property of structures: see /info/structures")
    if head != name or not found.column:
        raise UnsupportedError(f"a filter on {name}")
    return found


def _foreign(node: Leaf) -> pl.Expr:
    return pl.lit(not node.known) if isinstance(node, Known) else _UNKNOWN


def _leaf(node: Leaf, found: Property) -> pl.Expr:
    column = pl.col(found.name)
    match node:
        case Known(_, known):
            return column.is_not_null() if known else column.is_null()
        case Compared(_, operator, value):
            return _compared(found, operator, value)
        case Holds(_, where, value):
            if found.kind != "string" or not isinstance(value, str):
                raise UnsupportedError(f"{where} on {found.name} with {value!r}")
            if where == "CONTAINS":
                return column.str.contains(value, literal=True)
            return column.str.starts_with(value) if where == "STARTS" else column.str.ends_with(value)
        case Has(_, how, values):
            return _members(found, how, values)
        case Long(_, operator, count):
            if found.kind != "list":
                raise UnsupportedError(f"LENGTH of {found.name}, which is no list,")
            return _operated(column.list.len().cast(pl.Int64), operator, pl.lit(count))


def _compared(found: Property, operator: str, value: Value) -> pl.Expr:
    if found.kind == "list":
        raise UnsupportedError(f"{operator} on the list {found.name} (rather than HAS or LENGTH)")
    if found.kind == "boolean" and operator not in ("=", "!="):
        raise BadRequestError(f"{operator} on {found.name}: booleans are equal or not")
    return _operated(pl.col(found.name), operator, _literal(value, found.kind, found.name))


def _members(found: Property, how: str, values: tuple[Value, ...]) -> pl.Expr:
    if found.kind != "list" or found.items is None:
        raise UnsupportedError(f"HAS on {found.name}, which is no list of values,")
    wanted = [_literal(v, found.items, found.name) for v in values]
    column = pl.col(found.name)
    if how == "ONLY":
        inside = pl.any_horizontal([pl.element() == w for w in wanted])
        return column.list.eval(inside).list.all()
    held = [column.list.contains(w) for w in wanted]
    return pl.any_horizontal(held) if how == "ANY" else pl.all_horizontal(held)


def _literal(value: Value, kind: Kind, name: str) -> pl.Expr:
    """The constant as what a property holds.

    Raises:
        BadRequestError: a time that is none.
        UnsupportedError: a value of another type.
    """
    if kind == "timestamp" and isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError as error:
            raise BadRequestError(f"{value!r} is no time as in 2026-01-31T12:00:00Z") from error
        if at.tzinfo is None:
            raise BadRequestError(f"{value!r} has no time zone: write 2026-01-31T12:00:00Z")
        try:
            return pl.lit(at.astimezone(UTC))
        except OverflowError as error:
            raise BadRequestError(f"{value!r} lies outside the years 1 to 9999") from error
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": number,
        "float": number,
    }
    if not fits.get(kind, False):
        raise UnsupportedError(f"{name} (of type {kind}) against {value!r}")
    return pl.lit(value)


def _operated(left: pl.Expr, operator: str, right: pl.Expr) -> pl.Expr:
    match operator:
        case "=":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right
