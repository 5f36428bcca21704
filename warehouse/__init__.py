"""Where tables live: Delta tables, the published DuckDB catalog, queries on it, and releases.

`store` writes and reads tables, `ledger` remembers verdicts, `catalog` publishes, `query` reads what was published,
`release` exports it as far as `licences` allow, `files` reads and writes loose table files. What the tables are is
declared in `schemas`.
"""
