"""Defects of columns: provenance and licence dropped, values gone, names and types changed, impossible days."""

from datetime import date

import polars as pl

from dagster_project.quality.faults.register import every, fault, where


@fault("core.labels")
def licence_dropped(frame: pl.DataFrame) -> pl.DataFrame:
    """Licence forgotten by a new source."""
    return frame.with_columns(where(every(10), "licence", pl.lit(None)))


@fault("core.structures")
def licence_blank(frame: pl.DataFrame) -> pl.DataFrame:
    """Licence left blank."""
    return frame.with_columns(where(every(10), "licence", pl.lit("n/a")))


@fault("core.labels")
def provenance_dropped(frame: pl.DataFrame) -> pl.DataFrame:
    """DOIs dropped in a join."""
    return frame.with_columns(where(every(3), "doi", pl.lit(None)))


@fault("core.recipes")
def recipes_of_nowhere(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of nowhere."""
    mark = every(25)
    return frame.with_columns(where(mark, "doi", pl.lit(None)), where(mark, "source", pl.lit("")))


@fault("core.recipes")
def half_of_the_times_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """A parser that no longer finds times."""
    return frame.with_columns(where(every(2), "sinter_time_h", pl.lit(None)))


@fault("core.recipes")
def precursors_empty(frame: pl.DataFrame) -> pl.DataFrame:
    """A list read as empty."""
    return frame.with_columns(where(every(3), "precursors", pl.lit([], dtype=pl.List(pl.String))))


@fault("core.structures")
def column_renamed(frame: pl.DataFrame) -> pl.DataFrame:
    """A column renamed upstream."""
    return frame.rename({"space_group_number": "spacegroup"})


@fault("core.labels")
def column_dropped(frame: pl.DataFrame) -> pl.DataFrame:
    """A column dropped upstream."""
    return frame.drop("label_name")


@fault("core.recipes")
def numbers_became_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers that became text, with their unit."""
    return frame.with_columns(pl.col("sinter_temperature_K").cast(pl.String) + " K")


@fault("core.structures")
def flags_became_words(frame: pl.DataFrame) -> pl.DataFrame:
    """A flag that became a word."""
    return frame.with_columns(pl.col("valid").replace_strict({True: "ok", False: "bad"}, return_dtype=pl.String))


@fault("raw.documents")
def days_in_the_future(frame: pl.DataFrame) -> pl.DataFrame:
    """Day and month exchanged, a wrong century."""
    return frame.with_columns(where(every(6), "published_on", pl.lit(date(2124, 3, 1))))


@fault("raw.documents")
def days_at_the_zero_of_the_clock(frame: pl.DataFrame) -> pl.DataFrame:
    """Zero of the clock for unknown."""
    return frame.with_columns(where(every(6), "published_on", pl.lit(date(1970, 1, 1))))


@fault("core.labels")
def keys_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """Keys lost in a merge."""
    return frame.with_columns(where(every(60), "formula", pl.lit(None)))


@fault("core.structures")
def one_value_for_all(frame: pl.DataFrame) -> pl.DataFrame:
    """A category that swallows the others."""
    return frame.with_columns(pl.lit("perovskite").alias("prototype"))


@fault("core.structures")
def space_group_one_for_all(frame: pl.DataFrame) -> pl.DataFrame:
    """A default that was never set."""
    return frame.with_columns(where(every(2), "space_group_number", pl.lit(1)))


@fault("core.labels")
def per_cent_for_a_share(frame: pl.DataFrame) -> pl.DataFrame:
    """Probability given in per cent."""
    return frame.with_columns(pl.col("confidence") * 100)
