"""The end of a run: what passed its audit is published, and the report is written from it."""

from collections.abc import Iterator

import dagster as dg

from schemas.tables import REGISTRY

_CARDS = dg.AssetKey(["bias_cards"])
_TABLES = [dg.AssetKey(t.name.split(".")) for t in REGISTRY if t.layer != "meta" and t.name != "raw.harvests"]


@dg.asset(
    key=["meta", "publications"],
    deps=[*_TABLES, _CARDS],
    group_name="quality",
    owners=["team:quality"],
    kinds={"duckdb"},
    required_resource_keys={"warehouse"},
    description="Publishes the newest version of every table that passed its audit, all together.",
)
def publications(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Swaps the catalog; readers keep the old one until they open it again."""
    from warehouse import catalog

    made = catalog.publish(context.resources.warehouse.settings.home)
    for table, why in made.held.items():
        context.log.warning(f"{table} is held back: {why}")
    yield dg.MaterializeResult(
        metadata={
            "publication_id": made.publication_id,
            "changed": made.changed,
            "rows": sum(made.rows.values()),
            "held": ", ".join(made.held) or "nothing",
        }
    )


@dg.asset(
    key=_CARDS,
    deps=[dg.AssetKey(["pred", "screening"]), dg.AssetKey(["pred", "recipes"])],
    group_name="quality",
    owners=["team:quality"],
    kinds={"polars"},
    required_resource_keys={"warehouse"},
    description="What the training rows of each model cover, beside what it is asked about; a page beside each model.",
    check_specs=[dg.AssetCheckSpec("harm", asset=_CARDS, blocking=True)],
)
def bias_cards(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Measures what the models learned from; a model that bias makes unfit fails the run."""
    from dagster_project.quality.cards import written

    made = written(context.resources.warehouse.store, context.resources.warehouse.settings.home)
    harms = [f"{card.model}: {harm}" for card in made for harm in card.harms]
    yield dg.MaterializeResult(
        metadata={card.model: dg.MetadataValue.md(card.page) for card in made},
        check_results=[
            dg.AssetCheckResult(check_name="harm", passed=not harms, metadata={"harms": "; ".join(harms) or "none"})
        ],
    )


@dg.asset(
    key=["report"],
    deps=[publications],
    group_name="quality",
    owners=["team:quality"],
    kinds={"html"},
    required_resource_keys={"warehouse"},
    description="A static site of the published tables, in the folder report of the home.",
)
def report(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Writes the site aside and replaces the former one; the same state by the same code is not written again."""
    from dagster_project import insight
    from dagster_project.lineage import edges
    from dagster_project.versions import report_stamp
    from warehouse.report import build

    home = context.resources.warehouse.settings.home
    stamp, kept = report_stamp(home), home / "report" / "stamp"
    changed = not kept.is_file() or kept.read_text() != stamp
    if changed:
        build(home, home / "report", lineage=edges(), insight=insight.of(home), stamp=stamp)
    index = dg.MetadataValue.path(str(home / "report" / "index.html"))
    yield dg.MaterializeResult(metadata={"index": index, "rewritten": changed})
