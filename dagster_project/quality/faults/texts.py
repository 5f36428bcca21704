"""Defects of text: encodings, foreign letters, cut ends, spellings, formulas that are none."""

import polars as pl

from dagster_project.quality.faults.register import every, fault, where


@fault("raw.documents")
def mojibake_in_abstracts(frame: pl.DataFrame) -> pl.DataFrame:
    """UTF-8 read as CP-1252."""
    return frame.with_columns(
        where(every(3), "abstract", pl.lit("At 340\u00c2\u00a0K, VO\u00e2\u201a\u201a: ") + pl.col("abstract"))
    )


@fault("raw.documents")
def replacement_characters(frame: pl.DataFrame) -> pl.DataFrame:
    """Bytes that could not be read."""
    return frame.with_columns(where(every(5), "title", pl.col("title").str.replace("a", "\ufffd")))


@fault("core.labels")
def cyrillic_letter_in_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """A Cyrillic letter typed for a Latin one."""
    return frame.with_columns(where(every(30), "formula", pl.col("formula").str.replace("O", "О")))


@fault("core.labels")
def zero_width_space_in_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """A letter that is not seen, from a web page."""
    return frame.with_columns(where(every(50), "formula", pl.col("formula") + "\u200b"))


@fault("core.recipes")
def subscript_digits_in_targets(frame: pl.DataFrame) -> pl.DataFrame:
    """Subscripts for print."""
    return frame.with_columns(where(every(9), "target", pl.col("target").str.replace_all("3", "\u2083")))


@fault("core.compounds")
def padded_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """White space kept from a table cell."""
    return frame.with_columns(where(every(25), "formula", pl.col("formula") + " "))


@fault("core.labels")
def formulas_in_capital_letters(frame: pl.DataFrame) -> pl.DataFrame:
    """Upper case by a spreadsheet."""
    return frame.with_columns(where(every(10), "formula", pl.col("formula").str.to_uppercase()))


@fault("core.labels")
def several_spellings_of_a_source(frame: pl.DataFrame) -> pl.DataFrame:
    """Labels by several hands."""
    return frame.with_columns(where(every(3), "source", pl.col("source").str.to_uppercase()))


@fault("core.labels")
def label_in_another_spelling(frame: pl.DataFrame) -> pl.DataFrame:
    """A label outside the vocabulary."""
    return frame.with_columns(where(every(15), "label_name", pl.col("label_name").str.to_titlecase()))


@fault("raw.documents")
def abstracts_cut_short(frame: pl.DataFrame) -> pl.DataFrame:
    """A column of 255 letters."""
    return frame.with_columns(pl.col("abstract").str.slice(0, 255))


@fault("core.labels")
def formulas_cut_at_eight_letters(frame: pl.DataFrame) -> pl.DataFrame:
    """A column of ten letters."""
    return frame.with_columns(pl.col("formula").str.slice(0, 6)).unique(("formula", "source"), maintain_order=True)


@fault("raw.structures")
def structure_files_cut_short(frame: pl.DataFrame) -> pl.DataFrame:
    """An upload that broke off."""
    return frame.with_columns(where(every(8), "cif", pl.col("cif").str.slice(0, 400)))


@fault("core.compounds")
def formula_read_as_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """NaN, sodium mononitride, read as missing."""
    return frame.with_columns(where(pl.col("formula") == "NaN", "formula", pl.lit(None)))


@fault("core.compounds")
def formula_lost_as_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows without formula dropped after NaN was read as missing."""
    return frame.filter(pl.col("formula") != "NaN")


@fault("core.labels")
def words_for_missing_doi(frame: pl.DataFrame) -> pl.DataFrame:
    """Words for a missing value."""
    return frame.with_columns(where(every(6), "doi", pl.lit("n/a")))


@fault("core.labels")
def broken_doi(frame: pl.DataFrame) -> pl.DataFrame:
    """A DOI with its resolver cut in half."""
    return frame.with_columns(where(every(9), "doi", pl.lit("acs.chemmater.1c00905")))


@fault("core.structures")
def names_for_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Chemist's names for formulas."""
    return frame.with_columns(where(every(30), "formula_reduced", pl.lit("vanadium dioxide")))


@fault("core.labels")
def zero_for_the_letter_o(frame: pl.DataFrame) -> pl.DataFrame:
    """Letter O for digit zero, digit for letter."""
    return frame.with_columns(where(every(40), "formula", pl.lit("0") + pl.col("formula").str.replace("O", "0")))


@fault("raw.documents")
def entities_left_in_titles(frame: pl.DataFrame) -> pl.DataFrame:
    """Entities of HTML left over."""
    return frame.with_columns(where(every(4), "title", pl.col("title") + " &#x2013; a study"))
