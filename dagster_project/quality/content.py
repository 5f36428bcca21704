"""Looks at the rows of one version: is the text whole, are formulas formulas, numbers in their range, rows consistent?

Each look knows columns by their role, not by their table. The looks themselves are in `models.bias`; what differs from
the version before is `former`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl

from dagster_project.quality.model import Check, Look
from dagster_project.quality.roles import Roles, roles
from dagster_project.quality.subject import Subject
from models.bias import numbers, relations, words
from models.bias.chemical import parses
from models.bias.findings import Finding, of_rows
from schemas.core import Table, Type

DATA = ("raw", "core", "feat", "file")
"""Layers of data; the others hold results, whose spread is no defect."""
_ASCENDING = (
    ("_low", ""),
    ("", "_high"),
    ("_min", "_median"),
    ("_median", "_max"),
    ("_min", "_max"),
    ("_low", "_high"),
)


def content_checks(table: Table) -> list[Check]:
    """The looks that the columns of a table allow."""
    found = roles(table)
    return [
        Check(name=name, severity="warning", owner="team:quality", remedy=remedy, look=look)
        for name, look, applies, remedy in _LOOKS
        if applies(table, found)
    ]


def _columns(subject: Subject, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(c for c in names if subject.now[c].null_count() < subject.now.height)


def _foreign(subject: Subject) -> list[Finding]:
    return words.foreign(subject.now, _columns(subject, subject.roles.strings), exact=subject.roles.names)


def _broken(subject: Subject) -> list[Finding]:
    return words.broken(subject.now, _columns(subject, subject.roles.strings))


def _cut(subject: Subject) -> list[Finding]:
    whole = (*subject.table.key, *subject.groups)
    # names and formulas heap up at some length by themselves
    free = tuple(c for c in subject.roles.texts if c not in whole and not c.endswith(("_id", "_hash")))
    return words.cut(subject.now, _columns(subject, free))


def _stand_ins(subject: Subject) -> list[Finding]:
    strings, numeric = (_columns(subject, c) for c in (subject.roles.strings, subject.roles.numbers))
    found = words.stand_ins(subject.now, strings, formulas=subject.roles.formulas)
    for column in numeric:
        found += numbers.codes(subject.now, column)
    return found


def _spellings(subject: Subject) -> list[Finding]:
    names = _columns(subject, subject.roles.names)
    few = tuple(c for c in names if c in subject.groups and c not in subject.roles.formulas)
    lengths = {c: subject.now[c].str.len_chars().mean() for c in _columns(subject, subject.roles.texts)}
    short = tuple(c for c, mean in lengths.items() if isinstance(mean, float) and mean < 40)
    return words.padded(subject.now, names + short) + words.spellings(subject.now, few)


def _formulas(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    for column in _columns(subject, subject.roles.formulas):
        there = subject.now[column].is_not_null()
        bad = there & ~subject.now.select(parses(pl.col(column))).to_series()
        of, wrong = int(there.sum()), int(bad.sum())
        if column.startswith("formula") or wrong <= 0.2 * of:  # a target may be a property
            grave = wrong > 0.03 * of  # a few that were read wrongly from text are for a person to look at
            found += of_rows(subject.now, bad, column, "no chemical formula", grave=grave, of=of)
    return found


def _elements(subject: Subject) -> list[Finding]:
    formulas, systems = (_columns(subject, c) for c in (subject.roles.formulas, subject.roles.systems))
    if not formulas:
        return []
    first = formulas[0]
    found: list[Finding] = []
    for other in systems:
        found += relations.unlike_elements(subject.now, first, other, is_system=True)
    for other in formulas[1:]:
        found += relations.unlike_elements(subject.now, first, other, is_system=False)
    return found


def _possible(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    for column, known in subject.roles.quantities.items():
        if subject.now[column].null_count() == subject.now.height:
            continue
        found += numbers.impossible(subject.now, column, low=known.low, high=known.high, what=known.name)
        if known.usual:
            found += numbers.unusual_middle(subject.now, column, usual=known.usual, what=known.name)
    for column in _columns(subject, tuple(c for c in subject.roles.numbers if c not in subject.roles.quantities)):
        found += numbers.absurd(subject.now, column)
    return found


def _scales(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    for column in _columns(subject, _measured(subject)):
        found += numbers.two_scales(subject.now, column) or numbers.far_off(subject.now, column)
    return found


def _filled(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    measured = _measured(subject)
    for column in _columns(subject, measured):
        found += numbers.repeated_odd(subject.now, column)
    decimals = tuple(c for c in subject.roles.numbers if subject.table.column(c).type is Type.FLOAT)
    return found + numbers.twins(subject.now, decimals)


def _measured(subject: Subject) -> tuple[str, ...]:
    """Numbers with decimals; statistics over tables of elements take few values, and are left out."""
    return tuple(
        c
        for c in subject.roles.numbers
        if subject.table.column(c).type is Type.FLOAT
        and not c.startswith(("MagpieData", "p_"))
        and not c.endswith("value")
    )


def _pairs(table: Table) -> list[tuple[str, str]]:
    names = {c.name for c in table.columns if c.type in (Type.FLOAT, Type.INT)}
    stems = {n.removesuffix(e) for n in names for pair in _ASCENDING for e in pair if e and n.endswith(e)}
    return [
        (s + low, s + high) for s in sorted(stems) for low, high in _ASCENDING if s + low in names and s + high in names
    ]


def _ascending(subject: Subject) -> list[Finding]:
    return [f for low, high in _pairs(subject.table) for f in relations.out_of_order(subject.now, low, high)]


def _pages(subject: Subject) -> list[Finding]:
    if subject.sampled:
        return []
    return relations.pages(subject.now, said(subject.table, with_key=not subject.table.key))


def said(table: Table, *, with_key: bool) -> tuple[str, ...]:
    """Columns in which a row says something: neither key nor times, nor what differs though the row is the same."""
    left = {c.name for c in table.columns if c.volatile} | (set() if with_key else set(table.key))
    return tuple(c for c in table.column_names if c not in left and not c.endswith(("_hash", "_id", "_number")))


def _dates(subject: Subject) -> list[Finding]:
    today = datetime.now(UTC).date()
    return [f for column in subject.roles.dates for f in relations.dates(subject.now, column, today=today)]


def _provenance(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    where, licence = subject.roles.provenance, subject.table.licence_column
    if where:
        silent = subject.now.select(pl.all_horizontal(_blank(c) for c in where)).to_series()
        told = int(silent.sum()) < 0.5 * subject.now.height  # a column that hardly a row fills is none of provenance
        found += of_rows(subject.now, silent & told, where[0], f"none of {', '.join(where)} is told", grave=True)
    for column in where:
        if column.endswith("doi"):
            wrong = ~subject.now[column].str.contains(r"^(https?://(dx\.)?doi\.org/|doi:\s*)?10\.\d{4,9}/\S+$")
            found += of_rows(
                subject.now, wrong & ~subject.now[column].str.to_lowercase().is_in(words.NOTHING), column, "no DOI"
            )
    if licence is not None and not subject.table.column(licence).nullable:
        found += of_rows(
            subject.now, subject.now.select(_blank(licence)).to_series(), licence, "no licence", grave=True
        )
    return found


def _blank(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars().str.to_lowercase().is_in(list(words.NOTHING)))


def _known(subject: Subject) -> list[Finding]:
    from dagster_project.quality.facts import contradicted

    return contradicted(subject.now, labels=subject.roles.labels, numbers=tuple(subject.roles.quantities))


def _siblings(subject: Subject) -> list[Finding]:
    formulas = _columns(subject, subject.roles.formulas)
    found: list[Finding] = []
    told = tuple(c for c in subject.roles.numbers if re.search("valence|oxidation|d_count|electrons", c))
    for column in _columns(subject, told) if formulas else ():
        found += relations.odd_siblings(subject.now, formulas[0], column)
    return found


def _part_column(table: Table) -> str | None:
    return next((c for c in ("split", "part", "subset") if c in table.column_names), None)


def _parts(subject: Subject) -> list[Finding]:
    part = _part_column(subject.table)
    if part is None:
        return []
    compared = tuple(c for c in said(subject.table, with_key=True) if c not in ("split", "part", "cv", "fold"))
    same = [c for c in ("cv", "fold", "split") if c in subject.table.column_names and c != part]
    frames = subject.now.partition_by(same) if same else [subject.now]
    return [f for frame in frames for f in relations.shared_parts(frame, part, compared)]


Applies = Callable[[Table, Roles], bool]


def _text(_table: Table, found: Roles) -> bool:
    return bool(found.strings)


def _data_numbers(table: Table, found: Roles) -> bool:
    return bool(found.numbers) and table.layer in DATA


_UNIT = "look up the unit of these values at the source"
_LOOKS: tuple[tuple[str, Look, Applies, str], ...] = (
    ("letters are what they seem", _foreign, _text, "write the plain letter; find the reader that let it pass"),
    ("text is in its encoding", _broken, _text, "read the source as UTF-8 again"),
    ("texts are whole", _cut, _text, "read the source again without a limit of length"),
    ("missing is null", _stand_ins, lambda _, r: bool(r.strings or r.numbers), "read these words and codes as null"),
    ("names have one spelling", _spellings, lambda _, r: bool(r.names), "settle on one spelling where it is read"),
    ("formulas parse", _formulas, lambda _, r: bool(r.formulas), "mend the formula at the source, or the parser"),
    (
        "formulas hold their elements",
        _elements,
        lambda _, r: len(r.formulas) + len(r.systems) > 1,
        "join by the key, not by position; compute the system from the formula",
    ),
    ("numbers are possible", _possible, lambda _, r: bool(r.quantities or r.numbers), _UNIT),
    ("numbers are of one scale", _scales, _data_numbers, _UNIT),
    ("no number fills gaps", _filled, _data_numbers, "set filled values to null and flag them: they were not measured"),
    ("lower ends are lower", _ascending, lambda t, _: bool(_pairs(t)), "find which column was written into the other"),
    ("no page stands twice", _pages, lambda t, _: t.layer in DATA, "drop the rows that were read twice"),
    ("days are possible", _dates, lambda _, r: bool(r.dates), "read the day again at the source"),
    (
        "provenance is told",
        _provenance,
        lambda t, r: t.layer in DATA and (bool(r.provenance) or t.licence_column is not None),
        "say where the row is from and under which licence, or leave it out",
    ),
    (
        "known compounds keep what is known",
        _known,
        lambda t, r: t.layer in DATA and "formula" in r.formulas and bool(r.labels or r.quantities),
        "compare with the facts that ship with the project, then mend labels or unit",
    ),
    (
        "siblings agree",
        _siblings,
        lambda t, r: t.layer in DATA and t.layer != "feat" and bool(r.formulas),
        "look at this compound at the source: its siblings say otherwise",
    ),
    ("parts share no row", _parts, lambda t, _: bool(_part_column(t)), "leave rows of the test part out of training"),
)
