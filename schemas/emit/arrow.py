"""Arrow schemas of declared tables: what is stored in Delta and Parquet. Imports pyarrow; nothing else does here."""

import pyarrow as pa

from schemas.core import Table, Type

TYPES: dict[Type, pa.DataType] = {
    Type.STRING: pa.string(),
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.DATE: pa.date32(),
    Type.STRINGS: pa.list_(pa.string()),
    Type.FLOATS: pa.list_(pa.float64()),
    Type.JSON: pa.string(),
}


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table; every field is nullable in storage, presence is a check."""
    return pa.schema([pa.field(c.name, TYPES[c.type], nullable=True) for c in table.columns])
