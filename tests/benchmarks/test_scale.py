"""Selection at the scale of the literature: speed a core, memory, and the same hits as a patient reader."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.text import select, synthetic
from etl.text.keywords import load_keywords
from tests.benchmarks.datasets import abstracts
from tests.unit.test_scan import without_sieves
from warehouse.files import write_batches

DOCUMENTS = (250_000, 500_000, 1_000_000)
# From Parquet to Parquet, as the graph does it; start-up is timed apart, by a corpus of one document.
WORK = """
import json, resource, sys, time
from etl.text import select
from etl.text.keywords import load_keywords
from warehouse.files import read_batches, write_table
one, many, out = sys.argv[1:]
def run(source):
    begin = time.process_time()
    found = select.verdicts(read_batches(source), load_keywords())
    write_table(select.keyword_hits(found), out + ".hits.parquet")
    write_table(select.selections(found, problem="mit"), out + ".selections.parquet")
    return time.process_time() - begin
run(one)
seconds = run(many)
print(json.dumps({"seconds": seconds, "peak_GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
"""


def corpus(folder: Path, documents: int) -> tuple[Path, float]:
    """A file of so many documents, and the megabytes of text in it."""
    path, size = folder / f"{documents}.parquet", 0

    def counted() -> Any:
        nonlocal size
        for frame in synthetic.corpus(documents):
            size += sum(frame[c].str.len_bytes().sum() for c in ("title", "abstract"))
            yield frame

    write_batches(counted(), str(path))
    return path, size / 1e6


def test_selection_of_a_million_documents_is_quick_and_needs_little_memory(tmp_path: Path) -> None:
    one, _ = corpus(tmp_path, 1)
    rows = []
    for documents in DOCUMENTS:
        many, megabytes = corpus(tmp_path, documents)
        arguments = [sys.executable, "-c", WORK, str(one), str(many), str(tmp_path / "out")]
        limits = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(arguments, env={**os.environ, **limits}, capture_output=True, text=True, check=True)
        rows.append({"documents": documents, "MB": megabytes, **json.loads(done.stdout)})
        print(f"selection: {rows[-1]}, {megabytes / rows[-1]['seconds']:.0f} MB a CPU second")
    for what in ("seconds", "peak_GB"):
        slope, start = np.polyfit(DOCUMENTS, [row[what] for row in rows], 1)
        print(f"selection: {what} of 4 million documents, by the slope: {start + slope * 4e6:.1f}")
    assert rows[-1]["peak_GB"] < 1.5
    speed, patient = rows[-1]["MB"] / rows[-1]["seconds"], _patient()
    print(f"selection: {speed / patient:.0f} times the speed of a search of every text by every pattern")
    assert speed / patient > 150


def _patient() -> float:
    """Megabytes a CPU second of a search of every text by every pattern."""
    docs = next(synthetic.corpus(1000))
    size = sum(docs[c].str.len_bytes().sum() for c in ("title", "abstract"))
    with without_sieves():
        begin = time.process_time()
        select.select(docs)
        return size / 1e6 / (time.process_time() - begin)


def test_hits_are_those_of_a_search_of_every_text_by_every_pattern() -> None:
    docs = pl.concat(abstracts(name) for name in ("condmat", "haystack"))
    docs = docs.sample(min(100_000, docs.height), seed=0)
    found = select.select(docs, load_keywords())
    with without_sieves():
        assert found.equals(select.select(docs, load_keywords()))
    print(f"selection: the same {found['hits'].list.len().sum()} hits in {docs.height} abstracts")
