"""What a learned tagger sees of a token: the word, its shape, chemistry and classes, and those of its neighbours.

Words of the field are data (`procedures.yaml`, `gazetteers.yaml`, `names.yaml`); learning is `crf`. Most of it hangs on
the word alone and is kept, since the same words come again and again.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from etl.text import names
from etl.text.composition import ELECTRONEGATIVITY
from etl.text.procedures import procedures, unit_labels
from etl.text.tokens import ELEMENT, FORMULA, MARK, NUMBER, Token, tokens

_KEPT = 1 << 17
_COMMON = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "their", "each", "all", "other", "not", "no",
    "of", "in", "on", "at", "to", "for", "with", "by", "from", "into", "onto", "under", "over", "as", "using", "via",
    "through", "until", "per", "between", "within", "without", "during", "than", "and", "or", "then", "after",
    "before", "was", "were", "is", "are", "be", "been", "which", "followed", "further",
])  # fmt: skip
_LETTERS = frozenset([*"KCVWNSPBHOFUYI", "In", "As", "No", "At", "He"])  # elements that are words or units too
_CHEMICAL = ("ate", "ide", "ium", "ite", "ine", "ene", "ane", "one", "ol", "yl", "ose", "acid")
_ENDINGS = ("ations", "ation", "ings", "ing", "ed", "es", "s", "e")
_CUES = frozenset([
    "purchased", "obtained", "supplied", "used", "characterized", "measured", "recorded", "synthesized", "prepared",
    "heated", "washed", "added",
])  # fmt: skip


@lru_cache(maxsize=1)
def _classes() -> dict[str, tuple[str, ...]]:
    """Classes of a word in `gazetteers.yaml`."""
    loaded = yaml.safe_load(Path(__file__).with_name("gazetteers.yaml").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for name, entries in loaded.items():
        for entry in entries:
            found.setdefault(str(entry), []).append(name)
    return {word: tuple(dict.fromkeys(held)) for word, held in found.items()}


@lru_cache(maxsize=1)
def _chemistry() -> tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]:
    """Names of elements, of anions, words of names, abbreviations."""
    words = names.dictionary()
    elements = frozenset(w for w in words["elements"] if len(w) > 2)
    anions = frozenset(words["anions"]) | frozenset(words["matched_anions"])
    return (
        elements,
        anions,
        frozenset(w for name in words["names"] for w in name.split()),
        frozenset(words["abbreviations"]),
    )


@lru_cache(maxsize=1)
def _verbs() -> tuple[dict[str, str], tuple[tuple[str, str], ...], frozenset[str]]:
    """Operations by word, by stem (longest first), and what is none."""
    kinds = [(w, kind) for kind, entries in procedures()["operations"].items() for w in entries]
    whole = {w: kind for w, kind in kinds if not w.endswith("*")}
    stems = sorted(((w[:-1], kind) for w, kind in kinds if w.endswith("*")), key=lambda s: -len(s[0]))
    return whole, tuple(stems), frozenset(procedures()["not_operations"])


@lru_cache(maxsize=_KEPT)
def operation(word: str) -> str | None:
    """The kind of operation a lower-case word names (`procedures.yaml`), or None."""
    whole, stems, none = _verbs()
    if word in none:
        return None
    return whole.get(word) or next((kind for stem, kind in stems if word.startswith(stem)), None)


@lru_cache(maxsize=1)
def _phrases() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Phrases of the labels in `procedures.yaml` by their first word, longest first."""
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for part, fold in (("labels", str.lower), ("units", str)):
        for label, entries in procedures()[part].items():
            for entry in entries:
                words = tuple(fold(t.text) for t in tokens(entry))
                if words:
                    found.setdefault(words[0], []).append((words, label))
    return {first: sorted(held, key=lambda p: -len(p[0])) for first, held in found.items()}


