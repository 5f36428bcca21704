"""Computed columns beside those of the input: one rule for every function that takes a table and adds to it."""

from itertools import count

import polars as pl


def beside(frame: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Adds computed columns to a table; nothing of the input is lost.

    Args:
        frame: n rows as given.
        made: n rows of computed columns. An input column of one of their names keeps its content as `<name>_input`.
    """
    kept: dict[str, str] = {}
    for name in made.columns:
        if name in frame.columns:
            free = (f"{name}{'_input' * times}" for times in count(1))
            kept[name] = next(n for n in free if n not in frame.columns and n not in made.columns)
    return pl.concat([frame.rename(kept), made], how="horizontal")
