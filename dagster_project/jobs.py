"""Named selections of the graph that people launch and schedules start."""

import dagster as dg

_HARVEST = dg.AssetSelection.assets("raw/harvests")
_CALCULATED = dg.AssetSelection.groups("design")

EVERYTHING = dg.define_asset_job(
    "everything",
    selection=dg.AssetSelection.all() - _HARVEST,
    description="The whole graph, from documents to the published catalog and the report.",
)
LITERATURE_UPDATE = dg.define_asset_job(
    "literature_update", selection=_HARVEST, description="One day of new literature."
)
SCREENING = dg.define_asset_job(
    "screening",
    selection=dg.AssetSelection.groups("features", "screening", "recipes", "quality"),
    description="Features, classifier, families, recipes of the best candidates.",
)
DESIGN_LOOP = dg.define_asset_job(
    "design_loop", selection=_CALCULATED, description="One round: propose, evaluate, find the front."
)

JOBS = [EVERYTHING, LITERATURE_UPDATE, SCREENING, DESIGN_LOOP]
