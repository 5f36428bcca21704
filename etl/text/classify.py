"""What a paragraph or sentence is about: synthesis, properties, characterization or other.

TF-IDF of words and characters into a calibrated logistic regression, trained at first use on the sentences of
`paragraphs.yaml`, which were written for this project. Extraction of what is in a paragraph belongs to `extract`.
"""

import random
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from schemas.errors import InputError

LABELS = ("synthesis", "properties", "characterization", "other")
TASKS = ("paragraph", "sentence")
_SEED = 0
_MOST = 4  # sentences of a made-up training paragraph


def classify(texts: pl.DataFrame, *, task: str = "paragraph", column: str = "text") -> pl.DataFrame:
    """Labels texts.

    Args:
        texts: one text a row.
        task: `paragraph` or `sentence`.
        column: column of the text.

    Returns:
        `texts` with `label`, `p_<label>` (sum 1), `ok` and `reason`, in the same order; blank texts have none.

    Raises:
        InputError: an unknown task or a missing column.
    """
    if task not in TASKS:
        raise InputError.of(f"unknown task {task!r}", "--task", f"use one of {', '.join(TASKS)}")
    if column not in texts.columns:
        raise InputError.of(f"missing column {column}", "the texts", f"they have {', '.join(texts.columns) or 'none'}")
    said = texts[column].cast(pl.String)
    ok = said.str.strip_chars().str.len_chars().fill_null(0) > 0
    names = [f"p_{c}" for c in LABELS]
    found = pl.DataFrame(schema=dict.fromkeys(names, pl.Float64))
    if ok.any():
        found = pl.DataFrame(_model(task).predict_proba(said.filter(ok).to_list()), schema=names)
    rows = pl.DataFrame({"ok": ok}).with_row_index("row")
    scored = found.with_columns(
        row=rows.filter("ok")["row"],
        label=pl.concat_list(names).list.arg_max().replace_strict(dict(enumerate(LABELS)), return_dtype=pl.String),
    )
    made = rows.join(scored, on="row", how="left", maintain_order="left").select(
        "label", *names, "ok", reason=pl.when("ok").then(None).otherwise(pl.lit("no text"))
    )
    return texts.drop([c for c in made.columns if c in texts.columns]).hstack(made)


def training_sentences() -> list[tuple[str, str]]:
    """(sentence, label) of the shipped training set."""
    import yaml

    said = yaml.safe_load(Path(__file__).with_name("paragraphs.yaml").read_text("utf-8"))
    return [(sentence, label) for label in LABELS for sentence in said[label]]


@cache
def _model(task: str) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b[^\W\d_]\w+\b"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20_000),
    )
    model = make_pipeline(features, CalibratedClassifierCV(LogisticRegression(C=10.0, max_iter=1000), cv=5))
    texts, labels = zip(*_examples(task), strict=True)
    return _Ordered(model.fit(list(texts), list(labels)))


class _Ordered:
    """A fitted pipeline whose probabilities come in the order of `LABELS`."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._order = [list(pipeline.classes_).index(c) for c in LABELS]

    def predict_proba(self, texts: list[str]) -> Any:
        return self._pipeline.predict_proba(texts)[:, self._order]


def _examples(task: str) -> list[tuple[str, str]]:
    """Sentences; for paragraphs also runs of sentences of one label, drawn with a fixed seed."""
    sentences = training_sentences()
    if task == "sentence":
        return sentences
    chance = random.Random(_SEED)
    runs = []
    for label in LABELS:
        own = [s for s, given in sentences if given == label]
        runs += [(" ".join(chance.sample(own, chance.randint(2, _MOST))), label) for _ in range(2 * len(own))]
    return sentences + runs
