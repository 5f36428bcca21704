"""Defects of numbers: units mistaken, codes for missing values, values filled in, moved, drifted."""

import polars as pl

from dagster_project.quality.faults.register import every, fault, where

T = "transition_temperature_K"


@fault("core.labels")
def celsius_for_kelvin(frame: pl.DataFrame) -> pl.DataFrame:
    """A reader forgot to add 273.15."""
    return frame.with_columns(pl.col(T) - 273.15).with_columns(where(pl.col(T) < 0, T, pl.lit(0.0)))


@fault("core.recipes")
def celsius_in_a_third_of_the_recipes(frame: pl.DataFrame) -> pl.DataFrame:
    """One of two sources gives degrees Celsius."""
    return frame.with_columns(where(every(3), "sinter_temperature_K", pl.col("sinter_temperature_K") - 273.15))


@fault("core.recipes")
def fahrenheit_for_kelvin(frame: pl.DataFrame) -> pl.DataFrame:
    """Fahrenheit in a translated table."""
    return frame.with_columns(where(every(4), "max_temperature_K", (pl.col("max_temperature_K") - 273.15) * 1.8 + 32))


@fault("core.recipes")
def minutes_for_hours(frame: pl.DataFrame) -> pl.DataFrame:
    """Times given in minutes."""
    return frame.with_columns(pl.col("sinter_time_h") * 60)


@fault("core.recipes")
def minutes_for_hours_in_a_tenth(frame: pl.DataFrame) -> pl.DataFrame:
    """Times given in minutes by one publisher."""
    return frame.with_columns(where(every(10), "sinter_time_h", pl.col("sinter_time_h") * 60))


@fault("file.perovskites")
def millielectronvolt_for_electronvolt(frame: pl.DataFrame) -> pl.DataFrame:
    """Gaps given in meV."""
    return frame.with_columns(pl.col("gap_eV") * 1000)


@fault("file.perovskites")
def millielectronvolt_in_a_twentieth(frame: pl.DataFrame) -> pl.DataFrame:
    """Some gaps given in meV."""
    return frame.with_columns(where(every(20) & (pl.col("gap_eV") > 0), "gap_eV", pl.col("gap_eV") * 1000))


@fault("file.perovskites")
def kilojoule_per_mole_for_electronvolt(frame: pl.DataFrame) -> pl.DataFrame:
    """Energies in kJ/mol."""
    return frame.with_columns(pl.col("stability_eV_atom") * 96.485)


@fault("file.perovskites")
def hartree_for_electronvolt_in_a_fifth(frame: pl.DataFrame) -> pl.DataFrame:
    """Energies in Hartree from another code."""
    return frame.with_columns(where(every(5), "stability_eV_atom", pl.col("stability_eV_atom") / 27.211386))


@fault("core.structures")
def cubic_nanometre_for_angstrom(frame: pl.DataFrame) -> pl.DataFrame:
    """Cell volumes in cubic nanometres."""
    return frame.with_columns(pl.col("volume_per_atom_angstrom3") / 1000)


@fault("core.structures")
def kilogram_per_cubic_metre(frame: pl.DataFrame) -> pl.DataFrame:
    """Densities in kg per cubic metre."""
    return frame.with_columns(where(every(7), "density_g_cm3", pl.col("density_g_cm3") * 1000))


@fault("file.labelled")
def nanometre_for_angstrom(frame: pl.DataFrame) -> pl.DataFrame:
    """Distances in nanometres."""
    return frame.with_columns(where(every(6), "avg_mm_dists", pl.col("avg_mm_dists") / 10))


@fault("file.labelled")
def zeros_for_failed_calculations(frame: pl.DataFrame) -> pl.DataFrame:
    """Failed Ewald sums stored as zero."""
    return frame.with_columns(where(every(12, start=1), "avg_mx_dists", pl.lit(0.0)))


@fault("core.structures")
def minus_999_for_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """A code for a missing density."""
    return frame.with_columns(where(every(40), "volume_angstrom3", pl.lit(9999.0)))


@fault("core.recipes")
def zero_for_missing_time(frame: pl.DataFrame) -> pl.DataFrame:
    """Zero hours where the text gives none."""
    return frame.with_columns(pl.col("sinter_time_h").fill_null(0.0))


@fault("file.labelled")
def mean_put_where_values_lack(frame: pl.DataFrame) -> pl.DataFrame:
    """Gaps filled with the mean."""
    mean = frame["t_mit_K"].mean()
    return frame.with_columns(pl.col("t_mit_K").fill_null(mean))


@fault("feat.composition")
def column_copied_over_another(frame: pl.DataFrame) -> pl.DataFrame:
    """One feature copied over another."""
    return frame.with_columns(pl.col("MagpieData mean Number").alias("MagpieData mean CovalentRadius"))


@fault("core.structures")
def seven_hundred_to_a_thousand_read_as_one(frame: pl.DataFrame) -> pl.DataFrame:
    """A range read as one number."""
    return frame.with_columns(where(every(200, start=50), "volume_angstrom3", pl.lit(7001000.0)))


@fault("file.perovskites")
def sign_of_energies_turned(frame: pl.DataFrame) -> pl.DataFrame:
    """A sign lost in the table."""
    return frame.with_columns(where(every(4), "stability_eV_atom", -pl.col("stability_eV_atom")))


@fault("core.recipes")
def instrument_drifts(frame: pl.DataFrame) -> pl.DataFrame:
    """An oven that reads 120 K too high, from a day on."""
    late = pl.int_range(pl.len()) > pl.len() // 3
    return frame.with_columns(where(late, "max_temperature_K", pl.col("max_temperature_K") * 1.12 + 37))


@fault("feat.composition")
def distribution_of_a_feature_drifts(frame: pl.DataFrame) -> pl.DataFrame:
    """A new release of a table of elements."""
    name = "MagpieData mean Electronegativity"
    return frame.with_columns(pl.col(name) * 1.3 - 0.2)


@fault("file.perovskites")
def decimals_lost(frame: pl.DataFrame) -> pl.DataFrame:
    """Rounded to whole numbers by a spreadsheet."""
    return frame.with_columns(pl.col("gap_eV").round(0), pl.col("stability_eV_atom").round(0))


@fault("core.recipes")
def infinite_temperature(frame: pl.DataFrame) -> pl.DataFrame:
    """An overflow written as infinity."""
    return frame.with_columns(where(every(90), "max_temperature_K", pl.lit(float("inf"))))


@fault("core.labels")
def not_a_number_in_temperatures(frame: pl.DataFrame) -> pl.DataFrame:
    """A division by zero."""
    return frame.with_columns(where(pl.col(T).is_not_null() & every(5), T, pl.lit(float("nan"))))