def phrases(words: Sequence[str]) -> list[str]:
    """The label of `procedures.yaml` that a phrase at each word suggests ("B" or "I" and the label), or ""."""
    lower = [w.lower() for w in words]
    known = _phrases()
    found = [""] * len(words)
    place = 0
    while place < len(words):
        fits = (
            (phrase, label)
            for first in dict.fromkeys((lower[place], words[place]))
            for phrase, label in known.get(first, ())
            if phrase in (tuple(lower[place : place + len(phrase)]), tuple(words[place : place + len(phrase)]))
        )
        phrase, label = next(fits, ((), ""))
        for i in range(len(phrase)):
            found[place + i] = ("I" if i else "B") + label
        place += max(1, len(phrase))
    return found


@lru_cache(maxsize=_KEPT)
def normal(word: str, kind: str) -> str:
    """Lower case, digits as zeros outside formulas, one spelling of degrees."""
    lower = word.lower()
    if lower in ("°c", "° c", "oc", "deg c", "deg. c"):
        return "degc"
    return lower if kind == FORMULA else re.sub(r"\d", "0", lower) if kind == NUMBER else re.sub(r"\d+", "0", lower)


@lru_cache(maxsize=_KEPT)
def kind_of(word: str, kind: str) -> str:
    """One class of a token, from the most telling test: what stands there, not which one."""
    if kind == NUMBER:
        return "NUM"
    if kind == MARK:
        return word
    lower = normal(word, kind)
    elements = re.findall(ELEMENT, word)
    if kind == FORMULA and len(word) > 1 and (len(elements) > 1 or re.search(r"\d", word)):
        return f"F{min(4, len(set(elements)))}{'v' if re.search('[xyzδ]|n$', word) else ''}"
    if word in ELECTRONEGATIVITY and word not in _LETTERS:
        return "EL"
    return _named(word, lower) or _spelled(word, lower)


def _named(word: str, lower: str) -> str | None:
    """The class of a word in the word lists."""
    elements, anions, parts, abbreviations = _chemistry()
    tests = (
        ("ELNAME", lower in elements),
        ("ANION", lower in anions or lower.removesuffix("s") in anions),
        ("NAME", lower in parts),
        ("ABBR", word in abbreviations),
    )
    told = next((name for name, holds in tests if holds), None)
    unit = "Condition-Unit" if lower == "degc" else unit_labels().get(word)
    if told or unit:
        return told or f"U{unit[0] if unit else ''}"
    verb = operation(lower)
    if verb:
        return "OP" + verb
    if lower in _COMMON:
        return lower
    held = classes(lower)
    return "Z" + held[0] if held else None


def _spelled(word: str, lower: str) -> str:
    """The class of a word that no list has, by its letters."""
    if lower.endswith("ly"):
        return "LY"
    ending = next((e for e in _CHEMICAL if lower.endswith(e) and len(lower) > len(e) + 2), None)
    if ending:
        return "C" + ending
    if len(word) > 1 and word.isupper():
        return "CAPS"
    return "Cap" if word[0].isupper() else "low"


@lru_cache(maxsize=_KEPT)
def classes(lower: str) -> tuple[str, ...]:
    """Classes of a lower-case word in `gazetteers.yaml`, singular tried too."""
    table = _classes()
    return table.get(lower) or table.get(lower.removesuffix("s"), ())


