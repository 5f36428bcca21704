"""Audit of a committed version: contract and hand-written checks, recorded with the version they speak of."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from schemas.core import Table

if TYPE_CHECKING:
    from warehouse.store import Store


def audit(store: "Store", table: Table, *, version: int, fingerprint: str) -> Iterator[dg.AssetCheckResult]:
    """Runs every check on a version of the table, records results and verdict, and reports them.

    A version whose blocking checks failed gets a failing verdict: it is never published, and Dagster stops what
    depends on it.
    """
    import polars as pl

    from dagster_project.quality import WHOLE_ROWS, bias_metrics, former_version, narrowed, run_checks

    small = store.rows(table.name, version=version) <= WHOLE_ROWS
    stored = store.scan(table.name, version=version)
    frame = store.read(table.name, version=version) if small else None
    before = former_version(store, table, version=version)
    former = None if before is None else store.scan(table.name, version=before)
    results = run_checks(table, stored if frame is None else frame, version=version, others=store, former=former)
    store.write("meta.quality_results", pl.DataFrame([r.row() for r in results]), mode="upsert")
    measured = bias_metrics(table, narrowed(table, stored) if frame is None else frame, version=version)
    if measured.height:
        store.write("meta.bias_metrics", measured, mode="upsert")
    failed = [r for r in results if not r.passed and r.severity == "blocking"]
    store.record_verdict(table.name, version, passed=not failed, fingerprint=fingerprint if not failed else None)
    warned = [r for r in results if not r.passed and r.severity != "blocking"]
    yield dg.AssetCheckResult(
        asset_key=dg.AssetKey(table.name.split(".")),
        check_name="contract",
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "version": version,
            "checks": len(results),
            "failed": ", ".join(r.check_name for r in failed) or "none",
            "warnings": ", ".join(r.check_name for r in warned) or "none",
        },
    )
