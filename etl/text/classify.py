"""What a paragraph or sentence is about: synthesis, properties, characterization or other.

TF-IDF of words and characters into a calibrated logistic regression, trained at first use on the sentences of
`paragraphs.yaml`, which were written for this project, or by `train` on labelled texts of any classes. Extraction of
what is in a paragraph belongs to `extract`.
"""

import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from etl.features.rows import beside
from schemas.errors import InputError

LABELS = ("synthesis", "properties", "characterization", "other")
TASKS = ("paragraph", "sentence")
FOLDS = 5
_SEED = 0
_MOST = 4  # sentences of a made-up training paragraph


@dataclass(frozen=True)
class Classifier:
    """A fitted pipeline and its classes, in the order of the probabilities."""

    labels: tuple[str, ...]
    pipeline: Any

    def probabilities(self, texts: list[str]) -> Any:
        """Probability of each class, texts x classes."""
        order = [list(self.pipeline.classes_).index(c) for c in self.labels]
        return self.pipeline.predict_proba(texts)[:, order]


def classify(
    texts: pl.DataFrame, *, task: str = "paragraph", column: str = "text", model: Classifier | None = None
) -> pl.DataFrame:
    """Labels texts.

    Args:
        texts: one text a row.
        task: `paragraph` or `sentence`.
        column: column of the text.
        model: what `train` made; the shipped one of the task unless given.

    Returns:
        `texts` with `label`, `p_<label>` (sum 1), `ok` and `reason`, in the same order; blank texts have none.

    Raises:
        InputError: an unknown task or a missing column.
    """
    check_task(task)
    if column not in texts.columns:
        raise InputError.of(f"missing column {column}", "the texts", f"they have {', '.join(texts.columns) or 'none'}")
    said = texts[column].cast(pl.String)
    ok = said.str.strip_chars().str.len_chars().fill_null(0) > 0
    used = model or _shipped(task)
    names = [f"p_{c}" for c in used.labels]
    found = pl.DataFrame(schema=dict.fromkeys(names, pl.Float64))
    if ok.any():
        found = pl.DataFrame(used.probabilities(said.filter(ok).to_list()), schema=names)
    rows = pl.DataFrame({"ok": ok}).with_row_index("row")
    scored = found.with_columns(
        row=rows.filter("ok")["row"],
        label=pl.concat_list(names).list.arg_max().replace_strict(dict(enumerate(used.labels)), return_dtype=pl.String),
    )
    made = rows.join(scored, on="row", how="left", maintain_order="left").select(
        "label", *names, "ok", reason=pl.when("ok").then(None).otherwise(pl.lit("no text"))
    )
    return beside(texts, made)


def training_sentences() -> list[tuple[str, str]]:
    """(sentence, label) of the shipped training set."""
    import yaml

    said = yaml.safe_load(Path(__file__).with_name("paragraphs.yaml").read_text("utf-8"))
    return [(sentence, label) for label in LABELS for sentence in said[label]]


def train(examples: pl.DataFrame, *, column: str = "text", label: str = "label") -> tuple[Classifier, dict[str, Any]]:
    """Learns the classes of labelled texts.

    Args:
        examples: one labelled text a row; rows without text or label are left out. Texts of one `document_id` are
            held out together where there is that column.
        column: column of the text.
        label: column of the class.

    Returns:
        The classifier, and its scores on held-out fifths: `rows`, `left_out`, `protocol`, `accuracy`, `f1_macro`.

    Raises:
        InputError: a missing column, fewer than two classes, or a class with too few texts or documents.
    """
    missing = [c for c in (column, label) if c not in examples.columns]
    if missing:
        raise InputError.of(f"missing column {missing[0]}", "the examples", f"they have {', '.join(examples.columns)}")
    typed = examples.with_columns(pl.col(column, label).cast(pl.String))
    known = typed.filter(pl.col(column).str.strip_chars().str.len_chars() > 0, pl.col(label).is_not_null())
    grouped = "document_id" in known.columns
    groups = known["document_id"].cast(pl.String).fill_null("") if grouped else pl.int_range(known.height, eager=True)
    sizes = known.select(label, groups.alias("group")).group_by(label).agg(pl.col("group").n_unique()).sort(label)
    few = sizes.filter(pl.col("group") < FOLDS)
    if sizes.height < 2 or few.height:
        unit = "documents" if grouped else "texts"
        what = f"{few['group'][0]} {unit} of {few[label][0]!r}" if few.height else f"{sizes.height} classes"
        raise InputError.of(what, "the examples", f"give two classes or more, each with {FOLDS} {unit} or more")
    texts, labels = known[column].to_list(), known[label].to_list()
    scores = _held_out(texts, labels, groups.to_list())
    protocol = f"{FOLDS} held-out parts, {'documents kept whole' if grouped else 'row by row'}"
    made = Classifier(tuple(sizes[label]), _fitted(texts, labels))
    return made, {"rows": known.height, "left_out": examples.height - known.height, "protocol": protocol, **scores}


def _held_out(texts: list[str], labels: list[str], groups: list[Any]) -> dict[str, float]:
    """Scores of every text by a classifier that saw none of its group."""
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=_SEED)
    said = [""] * len(texts)
    for train_rows, test_rows in folds.split(texts, labels, groups):
        counts = Counter(labels[i] for i in train_rows)
        kept = [i for i in train_rows if counts[labels[i]] > 1]  # one text of a class cannot be calibrated on
        made = _fitted([texts[i] for i in kept], [labels[i] for i in kept])
        for i, label in zip(test_rows, made.predict([texts[i] for i in test_rows]), strict=True):
            said[i] = str(label)
    return {
        "accuracy": round(float(accuracy_score(labels, said)), 4),
        "f1_macro": round(float(f1_score(labels, said, average="macro")), 4),
    }


def check_task(task: str) -> None:
    """Checks the name of a task.

    Raises:
        InputError: none of `TASKS`.
    """
    if task not in TASKS:
        raise InputError.of(f"unknown task {task!r}", "the options", f"use one of {', '.join(TASKS)}")


@cache
def _shipped(task: str) -> Classifier:
    texts, labels = zip(*_examples(task), strict=True)
    return Classifier(LABELS, _fitted(list(texts), list(labels)))


def _fitted(texts: list[str], labels: list[str]) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b[^\W\d_]\w+\b"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20_000),
    )
    parts = min(FOLDS, *Counter(labels).values())
    model = make_pipeline(features, CalibratedClassifierCV(LogisticRegression(C=10.0, max_iter=1000), cv=parts))
    return model.fit(texts, labels)


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
