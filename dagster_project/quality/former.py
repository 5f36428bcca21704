"""Looks at a version beside the one before: rows, gaps, spread, groups, and what became of each row.

The looks themselves are in `models.bias` (`drift`, `revisions`). A table that is computed anew from others may change
all its values: of such only rows and gaps are compared.
"""

from dataclasses import replace

import polars as pl

from dagster_project.quality.content import DATA, said
from dagster_project.quality.model import Check, Look
from dagster_project.quality.roles import families
from dagster_project.quality.subject import Subject
from models.bias import drift, revisions
from models.bias.findings import ROW, Finding
from schemas.core import Table, Type

_FEWER, _MORE = 0.6, 4.0
_PAIRS = 14  # columns whose correlations are compared, at most


def former_checks(table: Table) -> list[Check]:
    """The looks at what changed that the columns of a table allow."""
    looks = (*_ROWS, *(_VALUES if table.layer in DATA else ()))
    return [
        Check(name=name, severity="warning", owner="team:quality", remedy=remedy, look=look, compares=True)
        for name, look, remedy in looks
    ]


def _shared_sources(subject: Subject) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both versions without the rows of sources that only one has: a new source is no drift of the others."""
    before, now = subject.before, subject.now
    if "source" not in subject.table.column_names or not before.height:
        return before, now
    both = before.select("source").unique().join(now.select("source").unique(), on="source")
    if not both.height:
        return before, now
    return tuple(f.join(both, on="source", how="semi") for f in (before, now))  # type: ignore[return-value]


def _volume(subject: Subject) -> list[Finding]:
    before, now = subject.former_height, subject.height
    if before < 20 or _FEWER * before <= now <= _MORE * before + 1000:
        return []
    text = f"{before} rows before, {now} now"
    return [Finding(column="rows", text=text, count=abs(now - before), of=before)]


def _complete(subject: Subject) -> list[Finding]:
    before, now = _shared_sources(subject)
    found = [f for c in _steady(subject.table) for f in drift.completeness(before, now, c)]
    return found if subject.table.layer in DATA else [replace(f, grave=False) for f in found]


def _steady(table: Table) -> list[str]:
    return [c.name for c in table.columns if not c.volatile]


def _spread(subject: Subject) -> list[Finding]:
    before, now = _shared_sources(subject)
    return [f for c in subject.roles.numbers for f in drift.numbers(before, now, c)]


def _shares(subject: Subject) -> list[Finding]:
    before, now = _shared_sources(subject)
    return [f for c in subject.groups for f in drift.groups(before, now, c)]


def _builds(subject: Subject) -> list[Finding]:
    """Names that were written anew: new rows may be named as they like, those that were there may not."""
    before, now = _shared_sources(subject)
    key = list(subject.table.key)
    if not key:
        return [f for c in subject.roles.names for f in drift.shapes(before, now, c)]
    gone = before.join(now, on=key, how="anti").height
    renamed = [f for c in key if c in subject.roles.names for f in drift.shapes(before, now, c)]
    kept = now.join(before, on=key, how="semi")
    others = [f for c in subject.roles.names if c not in key for f in drift.shapes(before, kept, c)]
    return others + [f for f in renamed if gone >= 0.5 * f.count]


def _together(subject: Subject) -> list[Finding]:
    before, now = _shared_sources(subject)
    measured = [c for c in subject.roles.numbers if before[c].n_unique() > 10]
    found = drift.together(before, now, tuple(measured[:_PAIRS]))
    for unit in {c.unit for c in subject.table.columns if c.unit}:
        alike = tuple(c for c in measured if subject.table.column(c).unit == unit)
        found += drift.ordered(before, now, alike[:_PAIRS])
    return found


def _determined(subject: Subject) -> list[Finding]:
    names = [c for c in subject.roles.names if c not in subject.table.key or len(subject.table.key) > 1][:8]
    plain = [c.name for c in subject.table.columns if c.type in (Type.STRING, Type.BOOL, Type.INT) and not c.volatile]
    before, now = _shared_sources(subject)
    found: list[Finding] = []
    for left in names:
        for right in plain[:20]:
            if left != right and not right.startswith("source"):
                found += drift.determined(before, now, left, right)
    return found


def _changed(subject: Subject) -> list[Finding]:
    both = subject.both
    if both.height < 5:
        return []
    counted = {c.name for c in subject.table.columns if c.unit == "count"}  # counts grow with what is counted
    columns = [c for c in _steady(subject.table) if c not in subject.table.key and c not in counted]
    found = [f for c in columns for f in (*revisions.changes(both, c), *revisions.emptied(both, c))]
    alike = tuple(c for c in columns if subject.table.column(c).type in (Type.STRING, Type.FLOAT))[:16]
    return found + revisions.swapped(both, alike)


def _labels(subject: Subject) -> list[Finding]:
    if subject.both.height < 5:
        return []
    by = tuple(c for c in families(subject.table) if c not in subject.table.key)
    return [
        f for c in subject.roles.labels if c not in subject.table.key for f in revisions.flipped(subject.both, c, by)
    ]


def _lost(subject: Subject) -> list[Finding]:
    key = subject.table.key
    if not key or subject.both.height < 5:
        return []
    by = tuple(dict.fromkeys((*families(subject.table), *subject.groups)))
    return revisions.lost(subject.before, subject.now, key, by)


def _hazards(subject: Subject) -> list[Finding]:
    return revisions.hazards(subject.before, subject.now, subject.roles.names)


def _days(subject: Subject) -> list[Finding]:
    return [f for c in subject.roles.dates for f in revisions.older(subject.before, subject.now, c)]


def _repeats(subject: Subject) -> list[Finding]:
    return revisions.repeats(subject.before, subject.now.drop(ROW), said(subject.table, with_key=False))


_MEANT = "raise the table's version if it is meant"
_ROWS: tuple[tuple[str, Look, str], ...] = (
    ("rows as many as before", _volume, "look whether a source was read whole"),
    ("values as complete as before", _complete, "look whether the source or the reader dropped the column"),
)
_VALUES: tuple[tuple[str, Look, str], ...] = (
    ("numbers spread as before", _spread, f"look what was added or changed; {_MEANT}"),
    ("groups share as before", _shares, "look what was added or lost; sample again if it is not meant"),
    ("names are built as before", _builds, "look whether another release or reader writes them otherwise"),
    ("numbers go together as before", _together, "look whether a column was sorted or joined apart from the others"),
    ("what told a column still tells it", _determined, "look at the join that made the column"),
    ("values stay with their rows", _changed, f"go back to the version before; {_MEANT}"),
    ("labels stay", _labels, "look who relabelled these compounds, and why"),
    ("no part of the rows is gone", _lost, "read the missing partition again"),
    ("no name is read as missing", _hazards, "read columns of names as text, without words for missing values"),
    ("days go on", _days, "an old snapshot took the place of a newer one: read the source again"),
    ("rows repeat no more than before", _repeats, "drop the rows that were read twice"),
)
