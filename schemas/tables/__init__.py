"""A module or a few for each layer; each lists its tables in `TABLES`. `REGISTRY` holds them all."""

from importlib import import_module
from pkgutil import iter_modules

from schemas.core import Registry, Table


def _load() -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for layer in sorted(module.name for module in iter_modules(__path__)):
        declared: tuple[Table, ...] = import_module(f"{__name__}.{layer}").TABLES
        for table in declared:
            if table.name in tables:
                raise ValueError(f"{table.name} is declared twice")
            tables[table.name] = table
    return tables


REGISTRY = Registry(_load())
