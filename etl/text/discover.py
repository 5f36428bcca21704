"""New keywords from embeddings: phrases that stand near the known ones and are frequent in selected documents.

Embeddings are a truncated singular value decomposition of positive pointwise mutual information (Levy and Goldberg,
2014), which needs no training loop and gives the same bytes for the same seed. Proposals are never used unseen: a
person accepts them into the keyword list, which belongs to `keywords`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import polars as pl

from etl.text.keywords import GROUPS, Keywords, load_keywords
from etl.text.select import select
from schemas.errors import InputError

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "phrase": pl.String,
    "group": pl.String,
    "round": pl.Int64,
    "rank": pl.Int64,
    "score": pl.Float64,
    "documents": pl.Int64,
    "nearest": pl.String,
}
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_BREAK = re.compile(r"[.;:,()\[\]!?]\s|\n")
# Frequent in every abstract, beside the stop words of English.
_HABITS = ("show", "shows", "shown", "use", "used", "using", "study", "given", "near", "new", "value", "large", "low")
_DIMENSIONS = 100
_WINDOW = 8
_VOCABULARY = 20_000


@dataclass(frozen=True)
class _Space:
    """Unit vectors of the vocabulary."""

    names: list[str]
    index: Mapping[str, int]
    vectors: Any


def discover(
    docs: pl.DataFrame,
    *,
    seeds: Keywords | None = None,
    rounds: int = 3,
    top: int = 50,
    seed: int = 0,
    id_column: str = "document_id",
) -> pl.DataFrame:
    """Proposes keywords.

    Each round ranks, for every group, phrases by the mean of the three best cosines to the group's seeds times the
    log-odds of standing in selected documents; the best of a round join the seeds of the next, in the search only.

    Args:
        docs: `id_column`, `title`, `abstract`.
        seeds: the known list; the MIT list unless given.
        rounds: how many rounds.
        top: proposals a group and round.
        seed: of the decomposition.
        id_column: column that identifies a document.

    Returns:
        `phrase`, `group`, `round`, `rank`, `score`, `documents`, `nearest` (known phrase), best first.

    Raises:
        InputError: a missing column, or `rounds` or `top` below one.
    """
    if rounds < 1 or top < 1:
        raise InputError.of("rounds or top below 1", "the options", "ask for at least one")
    keywords = seeds or load_keywords()
    chosen = select(docs, keywords, id_column=id_column)
    known = {name: k.group for k in keywords.keywords for name in {_joined(v) for v in (k.phrase, *k.variants)} if name}
    tokens = [_tokens(f"{t or ''}. {a or ''}", known) for t, a in docs.select("title", "abstract").iter_rows()]
    tokens = _phrased(tokens, known)
    counts = Counter(t for doc in tokens for t in set(doc))
    odds = _log_odds(tokens, chosen["selected"].to_list(), counts)
    space = _embed(tokens, counts, known, least=_least(len(tokens)), seed=seed)
    found = _search(space, known, odds, rounds=rounds, top=top)
    rows = [
        {
            **r,
            "documents": counts[r["phrase"]],
            "phrase": r["phrase"].replace("_", " "),
            "nearest": r["nearest"].replace("_", " "),
        }
        for r in found
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _search(
    space: _Space, known: Mapping[str, str], odds: Mapping[str, float], *, rounds: int, top: int
) -> list[dict[str, Any]]:
    """The proposals of all rounds; those of one round are seeds of the next."""
    found: list[dict[str, Any]] = []
    groups = {g: [p for p, group in known.items() if group == g and p in space.index] for g in GROUPS}
    taken = set(known)
    for number in range(1, rounds + 1):
        made = _round(space, groups, odds, taken, top)
        if not made:
            break
        found += [{**row, "round": number} for row in made]
        for row in made:
            taken.add(row["phrase"])
            groups[row["group"]] = [*groups[row["group"]], row["phrase"]]
    return found


def _round(
    space: _Space, groups: Mapping[str, Sequence[str]], odds: Mapping[str, float], taken: set[str], top: int
) -> list[dict[str, Any]]:
    """The best new phrases of each group; a phrase goes to the group where it scores highest."""
    import numpy as np

    best: dict[str, tuple[float, str, str]] = {}
    for group, members in groups.items():
        if not members:
            continue
        cosines = space.vectors @ space.vectors[[space.index[m] for m in members]].T
        near = np.sort(cosines, axis=1)[:, -3:].mean(axis=1)
        closest = cosines.argmax(axis=1)
        for i, name in enumerate(space.names):
            score = float(near[i]) * odds.get(name, 0.0)
            if name in taken or score <= 0 or _is_variant(name, taken):
                continue
            if name not in best or score > best[name][0]:
                best[name] = (score, group, members[int(closest[i])])
    rows = []
    for group in groups:
        own = sorted(((s, n, near) for n, (s, g, near) in best.items() if g == group), key=lambda r: (-r[0], r[1]))
        rows += [
            {"phrase": name, "group": group, "rank": rank, "score": round(score, 9), "nearest": nearest}
            for rank, (score, name, nearest) in enumerate(own[:top], 1)
        ]
    return rows


def _tokens(text: str, known: Mapping[str, str]) -> list[str]:
    """Words of a text, lower case; known phrases are one token; clause ends are kept as empty tokens."""
    words: list[str] = []
    for clause in _BREAK.split(text):
        words += [w.lower() for w in _WORD.findall(clause.replace("$", " "))]
        words.append("")
    longest = max((p.count("_") + 1 for p in known), default=1)
    out, i = [], 0
    flat = [w.replace("-", "_") for w in words]
    while i < len(flat):
        for size in range(longest, 0, -1):
            name = "_".join(flat[i : i + size])
            if "" not in flat[i : i + size] and name in known:
                out.append(name)
                i += size
                break
        else:
            out.append(flat[i])
            i += 1
    return out


def _phrased(docs: list[list[str]], known: Mapping[str, str], *, least: int = 5, bar: float = 10.0) -> list[list[str]]:
    """Joins pairs of words that occur together far more often than apart (Mikolov et al., 2013, equation 6)."""
    words, pairs = Counter[str](), Counter[tuple[str, str]]()
    for doc in docs:
        words.update(w for w in doc if w)
        pairs.update(p for p in pairwise(doc) if _joins(p, known))
    total = sum(words.values())
    floor = least if len(docs) > 500 else 2
    good = {p for p, n in pairs.items() if n >= floor and (n - floor + 1) * total / (words[p[0]] * words[p[1]]) > bar}
    return [_merge(doc, good) for doc in docs]


def _joins(pair: tuple[str, str], known: Mapping[str, str]) -> bool:
    return all(w and w not in _stop_words() and w not in known and len(w) > 2 for w in pair)


def _merge(doc: list[str], good: set[tuple[str, str]]) -> list[str]:
    out, i = [], 0
    while i < len(doc):
        if i + 1 < len(doc) and (doc[i], doc[i + 1]) in good:
            out.append(f"{doc[i]}_{doc[i + 1]}")
            i += 2
        else:
            out.append(doc[i])
            i += 1
    return [w for w in out if w and w not in _stop_words() and len(w) > 2]


def _log_odds(docs: list[list[str]], selected: list[bool], counts: Mapping[str, int]) -> dict[str, float]:
    """Smoothed log-odds of standing in a selected against an unselected document."""
    import math

    inside = Counter(t for doc, s in zip(docs, selected, strict=True) if s for t in set(doc))
    yes = sum(selected)
    no = len(docs) - yes
    return {
        t: math.log((inside[t] + 0.5) / (yes + 1)) - math.log((n - inside[t] + 0.5) / (no + 1))
        for t, n in counts.items()
    }


def _embed(docs: list[list[str]], counts: Counter[str], known: Mapping[str, str], *, least: int, seed: int) -> _Space:
    """Vectors of the frequent phrases and all known ones that occur."""
    import numpy as np
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    frequent = [t for t, n in counts.most_common(_VOCABULARY) if n >= least or t in known]
    names = sorted({*frequent, *(t for t in known if t in counts)})
    index = {t: i for i, t in enumerate(names)}
    if len(names) < 3:
        return _Space([], {}, np.zeros((0, 1)))
    ids = [np.array([index[t] for t in doc if t in index], dtype=np.int32) for doc in docs]
    counted = _cooccurrence(ids, len(names))
    sums = np.asarray(counted.sum(axis=1)).ravel()
    smooth = sums**0.75 / (sums**0.75).sum()
    cells = counted.tocoo()
    info = np.log(cells.data / np.maximum(sums[cells.row] * smooth[cells.col], 1e-12))
    matrix = sparse.csr_matrix((np.maximum(info, 0), (cells.row, cells.col)), shape=counted.shape)
    size = min(_DIMENSIONS, len(names) - 1)
    left, values, _ = randomized_svd(matrix, n_components=size, n_iter=4, random_state=seed)
    vectors = left * np.sqrt(values)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return _Space(names, index, vectors / np.where(length > 0, length, 1.0))


def _cooccurrence(docs: Iterable[Any], size: int) -> Any:
    """Counts of pairs within `_WINDOW` tokens, symmetric, nearer pairs weighing more."""
    import numpy as np
    from scipy import sparse

    flat = np.concatenate([np.concatenate([d, np.full(_WINDOW, -1, dtype=np.int32)]) for d in docs])
    total = sparse.csr_matrix((size, size))
    for gap in range(1, _WINDOW + 1):
        a, b = flat[:-gap], flat[gap:]
        both = (a >= 0) & (b >= 0)
        weight = np.full(int(both.sum()), 1.0 / gap)
        total = total + sparse.csr_matrix((weight, (a[both], b[both])), shape=(size, size))
    return total + total.T


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset({*ENGLISH_STOP_WORDS, *_HABITS})


def _least(documents: int) -> int:
    """Fewest documents that must hold a proposal."""
    return 2 if documents < 500 else max(5, documents // 5000)


def _joined(phrase: str) -> str:
    """A phrase as one token; patterns with choices or gaps have none."""
    if any(c in phrase for c in "(|)") or "..." in phrase:
        return ""
    return "_".join(w.lower().replace("-", "_") for w in _WORD.findall(phrase))


def _is_variant(name: str, known: set[str]) -> bool:
    """Plural, or a known phrase with one more letter at the end or spelled together."""
    bare = name.replace("_", "")
    return any(f in known for f in (name.rstrip("s"), f"{name}s", bare)) or bare.rstrip("s") in known
