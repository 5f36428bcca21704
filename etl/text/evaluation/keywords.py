"""Gold of keyword lists: labelled abstracts to measure selection, hidden phrases to measure discovery.

Files: abstracts (`arxiv_id`, `title`, `abstract`), for selection beside their labels (`arxiv_id`, `relevant`,
`weight`). Which tasks there are is `tasks`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from etl.text import terms
from etl.text.discover import Prepared, prepared, propose
from etl.text.evaluation import scores
from etl.text.evaluation.scores import Scored
from etl.text.evaluation.tasks import Row, Task
from etl.text.keywords import Keyword, Keywords, load_keywords
from etl.text.select import select

SPLITS, _TOP, _ROUNDS = 5, 50, 3
PROTOCOLS = {
    "reviewed": (True, True),
    "reviewed_overall": (True, False),
    "unattended": (False, True),
    "unattended_overall": (False, False),
}
"""Name -> whether somebody accepts hidden phrases between the rounds; whether `_TOP` is of each group or of all."""


def _abstracts(rows: Sequence[Row]) -> pl.DataFrame:
    """Labelled abstracts: `document_id`, `title`, `abstract`, `relevant`, `weight`."""
    texts = {r["arxiv_id"]: r for r in rows if r.get("title") is not None}
    marked = [r for r in rows if r.get("relevant") is not None]
    if not marked:
        raise KeyError("relevant")
    found = [texts[r["arxiv_id"]] for r in marked]
    made = [
        (text["arxiv_id"], text["title"], text["abstract"], _yes(row["relevant"]), float(row["weight"]))
        for row, text in zip(marked, found, strict=True)
    ]
    return pl.DataFrame(made, schema=["document_id", "title", "abstract", "relevant", "weight"], orient="row")


def _yes(said: Any) -> bool:
    return said is True or str(said).lower() == "true"


def _selected(gold: pl.DataFrame, model: str | None) -> list[bool]:
    return select(gold, load_keywords(model or "mit"))["selected"].to_list()


def _any_phrase(gold: pl.DataFrame) -> list[bool]:
    """The printed phrases alone, any of which selects."""
    printed = [k.phrase for k in load_keywords().keywords if k.origin == "figure"]
    words = Keywords.model_validate({"name": "any", "keywords": [{"phrase": p, "group": "compound"} for p in printed]})
    return select(gold, words)["selected"].to_list()


def _weighed(gold: pl.DataFrame, found: list[bool], seed: int) -> Scored:
    """Precision and recall in the corpus: each abstract counts as many times as its stratum says."""
    counts, errors = {}, []
    rows = gold.select("document_id", "relevant", "weight", "title").iter_rows()
    for (document, relevant, weight, title), selected in zip(rows, found, strict=True):
        said = (weight * (relevant and selected), weight * (selected and not relevant))
        counts[document] = {"selected": [*said, weight * (relevant and not selected)]}
        if relevant != selected:
            errors.append(scores.error(document, "miss" if relevant else "false alarm", "selected", text=title))
    return Scored(scores.f1(counts, seed=seed), errors)


SELECT = Task(
    read=_abstracts, predict=_selected, score=_weighed, baselines={"any printed phrase": _any_phrase}, model="file"
)


@dataclass(frozen=True)
class _Hidden:
    """A corpus and halves of the printed phrases: those that are shown and those that shall come back."""

    docs: pl.DataFrame
    splits: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def _halves(rows: Sequence[Row]) -> _Hidden:
    docs = pl.DataFrame(
        [(r["arxiv_id"], r["title"], r["abstract"]) for r in rows],
        schema=["document_id", "title", "abstract"],
        orient="row",
    )
    printed = [k.phrase for k in load_keywords().keywords if k.origin == "figure"]
    splits = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(printed))
        mixed = [printed[n] for n in order]
        splits.append((tuple(mixed[len(mixed) // 2 :]), tuple(mixed[: len(mixed) // 2])))
    return _Hidden(docs, tuple(splits))


@dataclass(frozen=True)
class _Found:
    """What is proposed of one split, by the name of the protocol, and the stems of all that may be proposed."""

    proposed: dict[str, list[str]]
    offered: frozenset[str] = frozenset()


def _proposed(gold: _Hidden, model: Any) -> list[_Found]:
    """What is proposed of each split: with somebody who accepts hidden phrases between the rounds, or nobody.

    Each with so many a round of every group, and of all groups together.
    """
    listed = {k.phrase: k for k in load_keywords().keywords}
    found = []
    for seed, (shown, hidden) in enumerate(gold.splits):
        entries = [{"phrase": p, "group": listed[p].group, "case": listed[p].case} for p in shown]
        seeds = Keywords.model_validate({"name": "half", "keywords": entries})
        ready = prepared(gold.docs, seeds=seeds, seed=seed)
        wanted = frozenset(stem for p in hidden for stem in _stems(p, listed[p].variants))
        found.append(_Found({name: _told(ready, name, wanted) for name in PROTOCOLS}, ready.offered))
    return found


def _told(ready: Prepared, protocol: str, wanted: frozenset[str]) -> list[str]:
    judged, by_group = PROTOCOLS[protocol]

    def accepts(phrase: str) -> bool:
        return _stem(phrase) in wanted

    judge = accepts if judged else None
    return propose(ready, rounds=_ROUNDS, top=_TOP, judge=judge, by_group=by_group)["phrase"].to_list()


def _frequent(gold: _Hidden) -> list[_Found]:
    """As many of the most frequent runs of content words, none of them in more than a fiftieth of the documents."""
    texts = terms.corpus([f"{t or ''} . {a or ''}" for _, t, a in gold.docs.iter_rows()], least=4)
    held = terms.phrases(texts, least=4)
    counts = terms.documents_of(held.phrase, texts.documents[held.start], len(held.names))
    few = np.array([all(terms.is_content(w) for w in name.split()) for name in held.names]) & (
        counts <= texts.number / 50
    )
    best = [held.names[n] for n in np.argsort(-np.where(few, counts, -1), kind="stable")[: 3 * _TOP * _ROUNDS]]
    told = {name: best if groups else best[: _TOP * _ROUNDS] for name, (_, groups) in PROTOCOLS.items()}
    return [_Found(told) for _ in gold.splits]


def _recalled(gold: _Hidden, found: list[_Found], seed: int) -> Scored:
    """Share of the hidden phrases that came back as printed, of those that occur in the corpus, by split.

    One figure a protocol. Beside them, of the first protocol: `spellings`, any spelling of the list; `all_hidden`, of
    all, whether they occur or not; `offered`, what might come back at all.
    """
    listed = {k.phrase: k for k in load_keywords().keywords}
    there = _occurring(gold.docs, listed)
    parts: dict[str, dict[str, tuple[float, float]]] = {
        n: {} for n in (*PROTOCOLS, "spellings", "all_hidden", "offered")
    }
    errors = []
    for number, ((_, hidden), told) in enumerate(zip(gold.splits, found, strict=True)):
        stems = {p: _stems(p, ()) for p in hidden}
        wide = {p: _stems(p, listed[p].variants) for p in hidden}
        back = {name: {_stem(p) for p in proposed} for name, proposed in told.proposed.items()}
        first = back[next(iter(PROTOCOLS))]
        occur = [p for p in hidden if stems[p] & there]
        counts = {name: (_met(stems, occur, seen), len(occur)) for name, seen in back.items()}
        counts["spellings"] = _met(wide, few := [p for p in hidden if wide[p] & there], first), len(few)
        counts["all_hidden"] = _met(stems, hidden, first), len(hidden)
        counts["offered"] = _met(stems, occur, told.offered), len(occur)
        for name, count in counts.items():
            parts[name][str(number)] = count
        errors += [
            scores.error(f"split {number}", _lost(stems[p], there, told.offered), "hidden", text=p)
            for p in hidden
            if not stems[p] & first
        ]
    return Scored({name: scores.rate(held, seed=seed) for name, held in parts.items()}, errors)


def _occurring(docs: pl.DataFrame, listed: Mapping[str, Keyword]) -> frozenset[str]:
    """Stems of the listed phrases that occur in a corpus, in any spelling."""
    names = {name for k in listed.values() for s in (k.phrase, *k.variants) for name in terms.spellings(s)}
    texts = terms.corpus([f"{t or ''} . {a or ''}" for _, t, a in docs.iter_rows()], known=names)
    asked = [texts.spelled(name) for name in names]
    return frozenset(terms.stem(name) for name in terms.phrases(texts, least=docs.height + 1, known=asked).names)


def _met(stems: Mapping[str, set[str]], phrases: Sequence[str], seen: Set[str]) -> int:
    return sum(bool(stems[p] & seen) for p in phrases)


def _lost(stems: set[str], there: Set[str], offered: Set[str]) -> str:
    """At which step a phrase was lost."""
    return "ranked low" if stems & offered else "not offered" if stems & there else "absent"


def _stem(phrase: str) -> str:
    return terms.stem(" ".join(terms.split(phrase)))


def _stems(phrase: str, variants: Sequence[str]) -> set[str]:
    return {terms.stem(name) for spelled in (phrase, *variants) for name in terms.spellings(spelled)}


DISCOVER = Task(read=_halves, predict=_proposed, score=_recalled, baselines={"most frequent terms": _frequent})
