"""What a paragraph or sentence is about: synthesis, properties, characterization or other.

TF-IDF of words and characters into a calibrated logistic regression, by `train` on labelled texts of any classes; of
whole documents it learns what stands around a text too (`context`). That of paragraphs is trained at first use on the
sentences of `paragraphs.yaml`, written for this project; that of sentences comes as a file, under its own licence
(`shipped/sentence_LICENCE.md`). What is in a paragraph is read by `extract`.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.features.rows import beside
from etl.text import context as around
from etl.text import shipped
from etl.text.context import Context
from etl.text.routes import routes
from schemas.errors import InputError

LABELS = ("synthesis", "properties", "characterization", "other")
TASKS = ("paragraph", "sentence")
FOLDS = 5
_SEED = 0
_NUMBERED = r"^(.*\p{L}.*?)[#:/_.-]\D*(\d+)\]?$"  # paper#12, 10.1/x#body[3]
_RUN = 4  # texts a document, from which on what stands around a text is learned
_TRIED = (1.0, *np.geomspace(0.4, 4.0, 21))  # weights of a class
_MOST = 4  # sentences of a made-up training paragraph


@dataclass(frozen=True)
class Classifier:
    """A fitted pipeline and its classes, in the order of the probabilities.

    Attributes:
        labels: the classes.
        pipeline: texts -> probabilities, from the words of each text alone.
        context: what also looks at the other texts of a document, where it learned from whole documents.
        weights: the label is the class whose probability times its weight is largest; all 1 where none were learned.
    """

    labels: tuple[str, ...]
    pipeline: Any
    context: Context | None = None
    weights: tuple[float, ...] = ()

    def probabilities(self, texts: list[str], documents: Sequence[object] | None = None) -> Any:
        """Probability of each class, texts x classes; `documents` holds that of each text, where it is known."""
        if self.context is not None and documents is not None:
            return self.context.probabilities(texts, documents)
        order = [list(self.pipeline.classes_).index(c) for c in self.labels]
        return self.pipeline.predict_proba(texts)[:, order]

    def __getstate__(self) -> dict[str, Any]:
        """What is saved: the same bytes for the same texts, thus without an address that scikit-learn remembers."""
        for union in (self.pipeline[0], *([self.context.vectorizer] if self.context else [])):
            for _, vectorizer in union.transformer_list:
                vars(vectorizer).pop("_stop_words_id", None)
        return dict(vars(self))

    def chosen(self, probabilities: Any) -> list[str]:
        """The label of each row of probabilities."""
        weights = np.array(self.weights or (1.0,) * len(self.labels))
        return [self.labels[n] for n in (probabilities * weights).argmax(axis=1)]


def classify(
    texts: pl.DataFrame, *, task: str = "paragraph", column: str = "text", model: Classifier | None = None
) -> pl.DataFrame:
    """Labels texts.

    Args:
        texts: one text a row. Where it says which document each is of (`documents_of`), the texts of a document are
            taken to stand in it in their order, and a model that learned from whole documents looks around them too.
        task: `paragraph` or `sentence`.
        column: column of the text.
        model: what `train` made; the shipped one of the task unless given.

    Returns:
        `texts` with `label`, `p_<label>` (sum 1), `ok` and `reason`, in the same order; blank texts have none.
        Paragraphs have `route` and `p_route_<route>` (sum 1) too, where the label is synthesis (`routes`).

    Raises:
        InputError: an unknown task or a missing column.
    """
    if task not in TASKS:
        raise InputError.of(f"unknown task {task!r}", "the options", f"use one of {', '.join(TASKS)}")
    if column not in texts.columns:
        raise InputError.of(f"missing column {column}", "the texts", f"they have {', '.join(texts.columns) or 'none'}")
    said = texts[column].cast(pl.String)
    ok = said.str.strip_chars().str.len_chars().fill_null(0) > 0
    used = model or _shipped(task)
    names = [f"p_{c}" for c in used.labels]
    found = pl.DataFrame(schema={**dict.fromkeys(names, pl.Float64), "label": pl.String})
    if ok.any():
        documents = documents_of(texts)
        told = used.probabilities(
            said.filter(ok).to_list(), None if documents is None else documents.filter(ok).to_list()
        )
        found = pl.DataFrame(told, schema=names).with_columns(label=pl.Series(used.chosen(told), dtype=pl.String))
    rows = pl.DataFrame({"ok": ok}).with_row_index("row")
    scored = found.with_columns(row=rows.filter("ok")["row"])
    made = rows.join(scored, on="row", how="left", maintain_order="left").select(
        "label", *names, "ok", reason=pl.when("ok").then(None).otherwise(pl.lit("no text"))
    )
    return beside(
        texts, made if task != "paragraph" else pl.concat([made, _routes(said, made["label"])], how="horizontal")
    )


def _routes(texts: pl.Series, labels: pl.Series) -> pl.DataFrame:
    """The routes of paragraphs; of those that are of another class, none."""
    found = routes(texts)
    return found.select(pl.when(labels == "synthesis").then(pl.col(c)).alias(c) for c in found.columns)


def documents_of(texts: pl.DataFrame) -> pl.Series | None:
    """The document of each text: `document_id`, else what stands before the number of an `id` such as "10.1/x#12".

    Ids say so only if every one ends with a mark and a number, and texts of one document stand together with rising
    numbers; None where nothing says which texts belong together.
    """
    if "document_id" in texts.columns:
        return texts["document_id"].cast(pl.String).fill_null("")
    if "id" not in texts.columns or texts.schema["id"] != pl.String:
        return None
    parts = texts.select(
        pl.col("id").str.extract(_NUMBERED, 1).alias("document"),
        pl.col("id").str.extract(_NUMBERED, 2).cast(pl.Int64, strict=False).alias("number"),
    )
    document, number = parts["document"], parts["number"]
    if not texts.height or document.null_count() or number.null_count():
        return None
    runs = document.rle_id().n_unique()
    follows = (number.diff() > 0) | (document != document.shift(1))
    return document if runs == document.n_unique() < texts.height and bool(follows.fill_null(True).all()) else None


def training_sentences() -> list[tuple[str, str]]:
    """(sentence, label) of the shipped training set."""
    import yaml

    said = yaml.safe_load(Path(__file__).with_name("paragraphs.yaml").read_text("utf-8"))
    return [(sentence, label) for label in LABELS for sentence in said[label]]


def train(examples: pl.DataFrame, *, column: str = "text", label: str = "label") -> tuple[Classifier, dict[str, Any]]:
    """Learns the classes of labelled texts.

    Args:
        examples: one labelled text a row; rows without text or label are left out. Texts of one document are held out
            together where the rows say so (`documents_of`), and where documents have several texts, in their order,
            what stands around a text is learned from too.
        column: column of the text.
        label: column of the class.

    Returns:
        The classifier, and its scores on held-out fifths: `rows`, `left_out`, `protocol`, `accuracy`, `f1_macro`, `f1`
        of each class, `brier` (sum over classes) and `ece` (mean over classes, ten bins).

    Raises:
        InputError: a missing column, fewer than two classes, or a class with too few texts or documents.
    """
    missing = [c for c in (column, label) if c not in examples.columns]
    if missing:
        raise InputError.of(f"missing column {missing[0]}", "the examples", f"they have {', '.join(examples.columns)}")
    typed = examples.with_columns(pl.col(column, label).cast(pl.String))
    known = typed.filter(pl.col(column).str.strip_chars().str.len_chars() > 0, pl.col(label).is_not_null())
    documents = documents_of(known)
    grouped = documents is not None
    groups = pl.int_range(known.height, eager=True) if documents is None else documents
    sizes = known.select(label, groups.alias("group")).group_by(label).agg(pl.col("group").n_unique()).sort(label)
    few = sizes.filter(pl.col("group") < FOLDS)
    if sizes.height < 2 or few.height:
        unit = "documents" if grouped else "texts"
        what = f"{few['group'][0]} {unit} of {few[label][0]!r}" if few.height else f"{sizes.height} classes"
        raise InputError.of(what, "the examples", f"give two classes or more, each with {FOLDS} {unit} or more")
    texts, labels, names = known[column].to_list(), known[label].to_list(), tuple(sizes[label])
    protocol = f"{FOLDS} held-out parts, {'documents kept whole' if grouped else 'row by row'}"
    counts = {"rows": known.height, "left_out": examples.height - known.height, "protocol": protocol}
    numbers = np.array([names.index(said) for said in labels])
    folds = _folds(numbers, groups.to_list())
    pipeline = _fitted(texts, labels)
    if known.height < _RUN * groups.n_unique():
        made = Classifier(names, pipeline)
        return made, {**counts, **_scores(made, numbers, _held_out(texts, labels, folds, names))}
    context, held = around.fit(texts, numbers, groups.to_list(), folds, len(names))
    made = Classifier(names, pipeline, context, _weights(numbers, held))
    return made, {**counts, **_scores(made, numbers, held)}


def _folds(numbers: Any, groups: list[Any]) -> Any:
    """Held-out part of each text, groups kept whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = np.zeros(len(numbers), dtype=np.int64)
    parts = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=_SEED).split(numbers, numbers, groups)
    for part, (_, rows) in enumerate(parts):
        folds[rows] = part
    return folds


