"""The file in which a person decides on proposed keywords: YAML, one entry a phrase, edited by hand.

Only accepted phrases enter the next round; rejected ones are not proposed again. Finding proposals is `discover`.
"""

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from etl.files import write_whole
from etl.text.keywords import Group, Keyword, Keywords
from schemas.errors import InputError

ENOUGH = 3  # accepted phrases of a round that make another one worth while
_WEIGHT = 0.3  # of an accepted phrase, until someone gives it another
_HEAD = """# Proposed keywords. Set `decision` to accept or reject, and put your name and the day beside it; what is
# pending is left out. `matloom text discover --review` with this file looks for more from what was accepted.
"""


class Entry(BaseModel):
    """A proposed phrase and what was decided on it."""

    model_config = ConfigDict(extra="forbid")

    phrase: str = Field(min_length=2)
    group: Group
    round: int = Field(ge=1)
    score: float
    documents: int = Field(0, ge=0)
    selected_documents: int = Field(0, ge=0)
    nearest: str = ""
    examples: list[str] = []
    decision: Literal["accept", "reject", "pending"] = "pending"
    reviewer: str = ""
    date: datetime.date | None = None


_ENTRIES = TypeAdapter(list[Entry])


def read(path: Path) -> list[Entry]:
    """The entries of a review file; none where there is no file yet.

    Raises:
        InputError: unreadable, not YAML, or an entry that is not valid.
    """
    if not path.exists():
        return []
    try:
        raw: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise InputError.of(
            f"a review that cannot be read{line}", path, "mend the YAML, or name another file"
        ) from error
    try:
        return _ENTRIES.validate_python(raw or [])
    except ValidationError as error:
        raise InputError.invalid(error.errors(), str(path), "mend the entry") from error


def write(path: Path, entries: Sequence[Entry]) -> None:
    """Writes a review file aside and renames it.

    Raises:
        InputError: it cannot be written.
    """
    rows = [entry.model_dump(exclude_defaults=False) for entry in entries]
    write_whole(_HEAD + yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=110), path)


def extended(keywords: Keywords, entries: Iterable[Entry]) -> Keywords:
    """The list with the accepted phrases."""
    known = {k.phrase.lower() for k in keywords.keywords}
    added = [
        Keyword(phrase=e.phrase, group=e.group, weight=_WEIGHT, case=e.phrase.isupper(), origin="discovered",
                unless=keywords.unless)
        for e in entries
        if e.decision == "accept" and e.phrase.lower() not in known
    ]  # fmt: skip
    return keywords.model_copy(update={"keywords": (*keywords.keywords, *added)})


def decided(entries: Iterable[Entry]) -> list[str]:
    """Phrases that are not to be proposed again: all that are in the file."""
    return [entry.phrase for entry in entries]


def next_round(entries: Sequence[Entry]) -> int:
    """Number of the round after those of the file."""
    return max((entry.round for entry in entries), default=0) + 1


def worth_another(entries: Sequence[Entry]) -> bool:
    """Whether enough of the last round was accepted to look again; before any round, yes."""
    last = next_round(entries) - 1
    return last == 0 or sum(e.round == last and e.decision == "accept" for e in entries) >= ENOUGH


def with_proposals(entries: Sequence[Entry], proposals: pl.DataFrame) -> list[Entry]:
    """The entries and, behind them, new ones to decide on.

    Args:
        entries: of the file.
        proposals: what `discover` found.
    """
    known = {entry.phrase.lower() for entry in entries}
    names = [n for n in Entry.model_fields if n in proposals.columns]
    rows = proposals.select(names).to_dicts()
    return [*entries, *(Entry.model_validate(row) for row in rows if row["phrase"].lower() not in known)]
