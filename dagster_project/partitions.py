"""Partitions of the graph: literature by the day on which it changed at its source."""

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-09-01")
