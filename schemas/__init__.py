"""What the tables are: declarations only.

Nothing here reads, writes or computes data. A table is declared once in `schemas.tables`; `schemas.emit` turns
the declaration into Arrow, polars, DuckDB, Great Expectations, Dagster, Frictionless and Markdown forms.
"""
