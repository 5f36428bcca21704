"""What a change sets off. Each sensor watches a table's audited version: its cursor and run key are that version, so a
repeated tick does nothing. All are off until switched on.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_project.jobs import DESIGN_LOOP, EVERYTHING, SCREENING


def _watch(name: str, table: str, job: Any, why: str) -> dg.SensorDefinition:
    @dg.sensor(name=name, job=job, description=why, required_resource_keys={"warehouse"}, minimum_interval_seconds=60)
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        version = context.resources.warehouse.store.passed_version(table)
        if version is None or str(version) == context.cursor:
            yield dg.SkipReason(f"{table}: nothing since version {context.cursor or 'none'}")
            return
        context.update_cursor(str(version))
        yield dg.RunRequest(run_key=f"{name}:{version}", tags={"matloom/cause": f"{table} version {version}"})

    return watch


SENSORS = [
    _watch("new_documents", "raw.harvests", EVERYTHING, "New literature: read it and all that follows from it."),
    _watch("new_candidates", "design.candidates", DESIGN_LOOP, "New candidates: propose and evaluate a batch."),
    _watch("new_observations", "design.observations", DESIGN_LOOP, "New observations: propose the next batch."),
    _watch("new_labels", "core.labels", SCREENING, "New labels: train the classifier again."),
]
