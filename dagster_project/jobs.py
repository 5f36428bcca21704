"""Named selections of the graph that people launch and schedules start."""

import dagster as dg

_HARVEST = dg.AssetSelection.assets("raw/harvests")
QUEUE = "matloom/queue"
_WRITES = {QUEUE: "warehouse"}  # of these the daemon starts one at a time, see `home`
_PUBLISH = dg.AssetSelection.assets("meta/publications")  # costs next to nothing where no table changed

EVERYTHING = dg.define_asset_job(
    "everything",
    selection=dg.AssetSelection.all() - _HARVEST,
    tags=_WRITES,
    description="The whole graph, from documents to the published catalog and the report.",
)
LITERATURE_UPDATE = dg.define_asset_job(
    "literature_update",
    selection=_HARVEST | _PUBLISH,
    tags=_WRITES,
    description="Fetches one day of one literature source and publishes it; the sensor new_documents has it read.",
)
SCREENING = dg.define_asset_job(
    "screening",
    selection=dg.AssetSelection.groups("features", "screening", "recipes", "quality"),
    tags=_WRITES,
    description="Features, classifier, families, recipes of the best candidates; publishes and reports.",
)
DESIGN_LOOP = dg.define_asset_job(
    "design_loop",
    selection=dg.AssetSelection.groups("design") | _PUBLISH,
    tags=_WRITES,
    description="One round: propose, evaluate, find the front, publish.",
)

JOBS = [EVERYTHING, LITERATURE_UPDATE, SCREENING, DESIGN_LOOP]
