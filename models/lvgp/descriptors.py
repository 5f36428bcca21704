"""Numbers that describe levels, as the few columns from which points of levels are mapped.

Belongs here: where descriptors come from (a table, a problem, the periodic table) and how they are scaled.
"""

import logging
from dataclasses import replace

import numpy as np
import polars as pl

from models.lvgp.encoding import Encoding
from models.lvgp.kinds import KINDS
from schemas.arrays import Floats
from schemas.errors import InputError

log = logging.getLogger(__name__)

Described = dict[str, Floats]
"""Variable -> columns of its levels, L x q."""
COMPONENTS = 6
IONIC = 6  # numbers that describe an ion
COLUMNS = ("parameter", "option", "descriptor", "value")


def described(encoding: Encoding, table: pl.DataFrame | None) -> Encoding:
    """An encoding with what describes its levels, see `of_levels`; a warning names variables that a table leaves alike.

    Raises:
        InputError: see `of_table`; or no table, and no variable whose levels are all elements.
    """
    told = None if table is None else of_table(table, encoding.levels)
    found = _completed(told, encoding.levels)
    if told is None and not found:
        raise InputError.of("levels that are no elements", "lvgp-descriptor", "give a table of descriptors")
    for name, columns in (told or {}).items():
        if not columns.shape[1] and len(encoding.levels[name]) > 1:
            instead = "they are described as elements" if name in found else "nothing describes them"
            log.warning("the descriptors of all levels of %s are the same: %s", name, instead)
    return replace(encoding, descriptors=found)


def looked_up(encoding: Encoding, table: pl.DataFrame | None, strategy: str) -> Encoding:
    """An encoding with what a strategy takes of descriptors: without a table `lvgp-descriptor` alone asks for any.

    Raises:
        InputError: see `described`.
    """
    takes = strategy in KINDS and KINDS[strategy].described
    return described(encoding, table) if takes and (table is not None or strategy == "lvgp-descriptor") else encoding


def of_levels(levels: dict[str, tuple[str, ...]], table: pl.DataFrame | None) -> Described:
    """Descriptors of a table; where it says nothing of a variable, or leaves its levels alike, those of elements.

    Returns:
        Variable -> columns of its levels, L x q; without the variables that nothing describes.

    Raises:
        InputError: see `of_table`.
    """
    return _completed(None if table is None else of_table(table, levels), levels)


def _completed(told: Described | None, levels: dict[str, tuple[str, ...]]) -> Described:
    """What a table tells, and elements where it tells nothing of a variable or leaves its levels alike: no column."""
    known = {name: columns for name, columns in (told or {}).items() if columns.shape[1]}
    return known | of_elements({name: options for name, options in levels.items() if name not in known})


def of_table(table: pl.DataFrame, levels: dict[str, tuple[str, ...]]) -> Described:
    """Descriptors of a long table: `parameter`, `option`, `descriptor`, `value`; others' levels are passed over.

    Raises:
        InputError: a missing column, a value that is no number, a descriptor without a name, or nothing of any level.
    """
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise InputError.of(f"missing column {missing[0]}", "the descriptors", f"they need {', '.join(COLUMNS)}")
    value = pl.col("value").cast(pl.Float64, strict=False)
    odd = table.filter(
        pl.col("descriptor").is_null() | (value.is_null() & pl.col("value").is_not_null()) | value.is_infinite()
    )
    if odd.height:
        told = ", ".join(str(v) for v in odd.select(COLUMNS).row(0))
        raise InputError.of(f"a descriptor {told}", "the descriptors", "name each, and give numbers as values")
    twice = table.unique(COLUMNS, maintain_order=True).filter(pl.struct(COLUMNS[:3]).is_duplicated())
    if twice.height:
        told = ", ".join(str(v) for v in twice.select(COLUMNS[:3]).row(0))
        raise InputError.of(f"two values of {told}", "the descriptors", "leave one out")
    found = {}
    for name, options in levels.items():
        rows = table.filter((pl.col("parameter") == name) & pl.col("option").cast(pl.String).is_in(options))
        if rows.height:
            names = sorted(rows["descriptor"].unique().to_list())
            raw = np.full((len(options), len(names)), np.nan)
            for option, descriptor, value in rows.select(COLUMNS[1:]).iter_rows():
                raw[options.index(str(option)), names.index(descriptor)] = np.nan if value is None else float(value)
            found[name] = scaled(raw)
    if not found:
        raise InputError.of("no descriptor of any level", "the descriptors", f"describe {', '.join(levels)}")
    return found


def of_elements(levels: dict[str, tuple[str, ...]]) -> Described:
    """What an ion is, of those variables whose levels are all chemical elements, but for "", which is out of use.

    Lowest and highest common oxidation state, mean ionic radius, electronegativity, group and row, in which the f block
    has rows of its own: what decides which site an element takes, as pymatgen tells it.
    """
    from etl.features.elements import NUMBER

    elements = {name: v for name, v in levels.items() if any(v) and all(level in NUMBER for level in v if level)}
    return {name: scaled(np.array([_ion(level) for level in v])) for name, v in elements.items()}


def _ion(symbol: str) -> list[float]:
    from pymatgen.core import Element

    if not symbol:
        return [np.nan] * IONIC
    element = Element(symbol)
    states = element.common_oxidation_states or element.oxidation_states or (np.nan,)
    radius, negativity = float(element.average_ionic_radius) or np.nan, element.data.get("X") or np.nan
    return [min(states), max(states), radius, negativity, element.group, element.row]


def scaled(raw: Floats) -> Floats:
    """Leading principal components of standardised descriptors, of unit mean square norm, L x q.

    A missing value is the mean of its column. A level without any has a column of its own: its point is free.
    """
    raw = raw[:, np.isfinite(raw).any(axis=0)]
    bare = ~np.isfinite(raw).any(axis=1)
    if bare.all():
        return np.eye(len(raw))
    known = np.where(np.isfinite(raw), raw, np.nan)[~bare]
    center = np.nanmean(known, axis=0)
    filled = np.where(np.isfinite(known), known, center) - center
    width = filled.std(axis=0)
    filled = filled[:, width > 1e-9] / width[width > 1e-9]
    found = np.zeros((len(raw), 0))
    if filled.shape[1]:
        left, size, _ = np.linalg.svd(filled, full_matrices=False)
        kept = size[:COMPONENTS] > 1e-6
        parts = (left * size)[:, :COMPONENTS][:, kept]
        found = np.zeros((len(raw), parts.shape[1]))
        found[~bare] = parts / np.sqrt(np.square(parts).sum(axis=1).mean())
    return np.column_stack([found, np.eye(len(raw))[:, bare]])
