"""Keyword lists: reading the YAML of a problem, and the patterns its phrases stand for.

What a list contains is data (`schemas/problems/*_keywords.yaml`); scoring documents with it is `select`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from schemas.errors import InputError
from schemas.problem import FOLDER
from schemas.rules import vocabulary
from schemas.tables.corpus import KEYWORDS

GROUPS = vocabulary(KEYWORDS.column("keyword_group").rules)
FIELDS = ("title", "abstract", "captions", "body")

# What may be a blank of the normalised text in a plain one, and what the fold of `scan` makes of others: blanks for
# these, and nothing for those.
SEPARATORS = r"[\n \-~]"  # more would make an automaton three times as slow
BLANKS = "\t\n\r\v\f\x1c\x1d\x1e\x1f-,;:!~"
TOPIC = 4000  # characters of a document, title and abstract first, that say what it is about
MOST_BLANKS = 10  # between words of a folded text: an automaton that need not expect more is twice as fast
DROPPED = "{}$_\\\"'^`"


_LATIN = re.compile("[A-Za-z0-9]")


def _folded(word: str) -> str:
    """A word as `scan.fold` leaves it, escaped; "to" may have been a macro, which it drops."""
    if word.lower() == "to":
        return "(?:to)?"
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if c.isascii() and c not in DROPPED)
    return "".join(f" {{0,{MOST_BLANKS}}}" if c in BLANKS else re.escape(c) for c in plain)


def _flattened(word: str) -> str:
    """A word as the second sieve of `scan` reads it, escaped: one ASCII character for each."""
    return "".join(r"\?" if not c.isascii() else " " if c in BLANKS else re.escape(c) for c in word)


@dataclass(frozen=True)
class _Dialect:
    """How a pattern spells the words of a phrase, and what may stand between them."""

    word: Callable[[str], str]
    between: str
    gap: str
    number: str


_RUN = f"{{0,{MOST_BLANKS}}}"
_EXACT = _Dialect(re.escape, "[ -]{0,2}", r"(?:[ -]\w{1,60}){0,2}[ -]{1,2}", r"(?:\.0)?[ -]?(?-i:K)")
_PLAIN = _Dialect(re.escape, SEPARATORS + _RUN, r"[^.\x00]*", rf"(?:\.0)?{SEPARATORS}{_RUN}K")
_FOLDED = _Dialect(_folded, " " + _RUN, r"[^.\x00]*", rf"(?:\.0)? {_RUN}K")
_FLAT = _Dialect(_flattened, " {0,2}", r"[^.\x00]*", r"(?:\.0)? ?K")


def _declared(given: str) -> str:
    if given not in GROUPS:
        raise ValueError(f"no group {given!r}; use one of {', '.join(GROUPS)}")
    return given


Group = Annotated[str, AfterValidator(_declared)]
"""A group that core.keywords declares."""


class Keyword(BaseModel):
    """One phrase of the list with its spellings and its say in the score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrase: str = Field(min_length=2)
    group: Group
    weight: float = Field(1.0, ge=0)
    variants: tuple[str, ...] = ()
    case: bool = False
    support: bool = False
    context: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    fields: tuple[str, ...] = FIELDS
    origin: Literal["figure", "text", "added", "discovered"] = "added"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What to look for in normalised text."""
        body = "|".join(_source(v, _EXACT, case=self.case) for v in (self.phrase, *self.variants))
        return re.compile(rf"(?<![\w.])(?:{body})(?![\w])", 0 if self.case else re.IGNORECASE)

    @cached_property
    def folded_sources(self) -> tuple[str, ...]:
        """A pattern each spelling for folded text that finds all that `pattern` does and more.

        "" stands for a spelling of which the fold leaves nothing: it may be anywhere.
        """
        return self._sources(_FOLDED)

    @cached_property
    def plain_sources(self) -> tuple[str, ...]:
        """The same for ASCII text without mark-up, whatever stands before and behind it."""
        return self._sources(_PLAIN)

    @cached_property
    def flat_sources(self) -> tuple[str, ...]:
        """The same for flattened normalised text, whose words end where those of the normalised text do."""
        spellings = (self.phrase, *self.variants)
        return tuple(
            _bounded(source, v) if source else "" for v, source in zip(spellings, self._sources(_FLAT), strict=True)
        )

    def _sources(self, dialect: _Dialect) -> tuple[str, ...]:
        return _sources((self.phrase, *self.variants), dialect, case=self.case)

    @cached_property
    def reach(self) -> int:
        """No match of `pattern` is longer than so many characters."""
        return max(len(v) + 2 * len(v.split()) + 128 * v.count("...") + 8 for v in (self.phrase, *self.variants))

    @cached_property
    def context_pattern(self) -> re.Pattern[str] | None:
        """One of these must occur somewhere in the document."""
        return _any_word(self.context)

    @cached_property
    def unless_pattern(self) -> re.Pattern[str] | None:
        """None of these may occur in the first `TOPIC` characters of the document."""
        return _any_phrase(self.unless)

    @cached_property
    def exclude_pattern(self) -> re.Pattern[str] | None:
        """None of these may stand near a hit."""
        return _any_word(self.exclude)


class Keywords(BaseModel):
    """A keyword list with its threshold.

    A document is selected if it holds a phrase that is no `support`, and the weights of its distinct phrases, each
    times the factor of the best field it stands in, add up to `threshold`. The `unless` of the list holds for every
    phrase that is no `support` and names none of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    threshold: float = Field(1.0, gt=0)
    unless: tuple[str, ...] = ()
    field_factors: dict[str, float] = Field(
        default_factory=lambda: {"title": 1.5, "abstract": 1.0, "captions": 0.7, "body": 0.6}
    )
    keywords: tuple[Keyword, ...] = Field(min_length=1)

    @field_validator("keywords")
    @classmethod
    def _unless_of_the_list(cls, given: tuple[Keyword, ...], info: ValidationInfo) -> tuple[Keyword, ...]:
        shared = info.data.get("unless", ())
        return tuple(k if k.support or k.unless else k.model_copy(update={"unless": shared}) for k in given)

    @cached_property
    def unless_sources(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Patterns that find all that any `unless_pattern` does and more: for plain and for folded text."""
        phrases = dict.fromkeys(phrase for keyword in self.keywords for phrase in keyword.unless)
        return _sources(phrases, _PLAIN, case=False), _sources(phrases, _FOLDED, case=False)


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


def _sources(spellings: Iterable[str], dialect: _Dialect, *, case: bool) -> tuple[str, ...]:
    """A pattern each spelling; "" where the fold of `scan` leaves nothing of it."""
    return tuple(
        _source(v, dialect, case=case) if _LATIN.search(unicodedata.normalize("NFKD", v)) else "" for v in spellings
    )


def _source(phrase: str, dialect: _Dialect, *, case: bool) -> str:
    """Regular expression of one spelling, in the syntax common to Python and hyperscan."""
    if re.fullmatch(r"\d+(\.\d+)? K", phrase):
        number = re.escape(phrase.split()[0])
        return number + dialect.number
    parts = re.findall(r"\([^)]*\)|\.\.\.|[^\s\-()]+", phrase)
    source, joint = "", ""
    for part in parts:
        if part == "...":
            joint = dialect.gap
            continue
        source += joint + _word(part, dialect, case=case)
        joint = dialect.between
    return source if case else source + "(?:s|es)?"


def _bounded(source: str, spelling: str) -> str:
    first = r"\b" if re.match(r"\(?[A-Za-z0-9]", spelling) else ""
    last = r"\b" if re.search(r"[A-Za-z0-9]\)?$", spelling) else ""
    return f"{first}(?:{source}){last}"


def _word(part: str, dialect: _Dialect, *, case: bool) -> str:
    if part.startswith("("):
        choices = part[1:-1].replace("-", " ").split("|")
        return f"(?:{'|'.join(dialect.between.join(_word(w, dialect, case=case) for w in c.split()) for c in choices)})"
    escaped = dialect.word(part)
    if case:
        return escaped
    return re.sub(r"i[sz](?=a|e|ing)", "i[sz]", escaped, flags=re.IGNORECASE)


def _any_phrase(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    if not phrases:
        return None
    return re.compile(rf"\b(?:{'|'.join(_source(p, _EXACT, case=False) for p in phrases)})\b", re.IGNORECASE)


def _any_word(words: tuple[str, ...]) -> re.Pattern[str] | None:
    if not words:
        return None
    body = "|".join(re.sub(r"[ -]+", "[ -]+", re.escape(w).replace(r"\ ", " ").replace(r"\-", "-")) for w in words)
    return re.compile(rf"\b(?:{body})s?\b", re.IGNORECASE)
