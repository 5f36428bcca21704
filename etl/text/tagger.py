"""A tagger learned from labelled synthesis text: entities by an ensemble of random fields, relations by a pair scorer.

What it sees is `tag_features`, how it learns `crf`; tables in and out are `tag`. The shipped model was trained on the
MSPT corpus (Mysore et al. 2019, W19-4007, MIT licence) by the command on its card, `shipped/tagger/card.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from etl.text import crf, relations
from etl.text import shipped as weights
from etl.text.relations import Entity, Link, Relater
from etl.text.tag_features import attributes, counted, kind_of
from etl.text.tokens import CLOSING, MARK, OPENING, Read, Token, read
from schemas.errors import InputError

OUTSIDE = "O"
_MATERIAL, _COMPOUNDS = "Material", ("F3", "F4")  # classes of formulas, `tag_features.kind_of`
_STARTS, _ENDS = '%°~≥≤<>"-', "%°+-−\"'™®"  # marks that may begin or end an entity, as brackets may
_BLOCK = 256  # sentences decoded at once
_LIKELIHOOD = (("c1", 0.05), ("c2", 0.3), ("max_iterations", 60))
MEMBERS = (
    *(crf.Settings("ap", (("max_iterations", 6),), 0.4, seed) for seed in (2, 3, 5, 6, 7, 8)),
    *(crf.Settings("lbfgs", _LIKELIHOOD, 0.2, seed, share=3) for seed in (1, 4)),
)
"""Fields of the ensemble, each blind to other attributes: likelihood is precise, the perceptron finds more."""
LINKS = crf.Settings("lbfgs", (("c1", 0.05), ("c2", 0.05), ("max_iterations", 60)))
_LEAST = 0.02  # weights below it change no label that was looked at


class Tagged(NamedTuple):
    """What was read from a text; links name entities by their index."""

    entities: list[Entity]
    links: list[Link]


@dataclass(frozen=True)
class Tagger:
    """A learned tagger.

    Attributes:
        field: scores of the labels of tokens ("B-Material", "I-Material", "O").
        relater: the pair scorer; None where the training data had no relations.
    """

    field: crf.Crf
    relater: Relater | None

    @property
    def labels(self) -> list[str]:
        """Labels of the entities it tells."""
        return sorted({label[2:] for label in self.field.labels if label != OUTSIDE})

    def tag(self, texts: Sequence[str]) -> Iterator[Tagged]:
        """Entities and relations of texts, in order; short texts are decoded together."""
        batch: list[Read] = []
        for text in texts:
            batch.append(read(text))
            if sum(len(scene.sentences) for scene in batch) >= _BLOCK:
                yield from self._tagged(batch)
                batch = []
        yield from self._tagged(batch)

    def relate(self, text: str, entities: Sequence[Entity]) -> list[Link]:
        """Relations between entities that are known."""
        return self.relater.links(text, entities) if self.relater else []

    def _tagged(self, scenes: Sequence[Read]) -> Iterator[Tagged]:
        seen = (told for scene in scenes for told in seen_of(scene))
        labels: list[list[str]] = []
        while block := list(islice(seen, _BLOCK)):
            labels += self.field.decode(block)
        told = iter(labels)
        for scene in scenes:
            spans = (
                run for sentence in scene.sentences for run in runs(sentence, self._completed(sentence, next(told)))
            )
            found = [Entity(*scene.span(first, last), label) for first, last, label in spans]
            yield Tagged(found, self.relater.links(scene, found) if self.relater else [])

    def _completed(self, sentence: Sequence[Token], labels: Sequence[str]) -> list[str]:
        """The labels, where a formula of three elements or more is a material if nothing else was told of it.

        In text unlike the training data such formulas are passed over; in text like it, hardly any is.
        """
        if f"B-{_MATERIAL}" not in self.field.labels:
            return list(labels)
        return [
            f"B-{_MATERIAL}" if label == OUTSIDE and kind_of(token.text, token.kind).startswith(_COMPOUNDS) else label
            for token, label in zip(sentence, labels, strict=True)
        ]


def seen_of(scene: Read) -> Iterator[crf.Sentence]:
    """Attributes of the tokens of a text, sentence by sentence."""
    counts = counted(scene.sentences)
    return (attributes(sentence, counts) for sentence in scene.sentences)


def runs(sentence: Sequence[Token], labels: Sequence[str]) -> Iterator[tuple[Token, Token, str]]:
    """First and last token and label of each entity of a sentence, cut to what may be one (`_bare`)."""
    begin: int | None = None
    for i, label in enumerate([*labels, OUTSIDE]):
        if begin is not None and label != f"I-{labels[begin][2:]}":
            held = _bare(sentence[begin:i])
            yield held[0], held[-1], labels[begin][2:]
            begin = None
        if begin is None and label != OUTSIDE:
            begin = i


def _bare(held: Sequence[Token]) -> Sequence[Token]:
    """Tokens of an entity without half a pair of brackets, what lies beyond it, and marks that only border it.

    The fields see neighbours, not pairs of brackets: "VO2 (99" and "VO2," are what they would tell.
    """
    open_: list[int] = []
    cut = len(held)
    for i, token in enumerate(held):
        if token.text in OPENING:
            open_.append(i)
        elif token.text in CLOSING and not open_:
            cut = i
            break
        elif token.text in CLOSING:
            open_.pop()
    first, last = int(0 in open_), min([cut, *(i for i in open_ if i)])
    while last > first and held[last - 1].kind == MARK and held[last - 1].text not in (*CLOSING, *_ENDS):
        last -= 1
    while first < last and held[first].kind == MARK and held[first].text not in (*OPENING, *_STARTS):
        first += 1
    return held[first:last] or held


def gold(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Entity], list[Link]]]:
    """Texts with their entities and relations.

    Args:
        rows: of two forms. `text`, `entities` (id, type, spans), and where there are relations `events` and
            `relations`, as in the MSPT corpus; or `annotations` (token, tag), as in the ULSA corpus: the text is the
            tokens, joined by spaces.

    Raises:
        InputError: a row of another form.
    """
    return [_document(row, i) for i, row in enumerate(rows)]


def train(rows: Sequence[Mapping[str, Any]], members: Sequence[crf.Settings] = MEMBERS) -> Tagger:
    """Learns a tagger from labelled texts.

    Args:
        rows: what `gold` takes.
        members: fields of the ensemble.

    Raises:
        InputError: no row, a row of another format, or no entity at all.
    """
    documents = gold(rows)
    examples = [example for text, entities, _ in documents for example in _examples(text, entities)]
    if not any(label != OUTSIDE for _, labels in examples for label in labels):
        raise InputError.of("no entity", "the training texts", "give rows in the format of the MSPT corpus")
    field = crf.mean([crf.scaled(crf.fit(examples, s), s.share) for s in members], _LEAST)
    linked = any(links for _, _, links in documents)
    return Tagger(field, relations.train(documents, LINKS) if linked else None)


def _document(row: Mapping[str, Any], number: int) -> tuple[str, list[Entity], list[Link]]:
    try:
        return relations.gold(_as_spans(row) if row.get("annotations") is not None else row)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError.of(
            f"row {number} of another format ({error!r})",
            "the training texts",
            "give text, entities (id, type, spans), events and relations as MSPT does, or annotations (token, tag)",
        ) from error


def _as_spans(row: Mapping[str, Any]) -> dict[str, Any]:
    """A sentence given as `annotations` (token, tag; a blank tag is none), as text with one entity a tagged token."""
    pieces: list[str] = []
    entities: list[dict[str, Any]] = []
    place = 0
    for held in row["annotations"]:
        end = place + len(held["token"])
        if held["tag"]:
            entities.append({"id": f"T{len(entities)}", "type": held["tag"], "spans": [[place, end]]})
        pieces.append(held["token"])
        place = end + 1
    return {"text": " ".join(pieces), "entities": entities}


def _examples(text: str, entities: Sequence[Entity]) -> list[tuple[crf.Sentence, list[str]]]:
    """Attributes and labels of the sentences of a text; an entity that cuts a token is left out."""
    scene = read(text)
    places = [(i, j) for i, sentence in enumerate(scene.sentences) for j in range(len(sentence))]
    spans = [scene.span(t, t) for sentence in scene.sentences for t in sentence]
    begins = {start: k for k, (start, _) in enumerate(spans)}
    ends = {end: k for k, (_, end) in enumerate(spans)}
    labels = [[OUTSIDE] * len(sentence) for sentence in scene.sentences]
    for start, end, label in entities:
        first, last = begins.get(start), ends.get(end)
        if first is not None and last is not None:
            for k in range(first, last + 1):
                i, j = places[k]
                labels[i][j] = f"{'I' if k > first else 'B'}-{label}"
    return list(zip(seen_of(scene), labels, strict=True))


@lru_cache(maxsize=1)
def shipped() -> Tagger:
    """The tagger that comes with the package."""
    model: Tagger = weights.load("tagger")
    return model