def _held_out(texts: list[str], labels: list[str], folds: Any, names: tuple[str, ...]) -> Any:
    """Probabilities of every text by a classifier that saw none of its part."""
    told = np.zeros((len(texts), len(names)))
    for part in range(FOLDS):
        seen = np.flatnonzero(folds != part)
        counts = Counter(labels[i] for i in seen)
        kept = [i for i in seen if counts[labels[i]] > 1]  # one text of a class cannot be calibrated on
        made = _fitted([texts[i] for i in kept], [labels[i] for i in kept])
        rows = np.flatnonzero(folds == part)
        columns = [names.index(c) for c in made.classes_]
        told[rows[:, None], columns] = made.predict_proba([texts[i] for i in rows])
    return told


def _scores(made: Classifier, numbers: Any, told: Any) -> dict[str, Any]:
    """How good held-out probabilities and the labels made of them are."""
    from sklearn.metrics import accuracy_score, f1_score

    said = [made.labels.index(c) for c in made.chosen(told)]
    each = f1_score(numbers, said, average=None, labels=range(len(made.labels)), zero_division=0.0)
    truth = np.eye(len(made.labels))[numbers]
    return {
        "accuracy": round(float(accuracy_score(numbers, said)), 4),
        "f1_macro": round(float(each.mean()), 4),
        "f1": {c: round(float(f), 4) for c, f in zip(made.labels, each, strict=True)},
        "brier": round(float(((told - truth) ** 2).sum(axis=1).mean()), 4),
        "ece": round(float(np.mean([_gap(p, t) for p, t in zip(told.T, truth.T, strict=True)])), 4),
    }


