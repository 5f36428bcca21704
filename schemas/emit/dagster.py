"""A table as Dagster sees it: column schema with types, units, descriptions and constraints.

Plain values only: `dagster_project.building` makes Dagster's own classes of them, so that declarations stay free of
the orchestrator.
"""

from typing import Any

from schemas.core import Table
from schemas.rules import describe


def columns(table: Table) -> list[dict[str, Any]]:
    """One plain description a column: name, type, text, constraints; the caller builds Dagster's classes."""
    return [
        {
            "name": column.name,
            "type": column.type.value,
            "description": column.doc + (f" Unit: {column.unit}." if column.unit else ""),
            "nullable": column.nullable,
            "unique": table.key == (column.name,),
            "other": [describe(rule) for rule in column.rules],
        }
        for column in table.columns
    ]
