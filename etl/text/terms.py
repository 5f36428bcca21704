"""Words and phrases of a corpus, counted: every run of up to four words that could be a term, and where it stands.

Phrases may overlap, as "metal insulator" and "metal insulator transition" do: each is counted for itself. What a phrase
means is `embeddings`; which of them to propose is `discover`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.arrays import Ints

LONGEST = 4
_VOCABULARY = 50_000  # to the power of LONGEST, it is a number of 64 bits
_TOKEN = r"\p{L}+|\d+ ?K\b|[.;:,()\[\]!?=]"
_NAME = re.compile(r"\d+ ?K\b|\d*[^\W\d_]+")
_CHOICE = re.compile(r"\(([^)]*)\)")
_MOST_SPELLINGS = 64  # of one pattern
_ENDING = re.compile(r"(?:ations?|ing|ed|es|s|e)$")
# Frequent in every abstract, beside the stop words of English.
_HABITS = [
    "show", "shown", "using", "used", "study", "studied", "given", "near", "new", "value", "large", "low", "high",
    "different", "small", "various", "based", "result", "paper", "present", "propose", "proposed", "discuss",
    "discussed", "investigate", "investigated", "obtained", "observed", "respectively", "recent", "recently",
    "possible", "important", "case", "function", "general", "consider", "considered", "demonstrate", "report",
    "reported", "following", "number", "effect", "van", "der", "understand", "behaviour", "behavior", "experiment",
    "experimental", "theory", "theoretical",
]  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Token by token.

    Attributes:
        words: number -> word: lower case, singular.
        tokens: number of each word of the text, -1 for rare words and where a clause ends.
        documents: document of each token, ascending.
        number: how many documents there are.
        capitals: words that are written in capitals as a rule.
    """

    words: list[str]
    tokens: Ints
    documents: Ints
    number: int
    capitals: frozenset[str]

    def spelled(self, name: str) -> str:
        """A name in the words of this corpus: in the singular where that is what it has."""
        have = self._have
        return " ".join(w if w in have or w.rstrip("s") not in have else w.rstrip("s") for w in split(name))

    @cached_property
    def _have(self) -> frozenset[str]:
        return frozenset(self.words)


@dataclass(frozen=True)
class Phrases:
    """Runs of words that occur often enough.

    Attributes:
        names: number -> its words, joined by blanks.
        lengths: words of each phrase.
        phrase, start: number of the phrase, and of its first token, of each occurrence; by start.
    """

    names: list[str]
    lengths: Ints
    phrase: Ints
    start: Ints


def corpus(texts: Iterable[str | None], *, least: int = 1, known: Iterable[str] = ()) -> Corpus:
    """Splits texts into numbered words.

    Args:
        texts: one document each, null or blank where there is nothing.
        least: fewest documents that must hold a word.
        known: names whose words are kept if they occur at all.
    """
    said = pl.Series("token", list(texts), dtype=pl.String).fill_null("")
    listed = said.str.replace_all(r"[$_{}\\]", "").str.replace_all(r"\s+", " ").str.extract_all(_TOKEN)
    frame = pl.DataFrame({"document": pl.int_range(said.len(), eager=True), "token": listed})
    frame = frame.explode("token").drop_nulls("token")
    capital = (pl.col("token").str.len_chars() > 1) & (pl.col("token") == pl.col("token").str.to_uppercase())
    frame = frame.select(
        "document",
        capital.alias("capital"),
        token=pl.col("token").str.to_lowercase().str.replace(r"^(\d+) k$", "${1}k"),
    )
    spelled = _canonical(dict(frame["token"].value_counts().iter_rows()))
    frame = frame.with_columns(pl.col("token").replace(spelled))
    counts = frame.group_by("token").agg(pl.col("document").n_unique().alias("n"), pl.col("capital").mean())
    asked = {spelled.get(word, word) for name in known for word in split(name)}
    counts = counts.filter(
        (pl.col("n") >= least) | pl.col("token").is_in(list(asked)), pl.col("token").str.contains(r"\w")
    )
    counts = counts.sort(["n", "token"], descending=[True, False]).head(_VOCABULARY)
    words = counts["token"].to_list()
    numbers = frame["token"].replace_strict(words, list(range(len(words))), default=-1, return_dtype=pl.Int64)
    loud = frozenset(counts.filter(pl.col("capital") > 0.5)["token"])
    return Corpus(words, numbers.to_numpy(), frame["document"].cast(pl.Int64).to_numpy(), said.len(), loud)


def _canonical(counts: Mapping[str, int]) -> dict[str, str]:
    """Word -> its singular in American spelling where the words have that too; those that change."""
    made = {}
    for word, number in counts.items():
        plain = re.sub(r"is(?=(?:e|ed|es|ing|ation|ations)$)", "iz", word) if len(word) > 6 else word
        plain = plain if plain in counts else word
        single = plain[:-1] if plain.endswith("s") and not plain.endswith(("ss", "us", "is")) else plain
        plain = single if len(single) > 2 and 5 * counts.get(single, 0) >= number else plain  # Peierls has none
        if plain != word:
            made[word] = plain
    return made


def split(name: str) -> list[str]:
    """The words of a name, as they are numbered."""
    return [re.sub(r"^(\d+) ?k$", r"\1k", w.lower()) for w in _NAME.findall(name)]