def _gap(told: Any, truth: Any) -> float:
    """Expected calibration error of one class: |mean probability - share| of ten bins, weighed by their texts."""
    bins = np.minimum((told * 10).astype(int), 9)
    sums = [np.bincount(bins, weights, minlength=10) for weights in (told, truth)]
    return float(np.abs(sums[0] - sums[1]).sum() / len(told))


def _weights(numbers: Any, told: Any) -> tuple[float, ...]:
    """The weights of the classes under which held-out labels have the best mean F1, one class after the other."""
    from sklearn.metrics import f1_score

    weights = np.ones(told.shape[1])
    for _ in range(2):
        for place in range(len(weights)):
            tried = [np.where(np.arange(len(weights)) == place, w, weights) for w in _TRIED]
            scores = [f1_score(numbers, (told * w).argmax(axis=1), average="macro", zero_division=0.0) for w in tried]
            weights = tried[int(np.argmax(scores))]
    return tuple(round(float(w), 3) for w in weights)


@cache
def _shipped(task: str) -> Classifier:
    """The classifier that comes with the package: of sentences a file, of paragraphs one made at first use."""
    if task == "sentence":
        model: Classifier = shipped.load(task)
        return model
    texts, labels = zip(*_examples(), strict=True)
    return Classifier(LABELS, _fitted(list(texts), list(labels)))


def _fitted(texts: list[str], labels: list[str]) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    parts = min(FOLDS, *Counter(labels).values())
    calibrated = CalibratedClassifierCV(LogisticRegression(C=10.0, max_iter=1000), cv=parts, ensemble=len(texts) < 2000)
    model = make_pipeline(around.vectors(len(texts)), calibrated)
    return model.fit(texts, labels)


def _examples() -> list[tuple[str, str]]:
    """Sentences, and for paragraphs runs of sentences of one label, drawn with a fixed seed."""
    sentences = training_sentences()
    chance = random.Random(_SEED)
    runs = []
    for label in LABELS:
        own = [s for s, given in sentences if given == label]
        runs += [(" ".join(chance.sample(own, chance.randint(2, _MOST))), label) for _ in range(2 * len(own))]
    return sentences + runs
