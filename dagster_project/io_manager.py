"""The bridge between Dagster's values and the store: frames out are written, tables in are lazy scans."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import polars as pl

    from warehouse.store import Store

PREVIEW_ROWS = 5


@dataclass(frozen=True)
class Unchanged:
    """The value of an asset whose inputs, code and settings are those of its last audited version."""

    version: int


@dataclass(frozen=True)
class Written:
    """A frame and how it goes into its table: "upsert" keeps rows that are not in it, "replace" removes them."""

    frame: "pl.DataFrame"
    mode: str
    plot: str | None = None


class StoreIOManager(dg.IOManager):
    """Writes `Written` values to the store and loads tables as lazy frames."""

    def __init__(self, store: "Store") -> None:
        self._store = store

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Writes the frame, if there is one, and describes what happened in the output's metadata."""
        if isinstance(obj, Unchanged):
            context.add_output_metadata({"version": obj.version, "changed": False})
            return
        name = ".".join(context.asset_key.path)
        import polars as pl

        result = self._store.write(name, obj.frame, mode=obj.mode)
        context.add_output_metadata(
            {
                "dagster/row_count": self._store.scan(name).select(pl.len()).collect().item(),
                "version": result.version,
                "changed": result.changed,
                "inserted": result.inserted,
                "updated": result.updated,
                "deleted": result.deleted,
                "rejected": result.rejected,
                "preview": dg.MetadataValue.md(preview(obj.frame)),
                **({"figure": dg.MetadataValue.md(figure(obj.frame, obj.plot))} if obj.plot else {}),
            }
        )

    def load_input(self, context: dg.InputContext) -> "pl.LazyFrame":
        """A lazy scan of the newest version of the table that passed its audit."""
        name = ".".join(context.asset_key.path)
        return self._store.scan(name, version=self._store.passed_version(name))


def preview(frame: "pl.DataFrame", rows: int = PREVIEW_ROWS) -> str:
    """The first rows as a Markdown table; long values are cut, pipes escaped."""
    names = frame.columns[:12]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in frame.select(names).head(rows).iter_rows():
        lines.append("| " + " | ".join(str(v)[:60].replace("|", "\\|").replace("\n", " ") for v in row) + " |")
    return "\n".join(lines)


def figure(frame: "pl.DataFrame", column: str) -> str:
    """A histogram of a column as a Markdown image that carries its own data."""
    from warehouse.report import figures

    svg = figures.histogram(frame[column].drop_nulls().to_list(), xlabel=column)
    return f"![{column}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
