"""Keyword lists: reading the YAML of a problem, and the patterns its phrases stand for.

What a list contains is data (`schemas/problems/*_keywords.yaml`); scoring documents with it is `select`.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schemas.errors import InputError
from schemas.problem import FOLDER
from schemas.rules import vocabulary
from schemas.tables.corpus import KEYWORDS

GROUPS = vocabulary(KEYWORDS.column("keyword_group").rules)
FIELDS = ("title", "abstract", "captions", "body")

SEPARATORS = r"[\s\-\u00ad\u00a0\u2010-\u2015\u2212{}$\\~_,;]+"  # runs of these are one blank to loose patterns
_LOOSE = " ?"
_GAP = r"(?:[ -]\w+){0,2}"
_LOOSE_GAP = r"[^.]*?"


class Keyword(BaseModel):
    """One phrase of the list with its spellings and its say in the score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrase: str = Field(min_length=2)
    group: str
    weight: float = Field(1.0, ge=0)
    variants: tuple[str, ...] = ()
    case: bool = False
    support: bool = False
    context: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fields: tuple[str, ...] = FIELDS
    origin: Literal["figure", "text", "added", "discovered"] = "added"

    @field_validator("group")
    @classmethod
    def _group_is_declared(cls, given: str) -> str:
        if given not in GROUPS:
            raise ValueError(f"no group {given!r}; use one of {', '.join(GROUPS)}")
        return given

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What to look for in normalised text."""
        body = "|".join(_source(v, loose=False, case=self.case) for v in (self.phrase, *self.variants))
        return re.compile(rf"(?<![\w.])(?:{body})(?![\w])", 0 if self.case else re.IGNORECASE)

    @cached_property
    def loose_source(self) -> str:
        """The same for a Rust regex on the text as given: finds at least as much, word boundaries aside."""
        body = "|".join(_source(v, loose=True, case=self.case) for v in (self.phrase, *self.variants))
        return f"(?:{body})" if self.case else f"(?i:{body})"

    @cached_property
    def context_pattern(self) -> re.Pattern[str] | None:
        """One of these must occur somewhere in the document."""
        return _any_word(self.context)

    @cached_property
    def exclude_pattern(self) -> re.Pattern[str] | None:
        """None of these may stand near a hit."""
        return _any_word(self.exclude)


class Keywords(BaseModel):
    """A keyword list with its threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    threshold: float = Field(1.0, gt=0)
    field_factors: dict[str, float] = Field(
        default_factory=lambda: {"title": 1.5, "abstract": 1.0, "captions": 0.7, "body": 0.6}
    )
    keywords: tuple[Keyword, ...] = Field(min_length=1)

    @cached_property
    def loose_source(self) -> str:
        """One Rust pattern that hits every text any phrase could hit, once runs of `SEPARATORS` are blanks."""
        return "|".join(k.loose_source for k in self.keywords)


def load_keywords(problem: str = "mit") -> Keywords:
    """Reads a keyword list.

    Args:
        problem: name of a shipped problem, or path of a YAML file. The file is either the full form (`name`,
            `threshold`, `keywords`) or simply a mapping from group to a list of phrases.

    Raises:
        InputError: no such list, not YAML, or an entry that is not valid.
    """
    path = Path(problem)
    if path.suffix not in {".yaml", ".yml"}:
        shipped = FOLDER / f"{problem}_keywords.yaml"
        if not shipped.is_file():
            raise InputError.of(f"no keyword list {problem!r}", "schemas/problems", "name a problem or a YAML file")
        return parse_keywords(shipped.read_text("utf-8"), where=f"{problem}_keywords.yaml")
    try:
        return parse_keywords(path.read_text("utf-8"), where=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of("unreadable file", path, "name a UTF-8 YAML file that exists") from error


def parse_keywords(text: str, *, where: str = "keywords") -> Keywords:
    """Keyword list from YAML text; see `load_keywords`.

    Raises:
        InputError: not YAML, or an entry that is not valid.
    """
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError.of(f"YAML that cannot be read ({str(error)[:80]})", where, "mend the file") from error
    if not isinstance(raw, dict):
        raise InputError.of("no mapping", where, "give groups with phrases, or name, threshold and keywords")
    if isinstance(raw.get("seeds"), dict):
        raw = raw["seeds"]
    if set(raw) <= set(GROUPS) and raw:
        raw = {"name": Path(where).stem or "keywords", "keywords": _entries(raw)}
    raw.setdefault("name", Path(where).stem)
    try:
        return Keywords.model_validate(raw)
    except ValidationError as error:
        raise InputError.invalid(error.errors(), where, "mend the entry") from error


def _entries(groups: dict[str, Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for group, phrases in groups.items():
        for phrase in phrases or ():
            entry = dict(phrase) if isinstance(phrase, dict) else {"phrase": str(phrase)}
            text = str(entry.get("phrase", ""))
            acronym = text.isupper() and text.isalpha() and len(text) <= 5
            made.append({"group": group, "case": acronym, **entry})
    return made


def _source(phrase: str, *, loose: bool, case: bool) -> str:
    """Regular expression of one spelling, in the syntax common to Python and Rust."""
    if re.fullmatch(r"\d+(\.\d+)? K", phrase):
        return re.escape(phrase.split()[0]) + (_LOOSE + "(?i:k)" if loose else r"(?:\.0)?[ -]?(?-i:K)")
    parts = re.findall(r"\([^)]*\)|\.\.\.|[^\s\-()]+", phrase)
    source, gap = "", ""
    for number, part in enumerate(parts):
        if part == "...":
            gap = _LOOSE_GAP if loose else _GAP
            continue
        if number:
            source += gap + (_LOOSE if loose else "[ -]{0,2}" if gap == "" and len(parts) < 9 else "[ -]{1,2}")
        gap = ""
        source += _word(part, case=case)
    return source if case else source + "(?:s|es)?"


def _word(part: str, *, case: bool) -> str:
    if part.startswith("("):
        return (
            "(?:"
            + "|".join(
                _source(p, loose=True, case=True) if " " in p else _word(p, case=case) for p in part[1:-1].split("|")
            )
            + ")"
        )
    escaped = re.escape(part)
    if case:
        return escaped
    return re.sub(r"i[sz](?=a|e|ing)", "i[sz]", escaped, flags=re.IGNORECASE)


def _any_word(words: tuple[str, ...]) -> re.Pattern[str] | None:
    if not words:
        return None
    body = "|".join(re.sub(r"[ -]+", "[ -]+", re.escape(w).replace(r"\ ", " ").replace(r"\-", "-")) for w in words)
    return re.compile(rf"\b(?:{body})s?\b", re.IGNORECASE)
