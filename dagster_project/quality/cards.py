"""Writes the bias card of each trained model beside its folder, and its measures into meta.bias_metrics."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from models.bias import BiasCard, as_table, bias_card

if TYPE_CHECKING:
    from warehouse.store import Store


def written(store: "Store", home: Path) -> list[BiasCard]:
    """The cards of the models whose training rows are there.

    Args:
        store: where the rows are read from, and the measures written to.
        home: folder with `models/`; a card is `models/<name>.bias.md`.
    """
    made = []
    for name, table, card in _cards(store):
        version = store.passed_version(table)
        measured = as_table(card.measured, table=f"models.{name}", version=version or 0, at=datetime.now(UTC))
        store.write("meta.bias_metrics", measured, mode="upsert")
        folder = home / "models"
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{name}.bias.part"
        part.write_text(card.page, encoding="utf-8")
        part.replace(folder / f"{name}.bias.md")
        made.append(card)
    return made


def _cards(store: "Store") -> list[tuple[str, str, BiasCard]]:
    found: list[tuple[str, str, BiasCard]] = []
    labels = store.scan_passed("core.labels").filter("curated").collect()
    if labels.height:
        pool = store.scan_passed("pred.screening").select("formula").collect()
        screening = bias_card(
            labels,
            model="screening",
            formula="formula",
            label="label_name",
            groups=("family_ln", "family_tm_anion", "source"),
            values=("transition_temperature_K",),
            pool=pool if pool.height else None,
        )
        found.append(("screening", "core.labels", screening))
    recipes = store.scan_passed("core.recipes").collect()
    if recipes.height:
        asked = store.scan_passed("pred.recipes").select(formula="target").collect()
        years = recipes.with_columns(publisher=pl.col("doi").str.extract(r"^(10\.\d+)/"))
        plans = bias_card(
            years,
            model="recipes",
            formula="target",
            label="route",
            groups=("source", "publisher"),
            values=("sinter_temperature_K", "sinter_time_h"),
            pool=asked if asked.height else None,
        )
        found.append(("recipes", "core.recipes", plans))
    return found
