"""Partitions of the graph: literature by source and by the day on which it changed there."""

from datetime import date

import dagster as dg

from schemas.sources import CONNECTORS, EARLIEST

DAYS = dg.DailyPartitionsDefinition(start_date=EARLIEST.isoformat())
LITERATURE = dg.MultiPartitionsDefinition({"source": dg.StaticPartitionsDefinition(list(CONNECTORS)), "day": DAYS})


def literature_key(source: str, day: date) -> dg.MultiPartitionKey:
    """The partition of one day of one source."""
    return dg.MultiPartitionKey({"source": source, "day": day.isoformat()})


def source_and_day(key: str) -> tuple[str, date]:
    """What a partition of `LITERATURE` stands for."""
    parts = LITERATURE.get_partition_key_from_str(key).keys_by_dimension
    return parts["source"], date.fromisoformat(parts["day"])
