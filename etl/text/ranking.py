"""The order of proposed keywords: how near the seeds each candidate stands, round by round.

What the candidates are is `discover`; the meaning that is compared is `embeddings`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from etl.text import terms as runs
from etl.text.keywords import GROUPS
from schemas.arrays import Ints

# What the score of a proposal is the sum of, each part times its share. Shared words tell much of a list whose phrases
# are made alike and nothing of others: lists of nine other fields ask for less of `words` and `head`, that of MIT for
# more; these stand between.
SHARES = {"meaning": 1.0, "words": 0.25, "head": 0.15, "company": 0.2, "documents": 0.08, "bound": 0.5}
_JOIN = 10  # best of a group and round that join the search of the next, where nobody decides


@dataclass(frozen=True)
class Search:
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


@dataclass(frozen=True)
class Shown:
    """How many proposals a round shows, and who decides on them; see `propose`."""

    top: int
    by_group: bool
    judge: Callable[[str], bool] | None


def rounds_of(
    search: Search, known: Mapping[str, str], taken: set[str], shown: Shown, *, rounds: int, first: int
) -> list[dict[str, Any]]:
    """The proposals of all rounds; those accepted, or the best of one round, are seeds of the next."""
    seeds = {g: [search.index[n] for n in known if known[n] == g and n in search.index] for g in GROUPS}
    found: list[dict[str, Any]] = []
    for number in range(first, first + rounds):
        made = _round(search, seeds, taken, shown)
        if not made:
            break
        found += [{**row, "round": number} for row in made]
        for row in made:
            taken.add(runs.stem(row["phrase"]))
            if shown.judge(row["phrase"]) if shown.judge else row["rank"] <= _JOIN:
                seeds[row["group"]].append(search.index[row["phrase"]])
    return found


def _round(search: Search, seeds: Mapping[str, list[int]], taken: set[str], shown: Shown) -> list[dict[str, Any]]:
    """The best new terms; a term goes to the group where it scores highest.

    What contains a known phrase is not new: its documents are found without it.
    """
    known = {search.stems[n] for rows in seeds.values() for n in rows}
    told = (s not in taken and known.isdisjoint(_within(s)) for s in search.stems)
    free = search.offered & np.fromiter(told, dtype=bool, count=len(search.stems))
    scores, closest = _scored(search, seeds)
    best, score = scores.argmax(axis=0), scores.max(axis=0)
    free &= np.isfinite(score)
    pools = [free & (best == place) for place in range(len(GROUPS))] if shown.by_group else [free]
    made = []
    for pool in pools:
        ranked = sorted(np.flatnonzero(pool).tolist(), key=lambda n: (-score[n], search.names[n]))
        made += [
            {
                "phrase": search.names[n], "group": GROUPS[best[n]], "rank": rank, "score": round(float(score[n]), 9),
                "documents": int(search.documents[n]), "selected_documents": int(search.inside[n]),
                "nearest": search.names[closest[best[n], n]],
            }
            for rank, n in enumerate(_once(ranked, search.stems)[: shown.top], 1)
        ]  # fmt: skip
    return made


def _scored(search: Search, seeds: Mapping[str, list[int]]) -> tuple[Any, Any]:
    """Score of each candidate in each group, and the row of its nearest seed there: groups x candidates."""
    heads = Counter(_head(search.stems[n]) for rows in seeds.values() for n in rows)
    head = np.array([np.log1p(heads[_head(s)]) if " " in s else 0.0 for s in search.stems])
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
        scores[place] = SHARES["meaning"] * near + SHARES["words"] * shared + SHARES["head"] * head + search.fixed
    return scores, closest


def _within(stem: str) -> set[str]:
    """The shorter runs of words of a stem."""
    words = stem.split()
    return {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)} - {stem}


def _once(ranked: list[int], stems: Sequence[str]) -> list[int]:
    """The first of each stem."""
    return list({stems[n]: n for n in reversed(ranked)}.values())[::-1]


def _head(stem: str) -> str:
    return stem.rsplit(" ", 1)[-1] if " " in stem else ""
