"""Everything Dagster sees: assets, jobs, schedules, sensors, resources. Loading it imports no heavy package."""

from importlib import import_module
from pkgutil import iter_modules

import dagster as dg

from dagster_project import assets as asset_modules
from dagster_project.console import console
from dagster_project.jobs import JOBS
from dagster_project.resources import store_io_manager, warehouse_resource
from dagster_project.schedules import SCHEDULES
from dagster_project.sensors import SENSORS

_modules = [import_module(f"{asset_modules.__name__}.{m.name}") for m in iter_modules(asset_modules.__path__)]

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(_modules),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    executor=dg.in_process_executor,
    loggers={"console": console},
    resources={"warehouse": warehouse_resource, "io_manager": store_io_manager},
)