def spellings(pattern: str) -> list[str]:
    """The names that a spelling of a keyword list stands for: its choices spelled out, none where it has a gap."""
    if "..." in pattern:
        return []
    parts = [c.split("|") for c in _CHOICE.split(pattern)]
    spelled = ("".join(c) for _, c in zip(range(_MOST_SPELLINGS), product(*parts), strict=False))
    return [name for name in (" ".join(split(s)) for s in spelled) if name]


def stem(name: str) -> str:
    """A name without the endings of its words: two of the same stem are one term."""
    return " ".join(_ENDING.sub("", w) if len(w) > 4 else w for w in name.split())


def phrases(texts: Corpus, *, least: int, known: Iterable[str] = ()) -> Phrases:
    """All runs of up to `LONGEST` words within a clause that neither begin nor end with a stop word.

    Args:
        texts: the corpus.
        least: fewest documents that must hold a phrase.
        known: names that are kept if they occur at all.
    """
    base = len(texts.words) + 1
    index = {word: number for number, word in enumerate(texts.words)}
    asked = [[_number(w, index) for w in split(name)] for name in known]
    content = np.array([is_content(w) for w in texts.words] + [False])  # the last is that of -1
    keys, inside = texts.tokens.copy(), texts.tokens >= 0
    names: list[str] = []
    lengths: list[int] = []
    found: list[tuple[Ints, Ints]] = []
    for length in range(1, LONGEST + 1):
        size = len(texts.tokens) - length + 1
        if size <= 0:
            break
        first, last = texts.tokens[:size], texts.tokens[length - 1 :]
        if length > 1:
            same = texts.documents[:size] == texts.documents[length - 1 :]
            keys, inside = keys[:size] * base + last, inside[:size] & (last >= 0) & same
        exact = np.array([_key(numbers, base) for numbers in asked if len(numbers) == length], dtype=np.int64)
        at = np.flatnonzero(inside & ((content[first] & content[last]) | np.isin(keys, exact)))
        values, which = np.unique(keys[at], return_inverse=True)
        enough = (documents_of(which, texts.documents[at], len(values)) >= least) | np.isin(values, exact)
        renamed = np.cumsum(enough) - 1 + len(names)
        few = enough[which]
        found.append((renamed[which[few]], at[few]))
        lengths += [length] * int(enough.sum())
        names += [" ".join(texts.words[n] for n in _numbers(int(v), base, length)) for v in values[enough]]
    phrase, start = (np.concatenate([*c, []]).astype(np.int64) for c in zip(*found, strict=True)) if found else _NONE
    order = np.argsort(start, kind="stable")
    return Phrases(names, np.array(lengths, dtype=np.int64), phrase[order], start[order])


_NONE = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def _number(word: str, index: dict[str, int]) -> int:
    """Number of a word or of its singular; -1 where it does not occur."""
    return index.get(word, index.get(word[:-1], -1) if word.endswith("s") else -1)


def _key(numbers: list[int], base: int) -> int:
    """The one number of a run of words; -1 where one does not occur."""
    key = 0
    for number in numbers:
        if number < 0:
            return -1
        key = key * base + number
    return key


def _numbers(key: int, base: int, length: int) -> list[int]:
    made = []
    for _ in range(length):
        key, number = divmod(key, base)
        made.append(number)
    return made[::-1]


def documents_of(which: Ints, documents: Ints, size: int) -> Ints:
    """How many documents hold each, `documents` ascending."""
    return np.bincount(_once_each(which, documents)[0], minlength=size).astype(np.int64)


def weight_of(which: Ints, documents: Ints, size: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the `weights` of the documents that hold each, `documents` ascending."""
    one, held_by = _once_each(which, documents)
    return np.bincount(one, weights=weights[held_by], minlength=size).astype(np.float64)


def _once_each(which: Ints, documents: Ints) -> tuple[Ints, Ints]:
    """The pairs of a thing and a document that holds it, each pair once."""
    order = np.lexsort((documents, which))
    one, doc = which[order], documents[order]
    new = np.ones(len(one), dtype=bool)
    new[1:] = (one[1:] != one[:-1]) | (doc[1:] != doc[:-1])
    return one[new], doc[new]


def is_content(word: str) -> bool:
    """Whether a word can begin or end a term."""
    return word not in _stop_words() and len(word) > 1


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset({*ENGLISH_STOP_WORDS, *_HABITS})


def neighbours(texts: Corpus, phrases: Phrases) -> NDArray[np.float64]:
    """Share of the most frequent content word before and behind each phrase among its occurrences: phrases x 2."""
    times = np.maximum(np.bincount(phrases.phrase, minlength=len(phrases.names)), 1)
    telling = np.array([is_content(w) for w in texts.words] + [False])
    base = len(texts.words) + 1
    last = phrases.start + phrases.lengths[phrases.phrase] if len(phrases.phrase) else phrases.start
    shares = np.zeros((len(phrases.names), 2))
    for side, at in enumerate((phrases.start - 1, last)):
        inside = (at >= 0) & (at < len(texts.tokens))
        word = np.where(inside, texts.tokens[np.clip(at, 0, max(len(texts.tokens) - 1, 0))], -1)
        kept = telling[word] & inside
        keys, counts = np.unique(phrases.phrase[kept] * base + word[kept], return_counts=True)
        most = np.zeros(len(phrases.names))
        np.maximum.at(most, keys // base, counts)
        shares[:, side] = most / times
    return shares
