"""Resources of the graph: the warehouse, opened once a process."""

from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from dagster_project.settings import Settings

if TYPE_CHECKING:
    from warehouse.store import Store


class Warehouse:
    """The store of the home that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def store(self) -> "Store":
        """Opened at first use, so that loading the definitions touches no file."""
        from warehouse.store import Store

        return Store(self.settings.home)


@dg.resource(description="The warehouse of MATLOOM_HOME.")
def warehouse_resource(_context: dg.InitResourceContext) -> Warehouse:
    """Reads the settings when a run starts, not when the definitions load."""
    return Warehouse(Settings.from_environment())


@dg.io_manager(required_resource_keys={"warehouse"}, description="Frames to and from the warehouse's tables.")
def store_io_manager(context: dg.InitResourceContext) -> dg.IOManager:
    """The I/O manager on the same store."""
    from dagster_project.io_manager import StoreIOManager

    return StoreIOManager(context.resources.warehouse.store)