@lru_cache(maxsize=_KEPT)
def _shape(word: str) -> str:
    kinds = "".join("A" if c.isupper() else "a" if c.islower() else "0" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1+", r"\1", kinds)


def stem(lower: str) -> str:
    """A word without its ending, where three letters stay."""
    ending = next((e for e in _ENDINGS if lower.endswith(e) and len(lower) - len(e) >= 3), "")
    return lower[: len(lower) - len(ending)]


@lru_cache(maxsize=_KEPT)
def _near(word: str, kind: str, offset: int) -> tuple[str, ...]:
    """What is told of a neighbour: the farther, the less."""
    lower = normal(word, kind)
    found = [f"w={lower}", f"k={kind_of(word, kind)}"]
    if abs(offset) < 3:
        found += [f"z={c}" for c in classes(lower)]
    if abs(offset) == 1 and kind not in (NUMBER, MARK):
        found += [f"s3={lower[-3:]}", f"sh={_shape(word)}"]
    return tuple(f"{offset}{f}" for f in found)


@lru_cache(maxsize=_KEPT)
def _own(word: str, kind: str) -> tuple[str, ...]:
    """What is told of the word itself."""
    lower, what = normal(word, kind), kind_of(word, kind)
    found = ["bias", f"w={lower}", f"k={what}", f"sh={_shape(word)}", *(f"z={c}" for c in classes(lower))]
    if kind in (NUMBER, MARK):
        return tuple(found)
    found += [f"st={stem(lower)}", f"raw={word}"]
    for size in (1, 2, 3, 4, 5):
        if len(lower) > size:
            found += [f"s{size}={lower[-size:]}", f"p{size}={lower[:size]}"]
    verb = operation(lower)
    if verb:
        found.append(f"op={verb}")
    if word in unit_labels():
        found.append(f"u={unit_labels()[word]}")
    return tuple(found)


_OFFSETS = (-1, 1, -2, 2, -3, 3)


def attributes(sentence: Sequence[Token], counts: Counter[str] | None = None) -> list[list[tuple[str, ...]]]:
    """Attributes of the tokens of a sentence, in groups: those of one word, kept, apart from those of its place.

    Args:
        sentence: its tokens.
        counts: how often each word (`normal`) stands in the document, where it is known.
    """
    words = [t.text for t in sentence]
    kinds = [t.kind for t in sentence]
    lower = [normal(w, k) for w, k in zip(words, kinds, strict=True)]
    what = [kind_of(w, k) for w, k in zip(words, kinds, strict=True)]
    hints = phrases(words)
    whole = tuple(f"S={w}" for w in sorted(_CUES.intersection(lower))) + (() if "." in words else ("S=unended",))
    found = []
    for i, around in enumerate(_structure(words, lower, what)):
        near = [_own(words[i], kinds[i])]
        for offset in _OFFSETS:
            if 0 <= i + offset < len(sentence):
                near.append(_near(words[i + offset], kinds[i + offset], offset))
        told = [*_joined(lower, what, i), *around]
        told += [f"{o or ''}g={hints[i + o]}" for o in (-1, 0, 1) if 0 <= i + o < len(sentence) and hints[i + o]]
        if counts is not None and kinds[i] not in (NUMBER, MARK):
            told.append(f"n={min(4, counts[lower[i]])}")
        found.append([*near, whole, tuple(told)])
    return found


def _joined(lower: Sequence[str], what: Sequence[str], i: int) -> tuple[str, ...]:
    """Attributes of pairs and triples of neighbours."""
    last = len(lower) - 1
    k = what[i]
    before, before2 = what[i - 1] if i else "^", what[i - 2] if i > 1 else "^"
    after, after2 = what[i + 1] if i < last else "$", what[i + 2] if i + 1 < last else "$"
    left, right = lower[i - 1] if i else "^", lower[i + 1] if i < last else "$"
    return (
        f"kk-{before}|{k}", f"kk+{k}|{after}", f"kkk{before}|{k}|{after}",
        f"kk--{before2}|{before}|{k}", f"kk++{k}|{after}|{after2}",
        f"ww-{left}|{lower[i]}", f"ww+{lower[i]}|{right}", f"w_w{left}|{right}", f"wk-{left}|{k}", f"wk+{k}|{right}",
    )  # fmt: skip


def _structure(words: Sequence[str], lower: Sequence[str], what: Sequence[str]) -> list[list[str]]:
    """Operations to the left and right, and brackets around, of each token."""
    found: list[list[str]] = []
    following = ["$"] * len(words)
    for i in range(len(words) - 2, -1, -1):
        following[i] = lower[i + 1] if what[i + 1].startswith("OP") else following[i + 1]
    former, depth = "^", 0
    for i, word in enumerate(words):
        told = [f"po={former}", f"no={following[i]}"]
        if depth:
            told += ["()", f"()|{what[i]}"]
        found.append(told)
        if what[i].startswith("OP"):
            former = lower[i]
        depth = depth + 1 if word == "(" else max(0, depth - 1) if word == ")" else depth
    return found


def counted(sentences: Sequence[Sequence[Token]]) -> Counter[str]:
    """How often each word stands in a document."""
    return Counter(normal(t.text, t.kind) for sentence in sentences for t in sentence)
