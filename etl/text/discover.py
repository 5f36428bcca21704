"""New keywords: terms that stand where the known ones do, share their words, and occur in documents about the problem.

Proposals are never used unseen: a person decides on them in the file of `review`, and what is accepted enters the next
round. Words, phrases and their counts are `terms`; what they mean is `embeddings`; their order is `ranking`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from etl.text import embeddings
from etl.text import terms as runs
from etl.text.keywords import Keywords, load_keywords
from etl.text.plain import plain, sentences
from etl.text.ranking import SHARES, Search, Shown, rounds_of
from etl.text.select import select
from etl.text.terms import Corpus, Phrases
from schemas.arrays import Ints
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
_WORDS = 3  # of a proposal at most
_COMMON, _FEW = 0.02, 20  # a term is in no more than this share of the documents, or in so many
_BOUND = 0.05  # least mutual information of the words of a term, normalised
_MOST_BOUND = 0.6
_PART = 0.5  # a run that has the same neighbour more often than this is part of a longer term
_COMPANY = (-1.0, 3.0)
_DOUBT = 2.0  # documents of average company that each term is taken to have beside its own
_MOST = 10_000  # candidates whose meaning is compared
_SENTENCE = 400  # characters of an example
_NO_NOUN = re.compile(r"(?:ly|ed|ous|ive|able|ible|ic|al|ent|ant|ary)$")
_NOUN = re.compile(r"(?:crystal|metal|material|potential|signal)$")


@dataclass(frozen=True)
class Prepared:
    """A corpus read for one list of seeds: all that `propose` needs.

    Attributes:
        texts: of the documents.
        corpus, found: their words and runs of words.
        chosen: which documents the seeds select.
        known: seeds as they are counted -> group.
        search: the candidates.
    """

    texts: list[str] = field(repr=False)
    corpus: Corpus = field(repr=False)
    found: Phrases = field(repr=False)
    chosen: Any = field(repr=False)
    known: Mapping[str, str]
    search: Search = field(repr=False)

    @property
    def offered(self) -> frozenset[str]:
        """Stems of all that may be proposed, however low its rank."""
        return frozenset(s for s, may in zip(self.search.stems, self.search.offered, strict=True) if may)


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
    (their head word above all), how firmly their words belong together, how often they occur, and how much of the seeds
    their documents hold; a few of the best of a round join the seeds of the next, in the search only.

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
    _check(rounds, top)
    ready = prepared(docs, seeds=seeds, seed=seed, id_column=id_column, embedding=embedding)
    return propose(ready, rounds=rounds, top=top, rejected=rejected, first=first)


def prepared(
    docs: pl.DataFrame,
    *,
    seeds: Keywords | None = None,
    seed: int = 0,
    id_column: str = "document_id",
    embedding: str = embeddings.BUILT_IN,
) -> Prepared:
    """Reads a corpus once, to propose from it several times; arguments and errors as those of `discover`."""
    keywords = seeds or load_keywords()
    chosen = select(docs, keywords, id_column=id_column)["selected"].to_numpy()
    texts = [f"{t or ''} . {a or ''}" for t, a in docs.select("title", "abstract").iter_rows()]
    known = {n: k.group for k in keywords.keywords for v in (k.phrase, *k.variants) for n in runs.spellings(v)}
    corpus = runs.corpus(texts, least=_least(len(texts)), known=known)
    groups = {corpus.spelled(name): group for name, group in known.items()}
    found = runs.phrases(corpus, least=_least(len(texts)), known=groups)
    search = _candidates(corpus, found, groups, chosen, embedding=embedding, seed=seed)
    return Prepared(texts, corpus, found, chosen, groups, search)


def propose(
    ready: Prepared,
    *,
    rounds: int = 3,
    top: int = 50,
    rejected: Sequence[str] = (),
    first: int = 1,
    judge: Callable[[str], bool] | None = None,
    by_group: bool = True,
) -> pl.DataFrame:
    """Proposals from a prepared corpus.

    Args:
        ready: the corpus.
        rounds: how many rounds.
        top: proposals a round, of each group or of all.
        rejected: phrases that are not proposed.
        first: number of the first round.
        judge: whether a proposed phrase is accepted, asked before the next round, whose seeds the accepted ones join;
            without one the best of a round join.
        by_group: whether `top` is of each group.

    Returns:
        As `discover`.

    Raises:
        InputError: `rounds` or `top` below one.
    """
    _check(rounds, top)
    taken = {runs.stem(n) for name in (*ready.known, *rejected) for n in (name, ready.corpus.spelled(name))}
    shown = Shown(top, by_group, judge)
    rows = rounds_of(ready.search, ready.known, taken, shown, rounds=rounds, first=first)
    return _written(rows, ready.texts, ready.corpus, ready.found, ready.chosen)


def _check(rounds: int, top: int) -> None:
    if rounds < 1 or top < 1:
        raise InputError.of("rounds or top below 1", "the options", "ask for at least one")


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
) -> Search:
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
        SHARES["company"] * np.clip(_company(corpus, found, known, documents), *_COMPANY)
        + SHARES["documents"] * np.log(documents + 1)
        + SHARES["bound"] * np.clip(bound, 0, _MOST_BOUND)
    )
    return Search(
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


def _company(corpus: Corpus, found: Phrases, known: Mapping[str, str], documents: Ints) -> Any:
    """Logarithm of how much more of the seeds the documents of each run hold than the average document does.

    A seed weighs one over the root of its documents: else the most frequent seed decides which documents count.
    """
    at = corpus.documents[found.start]
    seeds = np.array([name in known for name in found.names], dtype=bool)[found.phrase]
    weights = 1 / np.sqrt(np.maximum(documents, 1))
    held = np.zeros(corpus.number)
    pairs = np.unique(np.stack([found.phrase[seeds], at[seeds]]), axis=1)
    np.add.at(held, pairs[1], weights[pairs[0]])
    usual = max(float(held.mean()), 1e-12) if corpus.number else 1e-12
    told = runs.weight_of(found.phrase, at, len(found.names), held)
    return np.log((told + _DOUBT * usual) / ((documents + _DOUBT) * usual))


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
