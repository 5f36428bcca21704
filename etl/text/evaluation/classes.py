"""Gold of classes of texts: how its files are read, to learn from and to measure with.

Files: full papers with argumentative zones (`sentences` with `content`, `doc_id`, `set`) or plain rows (`id`, `text`,
`label`); paragraph classes of which only the ends are kept (`text_redacted`, `type`). Which tasks there are is `tasks`.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from etl.text.classify import Classifier, classify
from etl.text.evaluation import scores
from etl.text.evaluation.scores import Scored
from etl.text.evaluation.tasks import Row, Task
from schemas.errors import InputError

FORMS = {"sentences", "text_redacted"}
"""Columns of the corpora that are no plain rows of texts and labels."""
ZONES = {"Exp_Preparation": "synthesis", "Exp_Characterization": "characterization"}
_FOUND = {"Results", "Explanation"}
_HELD_OUT = ("dev", "test")


def zoned(papers: Sequence[Row]) -> pl.DataFrame:
    """Sentences of papers with argumentative zones.

    Args:
        papers: `doc_id`, `sentences` (`text`, `content`), `set`.

    Returns:
        `document_id`, `id`, `set`, `text`, `label`: synthesis, characterization, properties or other; a sentence of
        several zones is of the first of these.
    """
    rows = [
        (
            paper["doc_id"],
            f"{paper['doc_id']}#{n}",
            paper.get("set"),
            sentence["text"],
            _label(sentence["content"] or ()),
        )
        for paper in papers
        for n, sentence in enumerate(paper["sentences"])
    ]
    return pl.DataFrame(rows, schema=["document_id", "id", "set", "text", "label"], orient="row")


def _label(zones: Sequence[str]) -> str:
    named = (label for zone, label in ZONES.items() if zone in zones)
    return next(named, "properties" if _FOUND & set(zones) else "other")


def redacted(rows: Sequence[Row]) -> pl.DataFrame:
    """Paragraphs of which the two ends are kept: `document_id`, `text`, `label` (a route, or something_else)."""
    made = [(r["doi"], r["text_redacted"], r["type"].removesuffix("_ceramic_synthesis")) for r in rows]
    return pl.DataFrame(made, schema=["document_id", "text", "label"], orient="row")


def labelled(rows: Sequence[Row]) -> pl.DataFrame:
    """Labelled texts of any of the forms above, with `document_id` where it is known."""
    if "sentences" in rows[0]:
        return zoned(rows)
    if "text_redacted" in rows[0]:
        return redacted(rows)
    made = pl.DataFrame([{"text": row["text"], "label": row["label"], **row} for row in rows], infer_schema_length=None)
    return made.with_columns(pl.col("text", "label").cast(pl.String))


def training(rows: Sequence[Row]) -> pl.DataFrame:
    """Labelled texts to learn from: without the parts that a file holds out, where `set` names any.

    Raises:
        InputError: no row.
    """
    if not rows:
        raise InputError.of("no rows", "the examples", "give files with texts and labels")
    frame = labelled(rows)
    return frame.filter(~_held_out(frame)) if "set" in frame.columns else frame


def _held_out(frame: pl.DataFrame) -> pl.Expr:
    return pl.col("set").cast(pl.String).is_in(_HELD_OUT).fill_null(False)


def _texts(rows: Sequence[Row]) -> pl.DataFrame:
    frame = labelled(rows)
    few = frame.filter(_held_out(frame)) if "set" in frame.columns else frame
    return few if few.height else frame


def _classified(task: str) -> Any:
    def predict(gold: pl.DataFrame, model: Classifier | None) -> list[str]:
        texts = gold.drop("label")
        return classify(texts, task=task, model=model)["label"].fill_null("other").to_list()

    return predict


def _majority(gold: pl.DataFrame) -> list[str]:
    most = gold["label"].value_counts(sort=True)["label"][0]
    return [most] * gold.height


def _classes(gold: pl.DataFrame, found: list[str], seed: int) -> Scored:
    units = [str(n) for n in range(gold.height)]
    documents = gold["document_id"].to_list() if "document_id" in gold.columns else units
    return scores.tags(
        {u: [label] for u, label in zip(units, gold["label"].to_list(), strict=True)},
        {u: [label] for u, label in zip(units, found, strict=True)},
        tokens={u: [text] for u, text in zip(units, gold["text"].to_list(), strict=True)},
        groups=dict(zip(units, map(str, documents), strict=True)),
        seed=seed,
    )


def _task(name: str) -> Task:
    model = (f"{name}-classifier", "etl.text.classify:Classifier")
    return Task(
        read=_texts,
        predict=_classified(name),
        score=_classes,
        baselines={"most frequent class": _majority},
        model=model,
    )


SENTENCE, PARAGRAPH = _task("sentence"), _task("paragraph")
