"""Changes that are no defects: order, new rows, fair samples, other types, corrections. None may raise anything."""

from datetime import timedelta

import polars as pl

from dagster_project.quality.faults.register import clean, every, where

_TABLES = ("core.labels", "core.recipes", "core.structures", "raw.documents", "core.compounds", "file.perovskites")


@clean(*_TABLES)
def nothing(frame: pl.DataFrame) -> pl.DataFrame:
    """A run that changes nothing."""
    return frame


@clean(*_TABLES)
def rows_in_another_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Another order of reading."""
    return frame.sample(fraction=1.0, shuffle=True, seed=5)


@clean(*_TABLES)
def columns_in_another_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns by their names."""
    return frame.select(sorted(frame.columns, reverse=True))


@clean(*_TABLES)
def a_fair_part(frame: pl.DataFrame) -> pl.DataFrame:
    """A smaller sample, drawn fairly."""
    return frame.sample(fraction=0.7, seed=11)


@clean(*_TABLES)
def a_fair_larger_part(frame: pl.DataFrame) -> pl.DataFrame:
    """A sample in another order, drawn fairly."""
    return frame.sample(fraction=0.85, shuffle=True, seed=12)


@clean(*_TABLES)
def a_few_rows_withdrawn(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows withdrawn here and there."""
    return frame.filter(~every(33))


@clean("core.recipes")
def new_recipes(frame: pl.DataFrame) -> pl.DataFrame:
    """New recipes of the same kind."""
    new = frame.sample(fraction=0.3, seed=2).with_columns(
        pl.col("recipe_id") + "-new",
        pl.col("doi") + "-new",
        pl.col("sinter_temperature_K") + 10.0,
        pl.col("max_temperature_K") + 10.0,
    )
    return pl.concat([frame, new])


@clean("raw.documents")
def newer_documents(frame: pl.DataFrame) -> pl.DataFrame:
    """Newer documents."""
    new = frame.head(20).with_columns(
        *(pl.col(c) + "n" for c in ("document_id", "source_id", "title", "abstract", "content_hash")),
        pl.lit(None, dtype=pl.String).alias("doi"),
        pl.col("published_on") + timedelta(days=9),
    )
    return pl.concat([frame, new])


@clean("raw.structures")
def new_source_of_structures(frame: pl.DataFrame) -> pl.DataFrame:
    """A new source of structures."""
    new = frame.sample(fraction=0.4, seed=3).with_columns(
        pl.lit("another").alias("source"),
        pl.col("structure_id") + "-a",
        pl.lit(None, dtype=pl.String).alias("prototype"),
    )
    return pl.concat([frame, new])


@clean("core.labels")
def one_label_corrected(frame: pl.DataFrame) -> pl.DataFrame:
    """A corrected label."""
    return frame.with_columns(where(pl.int_range(pl.len()) == 40, "label_name", pl.lit("insulator")))


@clean("core.labels")
def some_temperatures_corrected(frame: pl.DataFrame) -> pl.DataFrame:
    """A few temperatures corrected."""
    column = "transition_temperature_K"
    return frame.with_columns(where(every(12), column, pl.col(column) * (1 + 0.03 * (pl.int_range(pl.len()) % 5))))


@clean("core.recipes")
def rounded_to_kelvin(frame: pl.DataFrame) -> pl.DataFrame:
    """Rounded to whole kelvin."""
    return frame.with_columns(pl.col("sinter_temperature_K").round(0), pl.col("max_temperature_K").round(0))


@clean("file.perovskites")
def single_precision(frame: pl.DataFrame) -> pl.DataFrame:
    """Stored in single precision."""
    return frame.with_columns(pl.col("gap_eV", "stability_eV_atom").cast(pl.Float32))


@clean("core.structures")
def smaller_whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Whole numbers in a smaller type."""
    return frame.with_columns(pl.col("space_group_number").cast(pl.Int16), pl.col("n_sites").cast(pl.Int32))


@clean("core.compounds")
def counts_as_decimals(frame: pl.DataFrame) -> pl.DataFrame:
    """Counts stored as decimals."""
    return frame.with_columns(pl.col("documents", "mentions").cast(pl.Float64))


@clean("core.labels")
def categories(frame: pl.DataFrame) -> pl.DataFrame:
    """Groups in a type for categories."""
    return frame.with_columns(pl.col("label_name", "source").cast(pl.Categorical))


@clean("core.recipes")
def some_gaps_closed(frame: pl.DataFrame) -> pl.DataFrame:
    """A few times found that were missing."""
    return frame.with_columns(where(pl.col("calcine_time_h").is_null() & every(9), "calcine_time_h", pl.lit(6.0)))


@clean("core.recipes")
def some_values_dropped(frame: pl.DataFrame) -> pl.DataFrame:
    """A few times found to be wrong and dropped."""
    return frame.with_columns(where(every(80), "sinter_time_h", pl.lit(None)))


@clean("raw.documents")
def honest_foreign_letters(frame: pl.DataFrame) -> pl.DataFrame:
    """Text with Greek letters, signs and accents."""
    told = " α-Fe₂O₃ by Müller–Łukasz; Δ = 3 µm, “σ” ≈ 10⁵ Ω⁻¹, β-Ga2O3, Ångström"
    return frame.with_columns(where(every(5), "abstract", pl.col("abstract") + told))


@clean("raw.documents")
def abstracts_revised(frame: pl.DataFrame) -> pl.DataFrame:
    """A revised abstract."""
    return frame.with_columns(where(every(9), "abstract", pl.lit("Revised. ") + pl.col("abstract")))


@clean("core.compounds")
def sodium_mononitride(frame: pl.DataFrame) -> pl.DataFrame:
    """Sodium mononitride joins."""
    new = frame.head(1).with_columns(pl.lit("InN").alias("formula"), pl.lit("In-N").alias("chemsys"))
    return pl.concat([frame, new]) if "InN" not in frame["formula"].to_list() else frame


@clean("core.structures")
def some_structures_relaxed(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells of a few structures relaxed."""
    names = ("volume_angstrom3", "volume_per_atom_angstrom3")
    return frame.with_columns(where(every(15), c, pl.col(c) * 1.013) for c in names)


@clean("file.split")
def training_part_grows(frame: pl.DataFrame) -> pl.DataFrame:
    """Another row joins the training part."""
    new = frame.filter(pl.col("part") == "train").head(3).with_columns(pl.col("formula") + "F", pl.col("gap_eV") + 0.1)
    return pl.concat([frame, new])


@clean("feat.composition")
def new_compounds(frame: pl.DataFrame) -> pl.DataFrame:
    """New compounds of new elements."""
    new = frame.tail(60).with_columns(pl.col("formula") + "F", pl.col("MagpieData mean Number") + 1.0)
    return pl.concat([frame, new])
