"""Gold of formulas and of phrases around them: how labelled strings are read and compared with what `formula` reads.

Labels of one published parser are compared by these rules: an oxygen off-stoichiometry whose letter the label leaves
out ("O3-δ" as O3) is no difference; an additive given by its share ("A + x wt% B", labelled as if x were moles)
counts as its host; vacancies are no element. Which tasks there are is `tasks`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from etl.text.amounts import FormulaError, Terms, plus, read_amount, times
from etl.text.evaluation import scores
from etl.text.evaluation.tasks import Row, Task
from etl.text.formula import ParsedFormula, parse, parse_many

_SHARE = re.compile(r"(?:wt|mol|at|vol)\.?\s?%")
_FORMULA = re.compile(r"[A-Z][a-z]?\d|[A-Z][a-z]?[A-Z]")
_TOLERANCE = 2e-3  # labels are rounded to three digits


@dataclass(frozen=True)
class Labelled:
    """A string with the amounts that its label gives, and whether it is plain, has variables, or is a name."""

    text: str
    kind: str
    amounts: Mapping[str, Terms]


def _amount(written: object) -> Terms:
    """A label's amount ("2-2*x", "x*(-z+1)") as exact terms.

    Raises:
        FormulaError: it is none.
    """
    text = re.sub(r"(^|\()-", r"\g<1>0-", str(written).replace(" ", ""))
    text = re.sub(r"(?<=\.\d{8})\d+", "", text)  # more digits than anybody measures
    return read_amount(text)[0]


def _total(components: Iterable[Mapping[str, Any]]) -> dict[str, Terms]:
    total: dict[str, Terms] = {}
    for component in components:
        share = _amount(component.get("amount") or 1)
        for symbol, written in component["elements"].items():
            if symbol != "□" and written is not None:  # a table gives every row every symbol
                total[symbol] = plus(total.get(symbol, {}), times(_amount(written), share))
    return {symbol: terms for symbol, terms in total.items() if terms}


def _letters(amounts: Mapping[str, Terms]) -> set[str]:
    return {letter for terms in amounts.values() for letters in terms for letter in letters}


def labelled(row: Row) -> Labelled | None:
    """A row of labelled strings; None where its label gives no amounts.

    Args:
        row: `material` and `parser_output` (text2chem), or `material_string` and `composition` (text-mined recipes).
    """
    if "parser_output" in row:
        text, components = row["material"], [c for made in row["parser_output"] for c in made["composition"]]
    else:
        text, components = row["material_string"], json.loads(row["composition"])
    try:
        amounts = _total([{**components[0], "amount": 1}] if _SHARE.search(text) and components else components)
    except FormulaError:
        return None
    named = row.get("kind") == "chemical_names" or not _FORMULA.search(text)
    return (
        Labelled(text, "names" if named else "variables" if _letters(amounts) else "plain", amounts)
        if amounts
        else None
    )


def agree(label: Mapping[str, Terms], read: Mapping[str, Terms]) -> bool:
    """Whether the amounts read are those of the label, by the rules above."""
    if set(label) != set(read):
        return False
    known = _letters(label)
    for symbol, wanted in label.items():
        got = read[symbol]
        if symbol == "O":
            kept = {letters: v for letters, v in got.items() if known.issuperset(letters)}
            got = kept or wanted  # "Oy", labelled as O
        for letters in {*wanted, *got}:
            one, other = float(wanted.get(letters, 0)), float(got.get(letters, 0))
            if abs(one - other) > _TOLERANCE * max(1.0, abs(one)):
                return False
    return True


def _read_formulas(rows: Sequence[Row]) -> dict[str, Labelled]:
    found = (labelled(row) for row in rows)
    return {made.text: made for made in found if made is not None}


def _parsed(gold: Mapping[str, Labelled], _model: object) -> dict[str, dict[str, Terms]]:
    rows = parse_many(pl.DataFrame({"text": list(gold)}, schema={"text": pl.String}))["elements"].to_list()
    amounts = ({} if made is None else {s: _amount(a) for s, a in json.loads(made).items()} for made in rows)
    return dict(zip(gold, amounts, strict=True))


def _score_formulas(gold: Mapping[str, Labelled], found: Mapping[str, Mapping[str, Terms]], seed: int) -> scores.Scored:
    """The share of strings read exactly; one that is not is a miss and a false alarm, so that F1 is that share."""
    counts: dict[str, dict[str, tuple[float, float, float]]] = {}
    errors = []
    for text, made in gold.items():
        right = agree(made.amounts, found[text])
        counts[text] = {made.kind: (1, 0, 0) if right else (0, 1, 1)}
        if not right:
            errors.append(scores.error(text, "another composition", made.kind, text=text, told=parse(text).formula))
    return scores.Scored(scores.f1(counts, seed=seed), errors)


@dataclass(frozen=True)
class _Phrases:
    texts: dict[str, str]
    spans: dict[str, list[scores.Span]]


def _read_phrases(rows: Sequence[Row]) -> _Phrases:
    """Distinct phrases with their tagged segments; one that is labelled in two ways keeps the first."""
    texts = {row["text"]: row["text"] for row in rows}
    spans: dict[str, list[scores.Span]] = {}
    for row in rows:
        spans.setdefault(row["text"], [(s["begin"], s["end"], s["tag"]) for s in row["segments"]])
    return _Phrases(texts, spans)


def _tagged(gold: _Phrases, _model: object) -> dict[str, list[scores.Span]]:
    return {text: _spans(parse(text)) for text in gold.texts}


def _spans(made: ParsedFormula) -> list[scores.Span]:
    return [(int(s["begin"]), int(s["end"]), str(s["tag"])) for s in made.segments]


def _score_phrases(gold: _Phrases, found: Mapping[str, Sequence[scores.Span]], seed: int) -> scores.Scored:
    return scores.spans(gold.spans, found, gold.texts, seed=seed)


FORMULAS = Task(read=_read_formulas, predict=_parsed, score=_score_formulas)
"""Strings -> compositions. Data: text2chem's cases, or the strings of text-mined recipes."""
PHRASES = Task(read=_read_phrases, predict=_tagged, score=_score_phrases)
"""Phrases -> tagged segments. Data: the material strings of SuperMat."""
