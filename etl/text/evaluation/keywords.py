"""Gold of keyword lists: labelled abstracts to measure selection, hidden phrases to measure discovery.

Files: abstracts (`arxiv_id`, `title`, `abstract`), for selection beside their labels (`arxiv_id`, `relevant`,
`weight`). Which tasks there are is `tasks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from etl.text import terms
from etl.text.discover import discover
from etl.text.evaluation import scores
from etl.text.evaluation.scores import Scored
from etl.text.evaluation.tasks import Row, Task
from etl.text.keywords import Keywords, load_keywords
from etl.text.select import select

_SPLITS, _TOP, _ROUNDS = 5, 50, 3


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
    for seed in range(_SPLITS):
        order = np.random.default_rng(seed).permutation(len(printed))
        mixed = [printed[n] for n in order]
        splits.append((tuple(mixed[len(mixed) // 2 :]), tuple(mixed[: len(mixed) // 2])))
    return _Hidden(docs, tuple(splits))


def _proposed(gold: _Hidden, model: Any) -> list[list[str]]:
    """What is proposed of each split, none of it accepted on the way."""
    groups = {k.phrase: k for k in load_keywords().keywords}
    found = []
    for seed, (shown, _) in enumerate(gold.splits):
        entries = [{"phrase": p, "group": groups[p].group, "case": groups[p].case} for p in shown]
        seeds = Keywords.model_validate({"name": "half", "keywords": entries})
        found.append(discover(gold.docs, seeds=seeds, rounds=_ROUNDS, top=_TOP, seed=seed)["phrase"].to_list())
    return found


def _frequent(gold: _Hidden) -> list[list[str]]:
    """As many of the most frequent runs of content words, none of them in more than a fiftieth of the documents."""
    texts = terms.corpus([f"{t or ''} . {a or ''}" for _, t, a in gold.docs.iter_rows()], least=4)
    held = terms.phrases(texts, least=4)
    counts = terms.documents_of(held.phrase, texts.documents[held.start], len(held.names))
    few = np.array([all(terms.is_content(w) for w in name.split()) for name in held.names]) & (
        counts <= texts.number / 50
    )
    best = [held.names[n] for n in np.argsort(-np.where(few, counts, -1), kind="stable")[: 3 * _TOP * _ROUNDS]]
    return [best for _ in gold.splits]


def _recalled(gold: _Hidden, found: list[list[str]], seed: int) -> Scored:
    """Share of the hidden phrases that came back: as printed (`recall`), or in any spelling of the list (`spellings`).

    Both of those that occur in the corpus, by split; `all_hidden` is of all, whether they occur or not.
    """
    listed = {k.phrase: k for k in load_keywords().keywords}
    names = {name for k in listed.values() for s in (k.phrase, *k.variants) for name in terms.spellings(s)}
    texts = terms.corpus([f"{t or ''} . {a or ''}" for _, t, a in gold.docs.iter_rows()], known=names)
    asked = [texts.spelled(name) for name in names]
    there = {terms.stem(name) for name in terms.phrases(texts, least=gold.docs.height + 1, known=asked).names}
    parts: dict[str, dict[str, tuple[float, float]]] = {"recall": {}, "spellings": {}, "all_hidden": {}}
    errors = []
    for number, ((_, hidden), proposed) in enumerate(zip(gold.splits, found, strict=True)):
        back = {terms.stem(" ".join(terms.split(p))) for p in proposed}
        for name, any_spelling in (("recall", False), ("spellings", True)):
            stems = {p: _stems(p, listed[p].variants if any_spelling else ()) for p in hidden}
            occur = {p for p in hidden if stems[p] & there}
            parts[name][str(number)] = (sum(bool(stems[p] & back) for p in occur), len(occur))
        first = {p for p in hidden if _stems(p, ()) & back}
        parts["all_hidden"][str(number)] = (len(first), len(hidden))
        errors += [scores.error(f"split {number}", "miss", "hidden", text=p) for p in hidden if p not in first]
    return Scored({name: scores.rate(held, seed=seed) for name, held in parts.items()}, errors)


def _stems(phrase: str, variants: Sequence[str]) -> set[str]:
    return {terms.stem(name) for spelled in (phrase, *variants) for name in terms.spellings(spelled)}


DISCOVER = Task(read=_halves, predict=_proposed, score=_recalled, baselines={"most frequent terms": _frequent})
