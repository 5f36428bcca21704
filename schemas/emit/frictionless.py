"""Declared tables as a Frictionless data package descriptor."""

from typing import Any

from schemas.core import Column, Registry, Table, Type
from schemas.rules import Between, Matches, OneOf

TYPES: dict[Type, tuple[str, str | None]] = {
    Type.STRING: ("string", None),
    Type.INT: ("integer", None),
    Type.FLOAT: ("number", None),
    Type.BOOL: ("boolean", None),
    Type.TIMESTAMP: ("datetime", "any"),
    Type.DATE: ("date", None),
    Type.STRINGS: ("array", None),
    Type.FLOATS: ("array", None),
    Type.JSON: ("string", None),
}


def datapackage(registry: Registry) -> dict[str, Any]:
    """The descriptor of all tables, one Parquet resource each."""
    return {
        "profile": "data-package",
        "name": "matloom",
        "title": "matloom tables",
        "resources": [resource(table) for table in registry],
    }


def resource(table: Table) -> dict[str, Any]:
    """The descriptor of one table."""
    return {
        "name": table.name.replace("_", "-"),
        "title": table.name,
        "description": " ".join([table.doc, f"Grain: {table.grain}", *table.usage_warnings]),
        "path": f"{table.layer}/{table.short_name}.parquet",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "schema": {
            "fields": [_field(c) for c in table.columns],
            "primaryKey": list(table.key),
            "foreignKeys": [
                {
                    "fields": list(f.columns),
                    "reference": {"resource": f.table.replace("_", "-"), "fields": list(f.references)},
                }
                for f in table.foreign_keys
            ],
            "missingValues": [""],
        },
    }


def _field(column: Column) -> dict[str, Any]:
    kind, shape = TYPES[column.type]
    constraints: dict[str, Any] = {} if column.nullable else {"required": True}
    if column.type not in (Type.STRINGS, Type.FLOATS):
        for rule in column.rules:
            match rule:
                case Between(low, high):
                    constraints |= {k: v for k, v in (("minimum", low), ("maximum", high)) if v is not None}
                case OneOf(values):
                    constraints["enum"] = list(values)
                case Matches(pattern):
                    constraints["pattern"] = pattern
                case _:
                    pass
    found = {"name": column.name, "type": kind, "format": shape, "description": column.doc, "unit": column.unit}
    return {k: v for k, v in found.items() if v is not None} | ({"constraints": constraints} if constraints else {})
