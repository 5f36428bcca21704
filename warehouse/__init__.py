"""Where tables live: Delta tables, the published DuckDB catalog and queries on it.

Storage only: what a table is stands in `schemas`, how its rows come about in `etl` and `models`.
"""
