"""Defects of rows: shifted, swapped, repeated, lost, sampled unfairly, joined wrongly, relabelled, stale."""

import polars as pl

from dagster_project.quality.faults.register import every, fault, where


@fault("core.labels")
def labels_shifted_by_one_row(frame: pl.DataFrame) -> pl.DataFrame:
    """Sorted apart from the other columns."""
    return frame.with_columns(pl.col("label_name").shift(1).fill_null("metal"))


@fault("core.structures")
def densities_shifted_by_one_row(frame: pl.DataFrame) -> pl.DataFrame:
    """A column pasted one row too low."""
    return frame.with_columns(pl.col("density_g_cm3").shift(1).backward_fill())


@fault("core.structures")
def systems_shifted_by_one_row(frame: pl.DataFrame) -> pl.DataFrame:
    """Joined by position."""
    return frame.with_columns(pl.col("chemsys").shift(-1).forward_fill())


@fault("file.perovskites")
def gaps_shuffled(frame: pl.DataFrame) -> pl.DataFrame:
    """Shuffled in a notebook."""
    return frame.with_columns(frame["gap_eV"].shuffle(seed=3))


@fault("core.recipes")
def temperature_and_time_swapped(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns named in the wrong order."""
    return frame.rename({"sinter_time_h": "sinter_temperature_K", "sinter_temperature_K": "sinter_time_h"})


@fault("file.labelled")
def two_features_swapped(frame: pl.DataFrame) -> pl.DataFrame:
    """Two features in each other's place."""
    return frame.rename({"avg_mm_dists": "avg_xx_dists", "avg_xx_dists": "avg_mm_dists"})


@fault("core.structures")
def formula_and_system_swapped_in_some_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells of a row moved to the left."""
    mark = every(20)
    return frame.with_columns(
        where(mark, "formula_reduced", pl.col("chemsys")), where(mark, "chemsys", pl.col("formula_reduced"))
    )


@fault("core.recipes")
def page_twice_under_new_ids(frame: pl.DataFrame) -> pl.DataFrame:
    """A page fetched twice, under new ids."""
    page = frame.slice(100, 40).with_columns(pl.col("recipe_id") + "-again")
    return pl.concat([frame, page])


@fault("core.labels")
def page_twice(frame: pl.DataFrame) -> pl.DataFrame:
    """A page fetched twice."""
    return pl.concat([frame, frame.slice(50, 25)])


@fault("core.mentions")
def mentions_of_no_document(frame: pl.DataFrame) -> pl.DataFrame:
    """Documents withdrawn after their text was read."""
    return frame.with_columns(where(every(12), "document_id", pl.lit("arxiv:gone-0001")))


@fault("core.structures")
def structures_of_no_source(frame: pl.DataFrame) -> pl.DataFrame:
    """Ids of another release."""
    return frame.with_columns(where(every(50), "structure_id", pl.col("structure_id") + "v2"))


@fault("core.labels")
def labels_of_one_family_flipped(frame: pl.DataFrame) -> pl.DataFrame:
    """One family read with the labels exchanged."""
    mark = pl.col("family_tm_anion") == "Ni|O"
    flipped = pl.col("label_name").replace({"mit": "metal", "metal": "mit", "insulator": "metal"})
    return frame.with_columns(where(mark, "label_name", flipped))


@fault("core.labels")
def labels_at_random(frame: pl.DataFrame) -> pl.DataFrame:
    """A label by chance in one row of ten."""
    return frame.with_columns(where(every(10), "label_name", pl.col("label_name").shift(7).fill_null("mit")))


@fault("file.split")
def test_rows_leak_into_training(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the test part copied into the training part."""
    leaked = frame.filter(pl.col("part") == "test").head(15).with_columns(pl.lit("train").alias("part"))
    return pl.concat([frame, leaked])


@fault("raw.documents")
def stale_snapshot(frame: pl.DataFrame) -> pl.DataFrame:
    """A snapshot of last year put in place of today's."""
    return frame.sort("published_on", nulls_last=True).head(int(frame.height * 0.7))


@fault("core.structures")
def one_prototype_partition_lost(frame: pl.DataFrame) -> pl.DataFrame:
    """The last shard left out."""
    last = frame["prototype"].drop_nulls().unique().sort()[-1]
    return frame.filter(pl.col("prototype") != last)


@fault("core.labels")
def insulators_lost(frame: pl.DataFrame) -> pl.DataFrame:
    """A source left out of the union."""
    return frame.filter((pl.col("label_name") != "insulator") | every(3))


@fault("core.structures")
def only_oxides_of_one_metal_sampled(frame: pl.DataFrame) -> pl.DataFrame:
    """Only what is well known was sampled."""
    return frame.filter(pl.col("chemsys").str.contains("O") & (pl.col("density_g_cm3") > 6.5))


@fault("raw.documents")
def most_rows_gone(frame: pl.DataFrame) -> pl.DataFrame:
    """A reader that stopped after the first page."""
    return frame.head(frame.height // 4)


@fault("core.recipes")
def rows_multiplied_by_a_join(frame: pl.DataFrame) -> pl.DataFrame:
    """A join that multiplies rows."""
    copies = [frame.with_columns(pl.col("recipe_id") + f"-{i}") for i in range(5)]
    return pl.concat(copies)


@fault("core.recipes")
def wrong_join_of_targets(frame: pl.DataFrame) -> pl.DataFrame:
    """Joined by the wrong key: recipes got targets of others."""
    return frame.with_columns(where(every(2), "target", pl.col("target").shift(20).fill_null(pl.col("target").last())))


@fault("core.labels")
def wrong_join_of_temperatures(frame: pl.DataFrame) -> pl.DataFrame:
    """Temperatures of another compound by a join on the family."""
    known = frame["transition_temperature_K"].drop_nulls()
    moved = pl.Series(known.to_list()[13:] + known.to_list()[:13])
    places = frame["transition_temperature_K"].is_not_null().arg_true()
    return frame.with_columns(frame["transition_temperature_K"].scatter(places, moved))


@fault("core.mentions")
def spans_out_of_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Offsets counted in bytes, by one after each other."""
    return frame.with_columns(where(every(9), "end", pl.col("start")), where(every(9), "start", pl.col("end")))
