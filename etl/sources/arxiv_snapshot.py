"""arXiv's metadata snapshot: one JSON object a line, read as a stream of batches in constant memory.

A record gets the same id and texts as from `arxiv_oai`, so that the same state of the same article is the same row.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from typing import IO

import polars as pl

from etl.sources import records
from etl.sources.records import Page, Parsed, Refusals
from schemas.errors import InputError

SOURCE = "arxiv_snapshot"
BATCH = 20_000  # lines
LINE = 1_000_000  # bytes; the longest record of arXiv has some 100,000
_FIELDS = pl.Schema(
    {
        # the versions stay text: read as structs they would take as long as all the rest
        **dict.fromkeys(
            ("id", "title", "abstract", "categories", "doi", "license", "update_date", "versions"), pl.String()
        ),
        "authors_parsed": pl.List(pl.List(pl.String)),
    }
)
_ID = r"^(?:\d{4}\.\d{4,5}|[a-z\-]+(?:\.[A-Z]{2})?/\d{7})$"
_CREATED = r'^: ?"[A-Za-z]+, (\d{1,2} [A-Za-z]{3} \d{4})'  # as in "Mon, 2 Apr 2007 19:18:42 GMT"
_NO_TEXT = r'^(?:\["|\{")'  # a list or an object stands where text should

Line = tuple[int, bytes]  # number in the file, from 1


def pages(stream: IO[bytes], *, name: str, size: int = BATCH) -> Iterator[Page]:
    """Batches of records, each named by its lines. A bad line is refused with its number and stops no other.

    Args:
        stream: the decoded lines.
        name: of the file.
        size: lines of a batch.

    Raises:
        InputError: no line of the first batch is a record of arXiv.
    """
    numbers = count(1)
    while True:
        refusals, lines, digest = Refusals(f"{name} "), [], hashlib.sha256()
        first = last = 0
        while last - first + 1 < size or not last:
            line = stream.readline(LINE)
            if not line:
                break
            last = next(numbers)
            first = first or last
            digest.update(line)
            if len(line) == LINE and not line.endswith(b"\n"):
                refusals.add(f"line {last}", f"more than {LINE} bytes", line)
                _skip(stream)
            elif line.strip():
                lines.append((last, line))
        if not last:
            return
        parsed = _parsed(lines, refusals)
        if first == 1 and parsed.documents.is_empty():
            said = f": {parsed.refused[0][1]}" if parsed.refused else ""
            raise InputError.of(f"no arXiv metadata{said}", name, "give one record of arXiv's snapshot a line")
        yield Page(f"{name} lines {first} to {last}", digest.digest(), parsed)


def _skip(stream: IO[bytes]) -> None:
    while (rest := stream.readline(LINE)) and not rest.endswith(b"\n"):
        pass


def _parsed(lines: list[Line], refusals: Refusals) -> Parsed:
    given = _read(lines, refusals)
    why = (
        pl.when(pl.col("id").is_null() | ~pl.col("id").str.contains(_ID))
        .then(pl.lit("no arXiv id"))
        .when(pl.col("title").is_null() | (pl.col("title") == ""))
        .then(pl.lit("no title"))
        .when(pl.any_horizontal(pl.col("title", "abstract").str.contains(_NO_TEXT).fill_null(False)))
        .then(pl.lit("title or abstract is no text"))
    )
    judged = given.with_columns(_cleaned()).with_columns(why=why)
    raws = dict(lines)
    for number, reason in judged.drop_nulls("why").select("line", "why").iter_rows():
        refusals.add(f"line {number}", reason, raws[number])
    return refusals.parsed(_documents(judged.filter(pl.col("why").is_null())))


def _read(lines: list[Line], refusals: Refusals) -> pl.DataFrame:
    """The lines as rows; where they cannot be read, each half for itself, down to the bad line."""
    try:
        found = pl.read_ndjson(b"".join(line for _, line in lines), schema=_FIELDS)
        if found.height == len(lines):
            return found.with_columns(line=pl.Series([n for n, _ in lines], dtype=pl.Int64))
    except pl.exceptions.PolarsError:
        pass  # what is wrong with which line is said below
    if len(lines) <= 1:
        for number, line in lines:
            refusals.add(f"line {number}", _fault(line), line)
        return pl.DataFrame(schema={**_FIELDS, "line": pl.Int64})
    half = len(lines) // 2
    return pl.concat([_read(lines[:half], refusals), _read(lines[half:], refusals)])


def _fault(line: bytes) -> str:
    """What is wrong with a line, without its text: reasons are exported, texts are not."""
    try:
        json.loads(line)
    except UnicodeDecodeError as error:
        return f"no UTF-8 text (byte {error.start})"
    except (ValueError, RecursionError) as error:
        return f"no JSON ({error})"
    return "no record of arXiv: its fields have other types"


def _cleaned() -> list[pl.Expr]:
    flat = pl.col("title", "abstract").str.replace_all(r"\s{2,}|[^\S ]", " ").str.strip_chars()
    return [flat, pl.col("id").str.strip_chars().str.replace(r"v\d+$", "")]


def _documents(given: pl.DataFrame) -> pl.DataFrame:
    created = pl.col("versions").str.split('"created"')
    family, fore = pl.element().list.get(0, null_on_oob=True), pl.element().list.get(1, null_on_oob=True)
    name = pl.concat_str(fore, family, separator=" ", ignore_nulls=True).str.replace_all(r"\s{2,}", " ")
    names = pl.col("authors_parsed").list.eval(name.str.strip_chars())
    return records.rows(
        given.select(
            document_id="arxiv:" + pl.col("id"),
            source=pl.lit("arxiv"),
            source_id="id",
            doi=pl.col("doi").str.to_lowercase().str.extract(r"(\S+)"),
            arxiv_id="id",
            title="title",
            abstract=pl.col("abstract").replace("", None),
            authors=_filled(names.list.eval(pl.element().filter(pl.element() != ""))),
            categories=_filled(pl.col("categories").str.extract_all(r"\S+")),
            published_on=_day(created.list.get(1, null_on_oob=True)),
            updated_on=pl.when(created.list.len() > 2).then(_day(created.list.last())),
            datestamp=pl.col("update_date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
            licence=pl.col("license").replace("", None).fill_null("metadata CC0-1.0"),
        )
    )


def _day(created: pl.Expr) -> pl.Expr:
    return created.str.extract(_CREATED).str.to_date("%d %b %Y", strict=False)


def _filled(listed: pl.Expr) -> pl.Expr:
    """Null instead of an empty list."""
    return pl.when(listed.list.len() > 0).then(listed)
