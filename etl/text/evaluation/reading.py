"""How well text is read, as rows of core.reading_scores and core.reading_errors.

Measured on the annotated documents that ship with the project (`etl.reference`), and on the data sets where they lie.
What a task is and how it is scored: `tasks`, `scores`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from etl import reference
from etl.sources import folder
from etl.text.evaluation.tasks import Row, evaluate
from schemas.emit.polars import schema
from schemas.tables.corpus import READING_ERRORS, READING_SCORES

READER = "rules"
_SETS = {"transitions": "text/transition_gold/dev.jsonl.gz", "curie": "text/psie/Tc_abstracts.jsonl.gz"}
_LICENCE = "metadata CC0-1.0"  # both are of arXiv's abstracts
_FIGURES = ("documents", "f1", "f1_low", "f1_high", "precision", "recall", "hits", "false_alarms", "misses")


def files(datasets: Path) -> dict[str, Path]:
    """The annotated data sets that lie in a folder: task -> file."""
    return {task: datasets / name for task, name in _SETS.items() if (datasets / name).is_file()}


def shipped() -> list[Row]:
    """The demonstration documents with the transitions that a reader finds in them, as gold of `transitions`."""
    documents = pl.concat([folder.parse(d, where=n).documents for n, d in reference.demo_corpus().items()])
    expected = pl.read_csv(reference.HERE / "corpus" / "expected_transitions.csv")
    told: dict[str, list[Row]] = {}
    for row in expected.iter_rows(named=True):
        record = {"compound": row["formula"], "range_K": None, "required": True, "value_K": float(row["value_K"])}
        told.setdefault(row["document_id"], []).append({**record, "formula": row["formula"], "type": row["type"]})
    fields = ("document_id", "title", "abstract", "captions", "body", "licence")
    return [
        {**{k: row[k] for k in fields}, "records": told.get(row["document_id"], [])}
        for row in documents.iter_rows(named=True)
    ]


def measured(sets: Mapping[str, Sequence[Row]], *, seed: int = 0) -> dict[str, pl.DataFrame]:
    """Scores and errors of the rules on the documents that ship and on annotated data sets.

    Args:
        sets: task -> rows of a data set.
        seed: of the bootstrap.
    """
    golds = [("transitions", "demonstration corpus", shipped()), *((t, "data set", rows) for t, rows in sets.items())]
    scores: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for task, gold, rows in golds:
        found = evaluate(task, rows, seed=seed)
        readers = {READER: found.scores["scores"], **found.scores["baselines"]}
        for reader, held in readers.items():
            labels = {"*": held, **{k: v for k, v in held["labels"].items() if k}}
            scores.extend(
                {"task": task, "gold": gold, "reader": reader, "label": k, **_figures(v, held)}
                for k, v in labels.items()
            )
        licences = {row.get("document_id"): row.get("licence") for row in rows}
        errors.extend(_error(task, gold, row, licences.get(row["document_id"]) or _LICENCE) for row in found.errors)
    return {
        "core.reading_scores": pl.DataFrame(scores, schema=schema(READING_SCORES), orient="row"),
        "core.reading_errors": pl.DataFrame(errors, schema=schema(READING_ERRORS), orient="row").unique("error_id"),
    }


def _figures(of_label: Mapping[str, Any], of_all: Mapping[str, Any]) -> dict[str, Any]:
    return {name: of_label.get(name, of_all[name]) for name in _FIGURES}


def _error(task: str, gold: str, row: Mapping[str, Any], licence: str) -> dict[str, Any]:
    kept = {k: row[k] or None for k in ("document_id", "error", "label", "told", "sentence")}
    name = hashlib.sha256(repr((task, gold, *row.values())).encode()).hexdigest()[:16]
    return {"error_id": name, "task": task, "gold": gold, **kept, "licence": licence}
