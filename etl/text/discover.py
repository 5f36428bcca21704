"""New keywords: terms that stand where the known ones do, share their words, and occur in documents about the problem.

Proposals are never used unseen: a person decides on them in the file of `review`, and what is accepted enters the next
round. Words, phrases and their counts are `terms`; what they mean is `embeddings`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from etl.text import embeddings
from etl.text import terms as runs
from etl.text.keywords import GROUPS, Keywords, load_keywords
from etl.text.plain import plain, sentences
from etl.text.select import select
from etl.text.terms import Corpus, Ints, Phrases
from schemas.errors import InputError

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "phrase": pl.String,
    "group": pl.String,
    "round": pl.Int64,
    "rank": pl.Int64,
    "score": pl.Float64,
    "documents": pl.Int64,
    "nearest": pl.String,
    "selected_documents": pl.Int64,
    "examples": pl.List(pl.String),
}
Examples = dict[str, list[str]]
EXAMPLES = 3
# What the score of a proposal is the sum of, each part times its share.
_SHARES = {"meaning": 1.0, "words": 0.5, "head": 0.3, "odds": 0.1, "documents": 0.043, "bound": 0.5}
_WORDS = 3  # of a proposal at most
_COMMON, _FEW = 0.02, 20  # a term is in no more than this share of the documents, or in so many
_BOUND = 0.05  # least mutual information of the words of a term, normalised
_MOST_BOUND = 0.6
_PART = 0.5  # a run that has the same neighbour more often than this is part of a longer term
_ODDS = (-1.0, 3.0)
_MOST = 10_000  # candidates whose meaning is compared
_JOIN = 10  # of a group and round that join the search of the next
_SENTENCE = 400  # characters of an example
_NO_NOUN = re.compile(r"(?:ly|ed|ous|ive|able|ible|ic|al|ent|ant|ary)$")
_NOUN = re.compile(r"(?:crystal|metal|material|potential|signal)$")


@dataclass(frozen=True)
class _Search:
    """Everything about the candidates that stays the same from round to round; rows are candidates.

    Attributes:
        names: as they are counted; known phrases that occur are among them.
        index: name -> row.
        stems: of each name.
        documents: how many documents hold each, and how many of the selected ones.
        fixed: the parts of the score that do not depend on the seeds.
        vectors: meaning of each.
        words: words of each, weighed, as unit vectors.
        offered: whether a row may be proposed.
    """

    names: list[str]
    index: Mapping[str, int]
    stems: list[str]
    documents: Ints
    inside: Ints
    fixed: Any
    vectors: Any
    words: Any
    offered: Any = field(repr=False)


def discover(
    docs: pl.DataFrame,
    *,
    seeds: Keywords | None = None,
    rounds: int = 3,
    top: int = 50,
    seed: int = 0,
    id_column: str = "document_id",
    embedding: str = embeddings.BUILT_IN,
    rejected: Sequence[str] = (),
    first: int = 1,
) -> pl.DataFrame:
    """Proposes keywords.

    Each round ranks terms by the mean of the three best cosines to a group's seeds, the words they share with the seeds
    (their head word above all), how firmly their words belong together, and how often they occur in selected documents;
    a few of the best of a round join the seeds of the next, in the search only.

    Args:
        docs: `id_column`, `title`, `abstract`.
        seeds: the known list; the MIT list unless given.
        rounds: how many rounds.
        top: proposals a group and round.
        seed: of the embedding.
        id_column: column that identifies a document.
        embedding: one of `embeddings.KINDS`.
        rejected: phrases that are not proposed.
        first: number of the first round.

    Returns:
        `phrase`, `group`, `round`, `rank`, `score`, `documents`, `nearest` (known phrase), `selected_documents`, and up
        to three sentences of selected documents as `examples`; best first.

    Raises:
        InputError: a missing column, `rounds` or `top` below one, or an embedding that is not there.
    """
    if rounds < 1 or top < 1:
        raise InputError.of("rounds or top below 1", "the options", "ask for at least one")
    keywords = seeds or load_keywords()
    chosen = select(docs, keywords, id_column=id_column)["selected"].to_numpy()
    texts = [f"{t or ''} . {a or ''}" for t, a in docs.select("title", "abstract").iter_rows()]
    known = {n: k.group for k in keywords.keywords for v in (k.phrase, *k.variants) for n in runs.spellings(v)}
    corpus = runs.corpus(texts, least=_least(len(texts)), known=known)
    groups = {corpus.spelled(name): group for name, group in known.items()}
    found = runs.phrases(corpus, least=_least(len(texts)), known=groups)
    search = _candidates(corpus, found, groups, chosen, embedding=embedding, seed=seed)
    taken = {runs.stem(n) for name in (*groups, *rejected) for n in (name, corpus.spelled(name))}
    rows = _rounds(search, groups, taken, rounds=rounds, top=top, first=first)
    return _written(rows, texts, corpus, found, chosen)


def _written(
    rows: list[dict[str, Any]], texts: Sequence[str], corpus: Corpus, found: Phrases, chosen: Any
) -> pl.DataFrame:
    """Proposals as a person reads them, with their sentences."""
    said = _examples((row["phrase"] for row in rows), texts, corpus, found, chosen)
    shown = {name: _shown(name, corpus) for name in {n for row in rows for n in (row["phrase"], row["nearest"])}}
    told = [
        {**row, "phrase": shown[row["phrase"]], "nearest": shown[row["nearest"]], "examples": said[row["phrase"]]}
        for row in rows
    ]
    return pl.DataFrame(told, schema=SCHEMA, orient="row")


def _candidates(
    corpus: Corpus, found: Phrases, known: Mapping[str, str], chosen: Any, *, embedding: str, seed: int
) -> _Search:
    """The terms of a corpus and its known phrases, with all that a search needs of them."""
    size = len(found.names)
    documents = runs.documents_of(found.phrase, corpus.documents[found.start], size)
    hit = chosen[corpus.documents[found.start]] if len(found.start) else np.zeros(0, dtype=bool)
    inside = runs.documents_of(found.phrase[hit], corpus.documents[found.start[hit]], size)
    bound = _bound(corpus, found)
    offered = _terms(corpus, found, documents, bound) & (inside > 0)
    odds = _log_odds(documents, inside, int(chosen.sum()), corpus.number)
    doubt = np.sqrt(1 / (inside + 0.5) + 1 / (documents - inside + 0.5))
    order = np.lexsort((np.arange(size), -np.where(offered, odds / doubt, -np.inf)))[: min(_MOST, int(offered.sum()))]
    kept = np.union1d(order, [n for n, name in enumerate(found.names) if name in known]).astype(np.int64)
    names = [found.names[n] for n in kept]
    fixed = (
        _SHARES["odds"] * np.clip(odds, *_ODDS)
        + _SHARES["documents"] * np.log(documents + 1)
        + _SHARES["bound"] * np.clip(bound, 0, _MOST_BOUND)
    )
    return _Search(
        names, {name: n for n, name in enumerate(names)}, [runs.stem(n) for n in names], documents[kept], inside[kept],
        fixed[kept], embeddings.vectors(corpus, found, kept, kind=embedding, seed=seed), _word_vectors(names, corpus),
        offered[kept],
    )  # fmt: skip


def _terms(corpus: Corpus, found: Phrases, documents: Ints, bound: Any) -> Any:
    """Which runs of words look like a term: its words belong together, and no neighbour belongs to it."""
    most = max(_COMMON * corpus.number, _FEW)
    alone = (runs.neighbours(corpus, found) < _PART).all(axis=1)
    shaped = [
        len(words := name.split()) <= _WORDS
        and all(runs.is_content(w) for w in words)
        and not any(w.endswith("ly") for w in words)
        and (len(words) == 1 or _NO_NOUN.search(words[-1]) is None or _NOUN.search(words[-1]) is not None)
        for name in found.names
    ]
    return np.array(shaped, dtype=bool) & alone & (bound > _BOUND) & (documents <= most)


def _bound(corpus: Corpus, found: Phrases) -> Any:
    """Mutual information of the words of each run, normalised to 1 for those that never part; 0.3 of single words."""
    times = np.bincount(found.phrase, minlength=len(found.names))
    counts = np.bincount(corpus.tokens[corpus.tokens >= 0], minlength=len(corpus.words))
    index = {word: n for n, word in enumerate(corpus.words)}
    total = max(int(counts.sum()), 1)
    made = np.full(len(found.names), 0.3)
    for n, name in enumerate(found.names):
        words = name.split()
        if len(words) > 1 and times[n]:
            told = np.log(times[n] / total)
            apart = sum(np.log(counts[index[w]] / total) for w in words)
            made[n] = (told - apart) / -told / (len(words) - 1) if told else 0.3
    return made


def _log_odds(documents: Ints, inside: Ints, selected: int, number: int) -> Any:
    """Smoothed log-odds of standing in a selected against an unselected document."""
    outside = documents - inside
    return np.log((inside + 0.5) / (selected + 1)) - np.log((outside + 0.5) / (number - selected + 1))


def _word_vectors(names: Sequence[str], corpus: Corpus) -> Any:
    """Words of each name as unit vectors; rare words weigh more, and forms of a word are one."""
    from scipy import sparse

    seen = np.unique(np.stack([corpus.tokens, corpus.documents]), axis=1)[0] if len(corpus.tokens) else np.zeros(0)
    counts = dict(zip(corpus.words, np.bincount(seen[seen >= 0].astype(int), minlength=len(corpus.words)), strict=True))
    pairs = [(row, runs.stem(w), w) for row, name in enumerate(names) for w in name.split()]
    column = {stem: n for n, stem in enumerate(sorted({stem for _, stem, _ in pairs}))}
    weight = [np.sqrt(np.log(1 + corpus.number / max(int(counts.get(w, 1)), 1))) for _, _, w in pairs]
    shape = (len(names), len(column) + 1)
    made = sparse.csr_matrix((weight, ([r for r, _, _ in pairs], [column[s] for _, s, _ in pairs])), shape=shape)
    length = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
    return sparse.diags(1 / np.where(length > 0, length, 1.0)) @ made


def _rounds(
    search: _Search, known: Mapping[str, str], taken: set[str], *, rounds: int, top: int, first: int
) -> list[dict[str, Any]]:
    """The proposals of all rounds; the best of one round are seeds of the next."""
    seeds = {g: [search.index[n] for n in known if known[n] == g and n in search.index] for g in GROUPS}
    found: list[dict[str, Any]] = []
    for number in range(first, first + rounds):
        made = _round(search, seeds, taken, top)
        if not made:
            break
        found += [{**row, "round": number} for row in made]
        for row in made:
            taken.add(runs.stem(row["phrase"]))
            if row["rank"] <= _JOIN:
                seeds[row["group"]].append(search.index[row["phrase"]])
    return found


def _round(search: _Search, seeds: Mapping[str, list[int]], taken: set[str], top: int) -> list[dict[str, Any]]:
    """The best new terms of each group; a term goes to the group where it scores highest."""
    heads = Counter(_head(search.stems[n]) for rows in seeds.values() for n in rows)
    head = np.array([np.log1p(heads[_head(s)]) if " " in s else 0.0 for s in search.stems])
    free = search.offered & np.array([s not in taken for s in search.stems], dtype=bool)
    scores = np.full((len(GROUPS), len(search.names)), -np.inf)
    closest = np.zeros(scores.shape, dtype=np.int64)
    for place, group in enumerate(GROUPS):
        rows = seeds[group]
        if not rows:
            continue
        cosines = search.vectors @ search.vectors[rows].T
        shared = (search.words @ search.words[rows].T).toarray().max(axis=1)
        near = np.sort(cosines, axis=1)[:, -3:].mean(axis=1)
        closest[place] = np.array(rows)[cosines.argmax(axis=1)]
        scores[place] = _SHARES["meaning"] * near + _SHARES["words"] * shared + _SHARES["head"] * head + search.fixed
    best = scores.argmax(axis=0)
    made = []
    for place, group in enumerate(GROUPS):
        own = np.flatnonzero(free & (best == place) & np.isfinite(scores[place]))
        ranked = _once(sorted(own.tolist(), key=lambda n: (-scores[place, n], search.names[n])), search.stems)[:top]
        made += [
            {
                "phrase": search.names[n], "group": group, "rank": rank, "score": round(float(scores[place, n]), 9),
                "documents": int(search.documents[n]), "selected_documents": int(search.inside[n]),
                "nearest": search.names[closest[place, n]],
            }
            for rank, n in enumerate(ranked, 1)
        ]  # fmt: skip
    return made


def _once(ranked: list[int], stems: Sequence[str]) -> list[int]:
    """The first of each stem."""
    return list({stems[n]: n for n in reversed(ranked)}.values())[::-1]


def _head(stem: str) -> str:
    return stem.rsplit(" ", 1)[-1] if " " in stem else ""


def _shown(name: str, corpus: Corpus) -> str:
    """A name as a person writes it: acronyms in capitals, kelvins behind a blank."""
    words = [w.upper() if w in corpus.capitals else w for w in name.split()]
    return " ".join(re.sub(r"^(\d+)[kK]$", r"\1 K", w) for w in words)


def _examples(names: Iterable[str], texts: Sequence[str], corpus: Corpus, found: Phrases, chosen: Any) -> Examples:
    """Up to `EXAMPLES` sentences that hold each name, from different selected documents."""
    wanted = {found.names.index(name): name for name in dict.fromkeys(names)}
    said: dict[str, list[str]] = {name: [] for name in wanted.values()}
    kept = np.isin(found.phrase, list(wanted)) & chosen[corpus.documents[found.start]]
    places = dict.fromkeys(zip(found.phrase[kept].tolist(), corpus.documents[found.start[kept]].tolist(), strict=True))
    for number, document in places:
        name = wanted[number]
        if len(said[name]) < EXAMPLES and (sentence := _sentence(name, plain(texts[document]).text)):
            said[name].append(sentence)
    return said


def _sentence(name: str, text: str) -> str | None:
    """The sentence of a text that holds a name."""
    pattern = r"(?<!\w)" + r"[\s-]+".join(rf"{re.escape(w)}s?" for w in name.split())
    match = re.search(pattern, text, re.IGNORECASE)
    if match is None:
        return None
    around = (text[begin:end] for begin, end in sentences(text) if begin <= match.start() < end)
    return next(around, text).strip()[:_SENTENCE]


def _least(documents: int) -> int:
    """Fewest documents that must hold a proposal."""
    return 2 if documents < 500 else 4
