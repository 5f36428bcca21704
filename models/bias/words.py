"""Damage to text, a column at a time: foreign letters, broken encodings, cut ends, words that stand for nothing."""

import polars as pl

from models.bias.findings import Finding, of_rows

# Letters of other alphabets that look like Latin ones, and forms of Latin letters and digits for print.
_TWINS = "АВЕКМНОРСТУХЅІЈаеорсухѕіјһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοϲ"
_FORMS = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff"
_SMALL = "\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u2080-\u2089"
_UNSEEN = "\u200b-\u200f\u2060\ufeff\u00ad\u202a-\u202e"
LOOKALIKE = rf"[A-Za-z0-9][{_TWINS}]|[{_TWINS}][A-Za-z0-9]|[{_UNSEEN}{_FORMS}]"
"""A foreign twin beside a Latin letter or digit, a letter of a printed form, or a mark that is not seen."""

# UTF-8 read as Latin-1 or CP-1252, once or twice; bytes that could not be read; entities left as they were.
BROKEN = (
    r"[ÂÃ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€|â[\u0080-\u009f]|[ÎÏÐÑ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
    r"|\ufffd|ï»¿|&amp;(?:amp|lt|gt|#\d+);|&#x?[0-9a-fA-F]+;|[\u0080-\u009f]"
)
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
NOTHING = ("-", "--", "?", "n/a", "na", "nan", "null", "nil", "tbd", "missing", "#n/a", "<na>", "#ref!", "#value!")
"""Words for a missing value, in small letters."""


def foreign(frame: pl.DataFrame, columns: tuple[str, ...], *, exact: tuple[str, ...]) -> list[Finding]:
    """Letters that look like others, so that equal things compare unequal.

    Args:
        frame: the rows.
        columns: columns of text.
        exact: those of them that hold names and formulas, where no letter outside ASCII belongs beside digits.
    """
    found: list[Finding] = []
    for column in columns:
        marks = frame[column].str.contains(LOOKALIKE)
        if column in exact:
            marks |= frame[column].str.contains(rf"[{_TWINS}{_SMALL}]|\u00a0")
        found += of_rows(frame, marks, column, "letters that look like others, or are not seen", grave=column in exact)
    return found


def broken(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Text that was read in another encoding than it was written in, or holds marks of control."""
    found: list[Finding] = []
    for column in columns:
        marks = frame[column].str.contains(f"{BROKEN}|{_CONTROL}")
        found += of_rows(frame, marks, column, "text read in a wrong encoding")
    return found


def stand_ins(frame: pl.DataFrame, columns: tuple[str, ...], *, formulas: tuple[str, ...]) -> list[Finding]:
    """Words that stand for a missing value where null should; in columns of formulas NaN and Na are compounds."""
    found: list[Finding] = []
    for column in columns:
        words = [w for w in NOTHING if column not in formulas or w not in ("na", "nan")]
        text = frame[column].str.strip_chars()
        marks = text.str.to_lowercase().is_in(words) & (text != "Na")  # sodium
        found += of_rows(frame, marks, column, "words that stand for a missing value")
    return found


def padded(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """White space around names and formulas, which makes equal things compare unequal."""
    found: list[Finding] = []
    for column in columns:
        marks = frame[column].str.contains(r"^\s|\s$")
        found += of_rows(frame, marks, column, "white space around it", grave=True)
    return found


def cut(frame: pl.DataFrame, columns: tuple[str, ...], *, least: int = 5) -> list[Finding]:
    """Texts cut at one length: far more different texts have it than have lengths near it, and they end otherwise.

    At the greatest length the heap alone tells, unless the texts end as whole ones do; at others they must end as
    hardly any other does. A column whose texts are mostly of one length (hashes) is not judged, and a knife does not
    meet the same sign each time.

    Args:
        frame: the rows.
        columns: columns of text.
        least: fewest texts of that length that count.
    """
    found: list[Finding] = []
    for column in columns:
        texts = frame[column]
        lengths = texts.str.len_chars()
        there = len(texts) - texts.null_count()
        longest = lengths.max()
        heaps = frame.select(length=lengths, text=texts).drop_nulls().group_by("length").agg(pl.col("text").n_unique())
        high = heaps.filter((pl.col("length") >= 10) & (pl.col("text") >= max(least, 0.01 * there)))
        for length, piled in high.sort("length", descending=True).head(8).iter_rows():
            near = heaps.filter((pl.col("length") - length).abs().is_between(1, max(1, length // 4)))
            per_length = float(near["text"].sum()) / max(1, (length // 4) * (1 if length == longest else 2))
            marks = (lengths == length).fill_null(False)
            if piled <= 6 * (per_length + 1) or int(marks.sum()) > 0.6 * there or _ends_in_one(texts.filter(marks)):
                continue
            alike = _ends_alike(texts, marks)
            if (length == longest and alike < 0.8) or (alike < 0.3 and piled >= 2 * least):
                found += of_rows(frame, marks, column, f"{piled} different texts end at {length} letters")
                break
    return found


def _ends_alike(texts: pl.Series, marks: pl.Series) -> float:
    """Share of the marked texts that end in the sign in which nearly all others end; .5 where there is no such sign."""
    last = texts.str.slice(-1)
    usual = last.filter(~marks).drop_nulls().value_counts(sort=True)
    if not usual.height:
        return 0.5
    sign, times = usual.row(0)
    most = 0.8 * float(usual["count"].sum())
    same = last.filter(marks) == sign
    return int(same.sum()) / max(1, len(same)) if times > most else 0.5


def _ends_in_one(texts: pl.Series) -> bool:
    """Whether different texts end in one sign, as those of a pattern do."""
    return texts.unique().str.slice(-1).n_unique() == 1


def spellings(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Groups written in several ways: the same word but for case, white space, hyphens and underscores."""
    found: list[Finding] = []
    for column in columns:
        kinds = frame.select(pl.col(column).alias("word")).drop_nulls().group_by("word").len()
        plain = kinds.with_columns(
            pl.col("word").str.to_lowercase().str.replace_all(r"[\s_\-‐‑–]+", " ").str.strip_chars().alias("plain")
        )
        usual = plain.sort("len", "word", descending=[True, False]).group_by("plain", maintain_order=True)
        odd = plain.join(usual.agg(pl.col("word").first().alias("usual")), on="plain").filter(
            pl.col("word") != pl.col("usual")
        )
        found += of_rows(frame, frame[column].is_in(odd["word"].implode()), column, "another spelling of a group")
    return found
