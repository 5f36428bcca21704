"""Gold of taggers: labelled spans, relations between gold entities, tags of tokens, with their baselines.

Which tasks there are is `tasks`; the taggers are `tagger` and, by rules, `tag`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.text.evaluation import scores
from etl.text.evaluation.tasks import Row, Task
from etl.text.relations import Entity, Link
from etl.text.tag import entities
from etl.text.tag_features import operation
from etl.text.tagger import Tagger, gold, shipped
from schemas.errors import InputError

_MODEL = ("tagger", "etl.text.tagger:Tagger")
Texts = dict[str, tuple[str, list[Entity], list[Link]]]


def _read(rows: Sequence[Row]) -> Texts:
    """Texts with their entities and relations, by `doc_id`, or by place where there is none."""
    names = [str(row.get("doc_id") or number) for number, row in enumerate(rows)]
    return dict(zip(names, gold(rows), strict=True))


def _tagged(texts: Texts, model: Tagger | None) -> dict[str, list[Entity]]:
    used = model or shipped()
    found = used.tag([text for text, _, _ in texts.values()])
    return {name: tagged.entities for name, tagged in zip(texts, found, strict=True)}


def _by_rules(texts: Texts) -> dict[str, list[Entity]]:
    return {
        name: [Entity(e["start"], e["end"], e["label"]) for e in entities(text)] for name, (text, _, _) in texts.items()
    }


def _score_spans(texts: Texts, found: Mapping[str, Sequence[Entity]], seed: int) -> scores.Scored:
    wanted = {name: held for name, (_, held, _) in texts.items()}
    return scores.spans(wanted, found, {name: text for name, (text, _, _) in texts.items()}, seed=seed)


TAG = Task(read=_read, predict=_tagged, score=_score_spans, baselines={"rules": _by_rules}, model=_MODEL)


def _related(texts: Texts, model: Tagger | None) -> dict[str, list[Link]]:
    used = model or shipped()
    return {name: used.relate(text, held) for name, (text, held, _) in texts.items()}


def _last_operation(texts: Texts) -> dict[str, list[Link]]:
    """Conditions and apparatus to the last operation before them, the rest not at all."""
    kinds = {"Condition-Unit": "Condition_Of", "Condition-Misc": "Condition_Of", "Synthesis-Apparatus": "Apparatus_Of"}
    found: dict[str, list[Link]] = {}
    for name, (_, held, _) in texts.items():
        last: int | None = None
        found[name] = []
        for i in sorted(range(len(held)), key=lambda i: held[i].start):
            if held[i].label == "Operation":
                last = i
            elif last is not None and held[i].label in kinds:
                found[name].append((kinds[held[i].label], i, last))
    return found


def _score_links(texts: Texts, found: Mapping[str, Sequence[Link]], seed: int) -> scores.Scored:
    def named(links: Sequence[Link], held: Sequence[Entity]) -> list[scores.Relation]:
        return [(kind, held[head], held[tail]) for kind, head, tail in links]

    wanted = {name: named(links, held) for name, (_, held, links) in texts.items()}
    read = {name: named(found[name], held) for name, (_, held, _) in texts.items()}
    return scores.relations(wanted, read, {name: text for name, (text, _, _) in texts.items()}, seed=seed)


LINKS = Task(
    read=_read, predict=_related, score=_score_links, baselines={"last operation": _last_operation}, model=_MODEL
)


@dataclass(frozen=True)
class Sentences:
    """Sentences of tokens with a tag each ("" is none), by place, and the document of each."""

    tokens: dict[str, list[str]]
    tags: dict[str, list[str]]
    documents: dict[str, str]


def _read_tokens(rows: Sequence[Row]) -> Sentences:
    held = {str(i): row["annotations"] for i, row in enumerate(rows)}
    return Sentences(
        {i: [a["token"] for a in told] for i, told in held.items()},
        {i: [a["tag"] or "" for a in told] for i, told in held.items()},
        {str(i): str(row.get("doi") or i) for i, row in enumerate(rows)},
    )


def _actions(sentences: Sentences, model: Tagger | None) -> dict[str, list[str]]:
    """The tag of each token, read from the tokens joined by spaces."""
    if model is None:
        raise InputError.of(
            "no shipped model of actions", "--model", "train one by `matloom text train actions` and name its folder"
        )
    found = model.tag([" ".join(tokens) for tokens in sentences.tokens.values()])
    return {
        i: _of_tokens(tokens, tagged.entities)
        for (i, tokens), tagged in zip(sentences.tokens.items(), found, strict=True)
    }


def _of_tokens(tokens: Sequence[str], found: Sequence[Entity]) -> list[str]:
    tags: list[str] = []
    place = 0
    for token in tokens:
        end = place + len(token)
        tags.append(next((e.label for e in found if e.start < end and place < e.end), ""))
        place = end + 1
    return tags


def _listed(sentences: Sentences) -> dict[str, list[str]]:
    """Tags by the list of operations alone (`procedures.yaml`)."""
    return {i: [(operation(t.lower()) or "").capitalize() for t in tokens] for i, tokens in sentences.tokens.items()}


def _score_tags(sentences: Sentences, found: Mapping[str, Sequence[str]], seed: int) -> scores.Scored:
    groups: dict[str, Any] = {"tokens": sentences.tokens, "groups": sentences.documents}
    return scores.tags(sentences.tags, found, outside="", seed=seed, **groups)


ACTIONS = Task(read=_read_tokens, predict=_actions, score=_score_tags, baselines={"word list": _listed}, model=_MODEL)
