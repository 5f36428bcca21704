"""Scores of what was read against gold: spans, relations, records, tags and classes, with bootstrap intervals.

Everything is counted by document, and the intervals come from drawing documents again, since what stands in one text
is not independent. What is read and where gold comes from is `tasks`; nothing here knows a file or a model.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from etl.text.plain import sentences
from schemas.arrays import Floats
from schemas.errors import InputError

Span = tuple[int, int, str]  # start, end, label
Relation = tuple[str, Span, Span]  # type, head, tail
Counts = Mapping[str, Mapping[str, Sequence[float]]]  # document -> label -> hits, false alarms, misses
_DRAWS = 1000  # samples of the documents
_LEVEL = (2.5, 97.5)
Item = TypeVar("Item", bound=Hashable)
ERRORS = ("document_id", "error", "label", "start", "end", "text", "sentence", "told")


@dataclass(frozen=True)
class Scored:
    """Scores, and one row (keys `ERRORS`) for every miss and false alarm."""

    scores: dict[str, Any]
    errors: list[dict[str, Any]] = field(default_factory=list)


def f1(counts: Counts, *, seed: int = 0) -> dict[str, Any]:
    """Precision, recall and F1 over all labels and of each, with 95 % intervals over documents.

    Args:
        counts: document -> label -> hits, false alarms, misses.
        seed: of the bootstrap.
    """
    labels = sorted({label for held in counts.values() for label in held})
    table = np.zeros((len(counts), len(labels), 3))
    for row, held in enumerate(counts.values()):
        for label, three in held.items():
            table[row, labels.index(label)] = three
    drawn = _again(table, seed)
    overall = _rates(table.sum((0, 1)), drawn.sum(1))
    each = {label: _rates(table[:, i].sum(0), drawn[:, i]) for i, label in enumerate(labels)}
    return {"documents": len(counts), **overall, "labels": each}


def rate(parts: Mapping[str, tuple[float, float]], *, seed: int = 0) -> dict[str, Any]:
    """A ratio of sums over documents (an accuracy, false alarms a document) with its 95 % interval.

    Args:
        parts: document -> numerator, denominator.
        seed: of the bootstrap.
    """
    table = np.array(list(parts.values()), dtype=float).reshape(-1, 2)
    drawn = _again(table, seed)
    top, bottom = table.sum(0)
    return {**_interval("value", _share(top, bottom), _share(drawn[:, 0], drawn[:, 1])), "of": int(bottom)}


def _again(table: Floats, seed: int) -> Floats:
    """Sums over documents drawn with replacement: (_DRAWS, ...)."""
    number = len(table)
    if not number:
        return np.zeros((_DRAWS, *table.shape[1:]))
    weights = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=_DRAWS)
    drawn: Floats = (weights @ table.reshape(number, -1)).reshape(_DRAWS, *table.shape[1:])
    return drawn


def _share(top: Any, bottom: Any) -> Floats:
    top, bottom = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    return np.divide(top, bottom, out=np.full(bottom.shape, np.nan), where=bottom > 0)


def _interval(name: str, value: Any, drawn: Floats) -> dict[str, float | None]:
    """A figure and its interval; null where nothing was there to be counted."""
    kept = drawn[~np.isnan(drawn)]
    low, high = np.percentile(kept, _LEVEL) if len(kept) else (np.nan, np.nan)
    named = {name: value, f"{name}_low": low, f"{name}_high": high}
    return {key: None if np.isnan(v) else round(float(v), 4) for key, v in named.items()}


def _rates(three: Floats, drawn: Floats) -> dict[str, Any]:
    hits, false, missed = (int(n) for n in three)
    many = drawn.T
    return {
        **_interval("f1", _share(2 * three[0], 2 * three[0] + three[1] + three[2]),
                    _share(2 * many[0], 2 * many[0] + many[1] + many[2])),
        **_interval("precision", _share(three[0], three[0] + three[1]), _share(many[0], many[0] + many[1])),
        **_interval("recall", _share(three[0], three[0] + three[2]), _share(many[0], many[0] + many[2])),
        "hits": hits,
        "false_alarms": false,
        "misses": missed,
    }  # fmt: skip


def _compared(
    gold: Mapping[str, Sequence[Item]],
    found: Mapping[str, Sequence[Item]],
    label: Callable[[Item], str],
    shown: Callable[[str, Item], dict[str, Any]],
    seed: int,
) -> Scored:
    """F1 of things that are right when they are equal; twice the same counts once."""
    counts: dict[str, dict[str, list[int]]] = {}
    errors: list[dict[str, Any]] = []
    for document in _documents(gold, found):
        wanted, read = set(gold.get(document, ())), set(found.get(document, ()))
        held: dict[str, list[int]] = {}
        for place, items in enumerate((wanted & read, read - wanted, wanted - read)):
            for name, number in Counter(map(label, items)).items():
                held.setdefault(name, [0, 0, 0])[place] = number
        counts[document] = held
        for what, items in (("miss", wanted - read), ("false alarm", read - wanted)):
            errors.extend(error(document, what, label(i), **shown(document, i)) for i in sorted(items, key=repr))
    return Scored(f1(counts, seed=seed), errors)


def _documents(gold: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    foreign = [d for d in found if d not in gold]
    if foreign:
        raise InputError.of(f"unknown document {foreign[0]}", "what was read", "read the documents that gold has")
    return list(gold)


def error(document: str, what: str, label: str, **more: Any) -> dict[str, Any]:
    """A row of the table of errors."""
    return {**dict.fromkeys(ERRORS), "document_id": document, "error": what, "label": label, **more}


def around(text: str, start: int, end: int) -> dict[str, Any]:
    """The columns of an error that say where it stands: span, its text and the sentence around it."""
    held = [text[b:e] for b, e in sentences(text) if b < end and start < e]
    return {"start": start, "end": end, "text": text[start:end], "sentence": " ".join(held) or None}


def spans(
    gold: Mapping[str, Sequence[Span]],
    found: Mapping[str, Sequence[Span]],
    texts: Mapping[str, str],
    *,
    seed: int = 0,
) -> Scored:
    """Micro-F1 of labelled spans: right is the same start, end and label.

    Args:
        gold, found: document -> (start, end, label).
        texts: document -> its text, for the errors.
        seed: of the bootstrap.
    """
    return _compared(gold, found, lambda s: s[2], lambda d, s: around(texts[d], s[0], s[1]), seed)


def relations(
    gold: Mapping[str, Sequence[Relation]],
    found: Mapping[str, Sequence[Relation]],
    texts: Mapping[str, str],
    *,
    seed: int = 0,
) -> Scored:
    """Micro-F1 of typed relations between spans: right is the same type, head and tail, both with their labels.

    With `found` read from gold entities this is the relation step alone; read from found entities, the whole chain.
    """

    def shown(document: str, relation: Relation) -> dict[str, Any]:
        _, head, tail = relation
        told = f"{texts[document][head[0] : head[1]]} - {texts[document][tail[0] : tail[1]]}"
        return {**around(texts[document], min(head[0], tail[0]), max(head[1], tail[1])), "told": told}

    return _compared(gold, found, lambda r: r[0], shown, seed)


def tags(
    gold: Mapping[str, Sequence[str]],
    found: Mapping[str, Sequence[str]],
    *,
    outside: str | None = None,
    tokens: Mapping[str, Sequence[str]] | None = None,
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Scored:
    """F1 of one tag a token (or one class a text): micro over all tags but `outside`, macro, and accuracy.

    Args:
        gold, found: unit (sentence, document) -> its tags, equally many; a text with one class has one tag.
        outside: the tag that means none.
        tokens: unit -> what the tags stand on, for the errors.
        groups: unit -> its document, where a unit is only a part of one; the bootstrap draws documents.
        seed: of the bootstrap.

    Raises:
        InputError: a unit with another number of tags than gold.
    """
    counts: dict[str, dict[str, list[int]]] = {}
    right: dict[str, tuple[float, float]] = {}
    errors: list[dict[str, Any]] = []
    for unit in _documents(gold, found):
        wanted, read = gold[unit], found.get(unit, ())
        if len(wanted) != len(read):
            raise InputError.of(f"{len(read)} tags for {len(wanted)}", f"unit {unit}", "give each token one tag")
        document = groups[unit] if groups else unit
        held = counts.setdefault(document, {})
        good, whole = right.get(document, (0, 0))
        right[document] = (good + sum(map(str.__eq__, wanted, read)), whole + len(wanted))
        words = tokens[unit] if tokens else [None] * len(wanted)
        for place, (want, got, word) in enumerate(zip(wanted, read, words, strict=True)):
            for what, tag in _verdicts(want, got, outside):
                held.setdefault(tag, [0, 0, 0])[_PLACES[what]] += 1
                if what != "hit":
                    where = " ".join(tokens[unit]) if tokens and len(tokens[unit]) > 1 else word
                    told = got if what == "miss" else want
                    row = {"start": place, "end": place + 1, "text": word, "sentence": where, "told": told}
                    errors.append(error(document, what, tag, **row))
    scores = f1(counts, seed=seed)
    macro = [v["f1"] for v in scores["labels"].values() if v["f1"] is not None]
    mean = round(sum(macro) / len(macro), 4) if macro else None
    return Scored({**scores, "macro_f1": mean, "accuracy": rate(right, seed=seed)}, errors)


_PLACES = {"hit": 0, "false alarm": 1, "miss": 2}


def _verdicts(want: str, got: str, outside: str | None) -> Iterable[tuple[str, str]]:
    if want == got:
        return () if want == outside else (("hit", want),)
    wrong = (("miss", want), ("false alarm", got))
    return tuple((what, tag) for what, tag in wrong if tag != outside)


@dataclass(frozen=True)
class Record:
    """A value of a property of a compound, as gold or as read.

    Attributes:
        compound: every spelling that it may be told by; two compounds are the same if they share one.
        type: what the value is.
        value: or None where there is none, or `low` and `high` instead.
        low, high: the ends of a range.
        required: False where reading it is neither right nor wrong.
        within: how far a value read may be from this one, at least.
        where: columns for the table of errors.
    """

    compound: frozenset[str]
    type: str
    value: float | None
    low: float | None = None
    high: float | None = None
    required: bool = True
    within: float = 1.0
    where: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)


def near(one: Record, other: Record) -> bool:
    """Whether two records tell the same value, within 1 % of the second (1 K of temperatures); a range by both ends."""
    pairs = ((one.value, other.value), (one.low, other.low), (one.high, other.high))
    if any((a is None) != (b is None) for a, b in pairs):
        return False
    return all(abs(a - b) <= max(other.within, 0.01 * abs(b)) for a, b in pairs if a is not None and b is not None)


_PARTS: dict[str, Callable[[Record, Record], bool]] = {
    "compound": lambda read, wanted: bool(read.compound & wanted.compound),
    "type": lambda read, wanted: read.type == wanted.type,
    "value": near,
}


def _agreed(wanted: Sequence[Record], read: Sequence[Record], part: str) -> tuple[float, float]:
    """Of the records of gold with all parts but one read: how many have it read too, and how many there are."""
    others = [agree for name, agree in _PARTS.items() if name != part]
    asked = [[r for r in read if all(agree(r, w) for agree in others)] for w in wanted]
    right = sum(any(_PARTS[part](r, w) for r in rows) for rows, w in zip(asked, wanted, strict=True))
    return right, sum(1 for rows in asked if rows)


def records(gold: Mapping[str, Sequence[Record]], found: Mapping[str, Sequence[Record]], *, seed: int = 0) -> Scored:
    """F1 of records: right is the same document, compound, type, and a value within 1 K or 1 %.

    Records of gold that are not required count neither way. Beside F1: false alarms per document that has no record
    at all (`hard_negatives`), and of records whose other parts agree with gold, how often compound, type and value do.
    """
    counts: dict[str, dict[str, list[int]]] = {}
    alarms: dict[str, tuple[float, float]] = {}
    agreed: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in _PARTS}
    errors: list[dict[str, Any]] = []
    for document in _documents(gold, found):
        wanted, read = list(dict.fromkeys(gold[document])), list(dict.fromkeys(found.get(document, ())))
        same = [(w, r) for w in wanted for r in read if all(agree(r, w) for agree in _PARTS.values())]
        needed = [w for w in wanted if w.required]
        missed = [w for w in needed if all(w is not hit for hit, _ in same)]
        wrong = [r for r in read if all(r is not told for _, told in same)]
        held = counts.setdefault(document, {})
        for record, place in (*((w, 2 if w in missed else 0) for w in needed), *((r, 1) for r in wrong)):
            held.setdefault(record.type, [0, 0, 0])[place] += 1
        errors.extend(_told(document, "miss", record) for record in missed)
        errors.extend(_told(document, "false alarm", record) for record in wrong)
        if not wanted:
            alarms[document] = (len(read), 1)
        for name, parts in agreed.items():
            parts[document] = _agreed(needed, read, name)
    scores = f1(counts, seed=seed)
    fields = {name: rate(parts, seed=seed) for name, parts in agreed.items()}
    return Scored({**scores, "hard_negatives": rate(alarms, seed=seed), "fields": fields}, errors)


def _told(document: str, what: str, record: Record) -> dict[str, Any]:
    amount = f"{record.value}" if record.low is None else f"{record.low}-{record.high}"
    return error(
        document, what, record.type, **{**record.where, "told": f"{min(record.compound, default='')} {amount}"}
    )
