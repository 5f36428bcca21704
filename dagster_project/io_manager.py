"""The bridge between Dagster and the store: tables in are lazy scans of audited versions, writes out are described."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import polars as pl

    from warehouse.store import Store, WriteResult

PREVIEW_ROWS = 5
Plot = str | Callable[["pl.DataFrame"], Mapping[str, str]]
"""A number column, of which a histogram is drawn, or what makes SVG texts, by the words for them, of a frame."""


@dataclass(frozen=True)
class Pinned:
    """An input: rows of one audited version, and which version that is."""

    version: int
    frame: "pl.LazyFrame"


class StoreIOManager(dg.IOManager):
    """Loads the audited version of a table; what an asset makes is written by its own op, with its audit."""

    def __init__(self, store: "Store") -> None:
        self._store = store

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Refuses: assets of `table_assets` give no value, because their rows are stored before they are checked."""
        raise dg.DagsterInvariantViolationError(f"{context.asset_key} gave a value: make it with `table_assets`")

    def load_input(self, context: dg.InputContext) -> Pinned:
        """A lazy scan of the newest version of the table that passed its audit, with its number.

        Raises:
            StoreError: no version ever passed.
        """
        from warehouse.ledger import StoreError

        name = ".".join(context.asset_key.path)
        version = self._store.passed_version(name)
        if version is None:
            raise StoreError.of(
                f"no version of {name} that passed its checks", self._store.home, f"`matloom run --select {name}` first"
            )
        return Pinned(version, self._store.scan(name, version=version))


def described(result: "WriteResult", frame: "pl.DataFrame", plot: Plot | None) -> dict[str, Any]:
    """What a write did, as the metadata of its asset."""
    return {
        "dagster/row_count": result.rows,
        "version": result.version,
        "changed": result.changed,
        "inserted": result.inserted,
        "updated": result.updated,
        "deleted": result.deleted,
        "rejected": result.rejected,
        "preview": dg.MetadataValue.md(preview(frame)),
        **({"figure": dg.MetadataValue.md(figure(frame, plot))} if plot else {}),
    }


def preview(frame: "pl.DataFrame", rows: int = PREVIEW_ROWS) -> str:
    """The first rows as a Markdown table; long values are cut, pipes escaped."""
    names = frame.columns[:12]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in frame.select(names).head(rows).iter_rows():
        lines.append("| " + " | ".join(str(v)[:60].replace("|", "\\|").replace("\n", " ") for v in row) + " |")
    return "\n".join(lines)


def figure(frame: "pl.DataFrame", plot: Plot) -> str:
    """Figures of a frame as Markdown images that carry their own data."""
    from warehouse.report import figures

    if isinstance(plot, str):
        made: Mapping[str, str] = {plot: figures.histogram(frame[plot].drop_nulls().to_list(), xlabel=plot)}
    else:
        made = plot(frame)
    coded = {words: base64.b64encode(svg.encode()).decode() for words, svg in made.items()}
    return "\n\n".join(f"![{_plain(words)}](data:image/svg+xml;base64,{svg})" for words, svg in coded.items())


def _plain(words: str) -> str:
    """Words that end no bracket."""
    return words.replace("[", "(").replace("]", ")")
