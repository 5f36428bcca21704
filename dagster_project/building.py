"""`table_assets`: turns a function from frames to frames into assets that write, audit and remember.

The function is skipped when nothing it depends on has changed: the sources of `etl`, `models`, `schemas` and of its
own module, the settings, the files of the data sets, and the data of its inputs, whose versions are read once and stay
the same for the whole step. A partition is never skipped: it stands for a question to a source that may answer anew.
Contract checks belong to the same op, so a failed blocking check stops everything downstream before it can read the
rows; whoever reads later gets the newest version that passed.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_project.checks import audit
from dagster_project.io_manager import Pinned, Plot, described
from dagster_project.settings import Settings
from dagster_project.versions import package_version
from schemas.core import Table
from schemas.emit.dagster import columns
from schemas.tables import REGISTRY

if TYPE_CHECKING:
    import polars as pl

    from models.cards import Card
    from warehouse.store import Mode, Store

Frames = Mapping[str, "pl.DataFrame"]


@dataclass(frozen=True, kw_only=True)
class Build:
    """What an asset's function may use besides its input frames.

    Attributes:
        settings: of the run.
        store: the warehouse.
        log: of the step.
        partition: key of the partition, for partitioned assets.
        versions: version of each input and each watched table; None where none passed yet.
        notes: what the function wants shown with the new version of its tables, counts for example.
    """

    settings: Settings
    store: "Store"
    log: Any
    partition: str | None = None
    versions: Mapping[str, int | None] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    def earlier(self, table: str) -> "pl.DataFrame":
        """Rows of a watched table that an earlier run left; no rows where none did."""
        version = self.versions[table]
        return self.store.read_passed(table).clear() if version is None else self.store.read(table, version=version)

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
    mode: "Mode" = "replace",
    watches: tuple[str, ...] = (),
    follows: tuple[str, ...] = (),
    plots: Mapping[str, Plot] | None = None,
    partitions: dg.PartitionsDefinition[Any] | None = None,
    stamp: Callable[[Settings], object] | None = None,
) -> Callable[[Callable[..., Frames]], dg.AssetsDefinition]:
    """Makes assets of a function that returns one frame a table.

    Args:
        tables: names of the tables it makes; the function returns a mapping with exactly these keys.
        group: asset group.
        reads: parameter name -> table that it receives as a lazy frame.
        kinds: shown as icons.
        mode: how the frame is written, see `Store.write`.
        watches: tables read by `Build.earlier`, which would make a circle as inputs; a change of them runs it again.
        follows: upstream tables that may have nothing yet; read like watched ones, and shown in the lineage.
        plots: table -> number column whose histogram is shown with each new version, or what makes figures of it.
        partitions: of the asset; the function finds its key in `build.partition`.
        stamp: what else it depends on, as JSON; a change of it runs it again.
    """
    declared = [REGISTRY[name] for name in tables]
    inputs = dict(reads or {})

    def decorate(function: Callable[..., Frames]) -> dg.AssetsDefinition:
        version = code_version(function, declared)

        @dg.multi_asset(
            name=function.__name__,
            outs={t.name.replace(".", "__"): _out(t, function, version, group, kinds) for t in declared},
            ins={p: dg.AssetIn(key=dg.AssetKey(n.split("."))) for p, n in inputs.items()},
            deps=[dg.AssetKey(n.split(".")) for n in follows],
            check_specs=[spec for t in declared for spec in check_specs(t)],
            required_resource_keys={"warehouse"},
            partitions_def=partitions,
            can_subset=False,
        )
        def assets(context: dg.AssetExecutionContext, **pinned: Pinned) -> Iterator[Any]:
            build = _build(context, {inputs[p]: found.version for p, found in pinned.items()}, (*watches, *follows))
            fingerprint = _fingerprint(build, version, stamp(build.settings) if stamp else None)
            if build.partition is None and all(build.store.knows(t.name, fingerprint) for t in declared):
                yield from _unchanged(build.store, declared)
                return
            made = function(build, **{p: found.frame for p, found in pinned.items()})
            if set(made) != {t.name for t in declared}:
                raise dg.DagsterInvariantViolationError(f"{function.__name__} made {sorted(made)}, not its tables")
            for table in declared:
                result = build.store.write(table.name, made[table.name], mode=mode)
                metadata = described(result, made[table.name], (plots or {}).get(table.name)) | build.notes
                yield dg.MaterializeResult(asset_key=_key(table), metadata=metadata)
                yield from audit(build.store, table, version=result.version, fingerprint=fingerprint)

        return assets

    return decorate


def check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    """The checks that run in the same op as the table's asset."""
    return [
        dg.AssetCheckSpec("contract", asset=_key(table), blocking=True, description="Every rule of the declaration.")
    ]


def code_version(function: Callable[..., Any], tables: Sequence[Table]) -> str:
    """Hash of the function's module, of the packages it calls and of the tables' declarations."""
    digest = hashlib.sha256(Path(inspect.getfile(function)).read_bytes() + package_version().encode())
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


def _build(context: dg.AssetExecutionContext, read: Mapping[str, int | None], watched: Sequence[str]) -> Build:
    """What the function of a step may use: versions of the tables read, and of those that it watches."""
    warehouse = context.resources.warehouse
    return Build(
        settings=warehouse.settings,
        store=warehouse.store,
        log=context.log,
        partition=context.partition_key if context.has_partition_key else None,
        versions={**read, **{name: warehouse.store.passed_version(name) for name in watched}},
    )


def _out(table: Table, function: Callable[..., Any], version: str, group: str, kinds: tuple[str, ...]) -> dg.AssetOut:
    spec = dg.AssetSpec(
        _key(table),
        description=f"{table.doc}\n\n{inspect.getdoc(function) or ''}",
        group_name=group,
        kinds={*kinds, "parquet"},
        owners=[f"team:{group}"],
        tags={"layer": table.layer},
        code_version=version,
        metadata={"dagster/column_schema": column_schema(table), "grain": table.grain, "key": ", ".join(table.key)},
    )
    return dg.AssetOut.from_spec(spec, dagster_type=Any)


def _fingerprint(build: Build, version: str, stamp: object) -> str:
    settings = build.settings
    parts = {
        "code": version,
        "settings": [settings.profile, settings.problem, settings.seed],
        "problem": _own_list(settings.problem),
        "datasets": _listing(build.datasets) if build.datasets else [],
        "inputs": dict(build.versions),
        "stamp": stamp,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _own_list(problem: str) -> str | None:
    """Hash of a keyword list that a person keeps elsewhere: the same path may hold other words now."""
    path = Path(problem)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.suffix and path.is_file() else None


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file: a replaced file is another input."""
    found = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns) for path, stat in found]


def _unchanged(store: "Store", tables: list[Table]) -> Iterator[Any]:
    for table in tables:
        metadata = {"version": store.passed_version(table.name) or 0, "changed": False}
        yield dg.MaterializeResult(asset_key=_key(table), metadata=metadata)
        yield dg.AssetCheckResult(
            asset_key=_key(table), check_name="contract", passed=True, metadata={"unchanged": True}
        )


def _key(table: Table) -> dg.AssetKey:
    return dg.AssetKey(table.name.split("."))
