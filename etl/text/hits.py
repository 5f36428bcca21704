"""Where the phrases of a keyword list stand in the texts of documents: spans in the texts as given.

Which texts are worth a look is `scan`; what a hit is worth is `select`.
"""

import numpy as np
import polars as pl

from etl.text import scan
from etl.text.keywords import FIELDS, TOPIC, Keyword, Keywords
from etl.text.normalise import Normalised, normalise

SCHEMA = {"part": pl.UInt32, "number": pl.UInt32, "start": pl.Int64, "end": pl.Int64}
_NEAR = 40


def hits(parts: pl.DataFrame, keywords: Keywords) -> pl.DataFrame:
    """All hits of a list.

    Args:
        parts: one text a row: `row` (number of its document), `kind` (captions), `field` (captions[2]) and `text`.
        keywords: the list.

    Returns:
        `row`, `kind`, `field`, `part` (number in `parts`), `number` (of the keyword), `start`, `end` and `words` of the
        text, by part.
    """
    places = scan.places(parts["text"], keywords)
    found = [
        (part, number, *span)
        for part, number, ends in places.ends
        for span in _spans(keywords.keywords[number], places.texts[part], ends)
    ]
    frame = pl.DataFrame(found, schema=SCHEMA, orient="row")
    where = parts.select("row", "kind", "field")[frame["part"]]
    bodies = frame["part"].filter(where["kind"] == "body").unique().to_list()
    words = {part: places.texts[part].text.count(" ") + 1 for part in bodies}
    frame = where.hstack(frame).with_columns(
        words=pl.col("part").replace_strict(words, default=None, return_dtype=pl.Int64)
    )
    return _meant(_asked(frame, keywords), parts, places.texts, keywords)


def _spans(keyword: Keyword, normal: Normalised, ends: list[int]) -> list[tuple[int, int]]:
    """Where a phrase stands in the text as given; the same as if the whole text were searched."""
    text, spans, at = normal.text, [], 0
    search, near = keyword.pattern.search, None if keyword.case else keyword.exclude_pattern
    for start, last, stop in _windows(ends, keyword.reach, len(text)):
        at = max(at, start)
        while at < last and (match := search(text, at, stop)) is not None:
            begin, end = match.span()
            if end == stop < len(text):
                break  # the window may end within a word: a later one shows it whole
            at = end
            if near is None or near.search(text, max(0, begin - _NEAR), end + _NEAR) is None:
                spans.append(normal.span(begin, end))
    return spans


def _windows(ends: list[int], reach: int, length: int) -> list[tuple[int, int, int]]:
    """Stretches of a text that hold every match that ends at one of `ends`: start, last end, and one character more."""
    if not ends:
        return [(0, length, length)]
    windows = []
    first = last = ends[0]
    for end in ends[1:]:
        if end - reach > last:
            windows.append((max(0, first - reach), last, min(length, last + 1)))
            first = end
        last = end
    return [*windows, (max(0, first - reach), last, min(length, last + 1))]


def _asked(found: pl.DataFrame, keywords: Keywords) -> pl.DataFrame:
    """Hits in fields for which their phrase is asked."""
    bound = [(n, k) for n, k in enumerate(keywords.keywords) if set(k.fields) != set(FIELDS)]
    if not bound:
        return found
    elsewhere = [(n, kind) for n, k in bound for kind in FIELDS if kind not in k.fields]
    left_out = pl.DataFrame(elsewhere, schema={"number": pl.UInt32, "kind": pl.String}, orient="row")
    return found.join(left_out, on=["number", "kind"], how="anti", maintain_order="left")


def _meant(found: pl.DataFrame, parts: pl.DataFrame, texts: dict[int, Normalised], keywords: Keywords) -> pl.DataFrame:
    """Hits of phrases that the rest of their document does not speak against."""
    rows = parts["row"].to_numpy()
    held = np.flatnonzero(np.isin(rows, found["row"].unique().to_numpy()))
    beside = set(rows[held[scan.beside(parts["text"][held], keywords)]].tolist())
    asking = [n for n, k in enumerate(keywords.keywords) if k.context_pattern or (k.case and k.exclude_pattern)]
    doubtful = found.filter(pl.col("number").is_in(asking) | pl.col("row").is_in(list(beside)))
    voided: list[tuple[int, int]] = []
    for row, numbers in doubtful.group_by("row").agg(pl.col("number").unique()).iter_rows():
        own = np.flatnonzero(rows == row).tolist()
        whole = "\n".join((texts.get(part) or normalise(parts["text"][part])).text for part in own)
        voided += [(row, n) for n in numbers if _excluded(keywords.keywords[n], whole, other=row in beside)]
    return found.join(
        pl.DataFrame(voided, schema={"row": parts.schema["row"], "number": pl.UInt32}, orient="row"),
        on=["row", "number"], how="anti", maintain_order="left",
    )  # fmt: skip


def _excluded(keyword: Keyword, whole: str, *, other: bool) -> bool:
    """Whether a document speaks against a phrase; a cue anywhere does so against acronyms.

    Args:
        keyword: the phrase.
        whole: all texts of the document.
        other: whether it may be about something else.
    """
    asked, unless = keyword.context_pattern, keyword.unless_pattern if other else None
    excluded = keyword.exclude_pattern if keyword.case else None
    return (
        (asked is not None and asked.search(whole) is None)
        or (unless is not None and unless.search(whole[:TOPIC]) is not None)
        or (excluded is not None and excluded.search(whole) is not None)
    )
