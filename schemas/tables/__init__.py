"""One module a layer; each lists its tables in `TABLES`. `REGISTRY` holds them all."""

from importlib import import_module

from schemas.core import Registry, Table

_LAYERS = ("corpus", "recipes", "structures", "features", "predictions", "design", "quality")


def _load() -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for layer in _LAYERS:
        declared: tuple[Table, ...] = import_module(f"schemas.tables.{layer}").TABLES
        for table in declared:
            if table.name in tables:
                raise ValueError(f"{table.name} is declared twice")
            tables[table.name] = table
    return tables


REGISTRY = Registry(_load())
