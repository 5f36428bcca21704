"""`table_assets`: turns a function from frames to frames into assets that write, audit and remember.

The function is skipped when nothing it depends on has changed: the sources of `etl`, `models`, `schemas` and of its
own module, the settings, and the data of its inputs. Contract checks belong to the same op, so a failed blocking
check stops everything downstream before it can read the rows; whoever reads later gets the newest version that passed.
"""

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_project.io_manager import Unchanged, Written
from dagster_project.settings import Settings
from schemas.core import Table
from schemas.emit.dagster import columns
from schemas.tables import REGISTRY

if TYPE_CHECKING:
    import polars as pl

    from models.cards import Card
    from warehouse.store import Store

Frames = Mapping[str, "pl.DataFrame"]


@dataclass(frozen=True, kw_only=True)
class Build:
    """What an asset's function may use besides its input frames."""

    settings: Settings
    store: "Store"
    log: Any
    partition: str | None = None

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return self.settings.seed

    def model_dir(self, name: str) -> Path:
        """Where a trained model of that name is kept."""
        return self.settings.home / "models" / name

    @property
    def datasets(self) -> Path | None:
        """The folder of public data sets where the profile reads them, else None."""
        return self.settings.datasets if self.settings.profile == "datasets" else None

    def register(self, card: "Card", *, name: str, trained_on: str) -> None:
        """Writes a model's card into meta.models."""
        import polars as pl

        row = {
            "model_id": card.model_id,
            "kind": card.kind,
            "trained_on": trained_on,
            "training_rows": next((v for k, v in card.data.items() if k.startswith("rows")), None),
            "metrics": json.dumps(card.scores, default=str),
            "parameters": json.dumps(card.settings, default=str),
            "seed": self.seed,
            "path": f"models/{name}",
            "card": card.summary,
            "created_at": datetime.now(UTC),
        }
        self.store.write("meta.models", pl.DataFrame([row]), mode="upsert")


def table_assets(
    *tables: str,
    group: str,
    reads: Mapping[str, str] | None = None,
    kinds: tuple[str, ...] = ("polars",),
    mode: str = "replace",
    watches: tuple[str, ...] = (),
    plots: Mapping[str, str] | None = None,
    partitions: dg.PartitionsDefinition[str] | None = None,
) -> Callable[[Callable[..., Frames]], dg.AssetsDefinition]:
    """Makes assets of a function that returns one frame a table.

    Args:
        tables: names of the tables it makes; the function returns a mapping with exactly these keys.
        group: asset group.
        reads: parameter name -> table that it receives as a lazy frame.
        kinds: shown as icons.
        mode: how the frame is written, see `Written`.
        watches: tables read through the store, which would make a circle as inputs; a change of them runs it again.
        plots: table -> number column whose histogram is shown with each new version.
        partitions: of the asset; the function finds its key in `build.partition`.
    """
    declared = [REGISTRY[name] for name in tables]
    inputs = dict(reads or {})

    def decorate(function: Callable[..., Frames]) -> dg.AssetsDefinition:
        version = code_version(function, declared)

        @dg.multi_asset(
            name=function.__name__,
            outs={
                t.name.replace(".", "__"): dg.AssetOut.from_spec(
                    _spec(t, function, version, group, kinds), dagster_type=Any
                )
                for t in declared
            },
            ins={p: dg.AssetIn(key=dg.AssetKey(n.split("."))) for p, n in inputs.items()},
            check_specs=[spec for t in declared for spec in check_specs(t)],
            required_resource_keys={"warehouse"},
            partitions_def=partitions,
            can_subset=False,
        )
        def assets(context: dg.AssetExecutionContext, **frames: Any) -> Iterator[Any]:
            warehouse = context.resources.warehouse
            key = context.partition_key if context.has_partition_key else None
            build = Build(settings=warehouse.settings, store=warehouse.store, log=context.log, partition=key)
            read = sorted({*inputs.values(), *watches})
            yield from _materialize(
                build, function, declared, frames, _fingerprint(build, version, read), mode, plots or {}
            )

        return assets

    return decorate


def check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    """The checks that run in the same op as the table's asset."""
    key = dg.AssetKey(table.name.split("."))
    return [dg.AssetCheckSpec("contract", asset=key, blocking=True, description="Every rule of the declaration.")]


def code_version(function: Callable[..., Any], tables: Sequence[Table]) -> str:
    """Hash of the function's module and the tables' declarations."""
    digest = hashlib.sha256(Path(inspect.getfile(function)).read_bytes())
    for table in tables:
        digest.update(table.fingerprint().encode())
    return digest.hexdigest()[:16]


def column_schema(table: Table) -> dg.TableSchema:
    """The declaration as the UI shows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=c["name"],
                type=c["type"],
                description=c["description"],
                constraints=dg.TableColumnConstraints(nullable=c["nullable"], unique=c["unique"], other=c["other"]),
            )
            for c in columns(table)
        ]
    )


def _spec(
    table: Table,
    function: Callable[..., Any],
    version: str,
    group: str,
    kinds: tuple[str, ...],
) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(table.name.split(".")),
        description=f"{table.doc}\n\n{inspect.getdoc(function) or ''}",
        group_name=group,
        kinds={*kinds, "parquet"},
        owners=[f"team:{group}"],
        tags={"layer": table.layer},
        code_version=version,
        metadata={"dagster/column_schema": column_schema(table), "grain": table.grain, "key": ", ".join(table.key)},
    )


def _fingerprint(build: Build, version: str, read: Sequence[str]) -> str:
    settings = build.settings
    parts = {
        "code": version,
        "packages": package_version(),
        "settings": [settings.profile, str(settings.datasets), settings.problem, settings.seed, build.partition],
        "inputs": {name: build.store.passed_version(name) for name in read},
        # a live service is an input too, and may answer otherwise: a day of it is always asked again
        "asked_at": time.time() if build.partition and settings.profile == "live" else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@cache
def package_version() -> str:
    """Hash of `etl`, `models` and `schemas` with their data: what a table holds may depend on any of them."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for package in ("etl", "models", "schemas"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in {".py", ".yaml", ".csv", ".xml"}:
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _materialize(
    build: Build,
    function: Callable[..., Frames],
    tables: list[Table],
    frames: Mapping[str, "pl.LazyFrame"],
    fingerprint: str,
    mode: str,
    plots: Mapping[str, str],
) -> Iterator[Any]:
    from dagster_project.checks import audit

    known = all(build.store.recorded_fingerprint(t.name) == fingerprint for t in tables)
    made = {} if known else function(build, **frames)
    if not known and set(made) != {t.name for t in tables}:
        raise dg.DagsterInvariantViolationError(f"{function.__name__} made {sorted(made)}, not its tables")
    for table in tables:
        value: Unchanged | Written = Unchanged(build.store.version(table.name) or 0)
        if not known:
            value = Written(made[table.name], mode, plots.get(table.name))
        yield dg.MaterializeResult(asset_key=dg.AssetKey(table.name.split(".")), value=value)
        if known:
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(table.name.split(".")),
                check_name="contract",
                passed=True,
                metadata={"unchanged": True},
            )
        else:
            yield from audit(build.store, table, fingerprint)
