"""What it takes to read arXiv's snapshot and to find the articles among a million documents; `make bench`."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RATE, MEMORY_GB, ARTICLES_S = 20_000, 1.5, 60

SNAPSHOT = """
import io, itertools, json, resource, sys, time
from etl.sources import arxiv_snapshot
words = "the metal insulator transition of vanadium dioxide films under strain is grown by laser ablation".split()
def record(i):
    said = itertools.cycle(words[i % len(words):] + words)
    text = "\\n".join(" ".join(itertools.islice(said, 11)) for _ in range(14))
    return json.dumps({
        "id": f"{2000 + i // 90000}.{i % 90000:05d}", "title": f"Films {i}", "abstract": text, "submitter": "A. Person",
        "categories": "cond-mat.str-el cond-mat.mtrl-sci", "doi": f"10.1103/{i}", "license": None,
        "versions": [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"}], "update_date": "2008-11-26",
        "authors_parsed": [["Mott", "N. F.", ""], ["Peierls", "R.", ""], ["Hubbard", "J.", ""]],
    }).encode() + b"\\n"
class Lines(io.RawIOBase):
    def __init__(self, made):
        self.made, self.rest = made, b""
    def readable(self):
        return True
    def readinto(self, buffer):
        while len(self.rest) < len(buffer) and (more := b"".join(itertools.islice(self.made, 500))):
            self.rest += more
        given, self.rest = self.rest[:len(buffer)], self.rest[len(buffer):]
        buffer[:len(given)] = given
        return len(given)
few = [record(i) for i in range(2000)]
list(arxiv_snapshot.pages(io.BytesIO(few[0]), name="warm"))
peaks, seconds = [], []
for records in (100_000, 400_000):
    lines = io.BufferedReader(Lines(itertools.islice(itertools.cycle(few), records)), 1 << 20)
    start = time.process_time()
    assert sum(p.parsed.documents.height for p in arxiv_snapshot.pages(lines, name="s")) == records
    seconds.append((time.process_time() - start) / records)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
print(json.dumps({"rate": 1 / min(seconds), "peaks": peaks}))
"""

MILLION = """
import json, resource, sys, time
import polars as pl
from etl.sources import records
from etl.text.articles import articles
i, at = pl.col("i"), sys.argv[1]
if sys.argv[2] == "make":
    made = pl.select(i=pl.int_range(1_000_000)).select(
        document_id=pl.format("s:{}", i), doi=pl.when(i % 3 != 0).then(pl.format("10.1103/films.{}", i // 2)),
        arxiv_id=pl.when(i % 4 == 0).then(pl.format("2301.{}", i // 8)),
        title=pl.format("On the metal-insulator transition of sample {} of vanadium dioxide", i // 3),
        abstract=pl.lit("films " * 150), authors=pl.concat_list(pl.format("A. Person{}", i // 3)),
        published_on=pl.date(2020, 1, 1),
    )
    columns = [pl.col(n) if n in made.columns else pl.lit(None, t).alias(n) for n, t in records.DOCUMENTS.items()]
    made.select(columns).write_parquet(at, row_group_size=50_000)
else:
    start = time.monotonic()
    found = articles(pl.scan_parquet(at))
    seconds, peak = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"rows": found.height, "articles": int(found["preferred"].sum()), "s": seconds, "gb": peak}))
"""


def run(code: str, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout or "{}")  # type: ignore[no-any-return]


def test_the_snapshot_is_read_at_speed_in_constant_memory() -> None:
    found = run(SNAPSHOT)
    few, many = found["peaks"]  # type: ignore[misc]
    print(
        f"arXiv's snapshot: {found['rate']:,.0f} records a CPU second, "
        f"peak {few:.2f} GB at 100,000 records and {many:.2f} GB at 400,000"
    )
    assert found["rate"] >= RATE  # type: ignore[operator]
    assert many < 1.15 * few


def test_the_articles_of_a_million_documents_are_found_in_a_minute(tmp_path: Path) -> None:
    run(MILLION, str(tmp_path / "documents.parquet"), "make")
    found = run(MILLION, str(tmp_path / "documents.parquet"), "read")
    print(
        f"{found['articles']:,} articles in {found['rows']:,} documents: {found['s']:.0f} s, peak {found['gb']:.2f} GB"
    )
    assert found["rows"] == 1_000_000
    assert found["s"] < ARTICLES_S  # type: ignore[operator]
    assert found["gb"] < MEMORY_GB  # type: ignore[operator]
