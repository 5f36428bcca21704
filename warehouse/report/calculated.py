"""The page of what the project calculated itself: lacunar spinels, gap against exchange energy, level and cost."""

import polars as pl

from warehouse.report import figures
from warehouse.report.parts import Page, Picture, Section, parts, section
from warehouse.report.source import Source

_TABLE, _GAPS, _CONVERGENCE = "core.lacunar_spinels", "core.published_gaps", "core.convergence"
_SHOWN = (
    "formula", "gap_eV", "exchange_eV_atom", "spin_overlap_eV", "total_moment_bohr_magneton", "electrons",
    "largest_force_eV_angstrom", "converged", "iterations", "attempts", "cpu_s", "generation", "chosen_by", "reason",
)  # fmt: skip


def calculated(source: Source) -> Page:
    """Lacunar spinels in the order of their gap, what failed, and the settings."""
    rows = source.read(_TABLE)
    done = rows.filter(pl.col("state") == "accepted").sort("gap_eV", "formula", descending=[True, False])
    failed = rows.filter(pl.col("state") != "accepted")
    settings = rows.group_by("engine", "settings", maintain_order=True).len("compounds")
    return Page(
        file="calculated.html",
        title="Calculated",
        lead="Lacunar spinels that the project calculated itself, at a modest level that is told with every row.",
        sections=[
            Section(title="Level", text=_warned(source, _TABLE)),
            section("Gap and exchange energy", done.select(_SHOWN), text=_told(rows), pictures=_front(done)),
            section("Gaps that others tell", _beside(source.read(_GAPS)), text=_warned(source, _GAPS)),
            section("Convergence", source.read(_CONVERGENCE), text=_warned(source, _CONVERGENCE)),
            section("Failed", failed.select("formula", "state", "attempts", "reason"), empty="No calculation failed."),
            section("Settings", settings),
        ],
    )


def _warned(source: Source, table: str) -> str:
    return " ".join(source.registry[table].usage_warnings)


def _beside(gaps: pl.DataFrame) -> pl.DataFrame:
    """Published gaps with how far those calculated here lie outside of what is told."""
    low, own = pl.col("published_gap_eV"), pl.col("gap_eV")
    high = pl.coalesce("published_most_eV", "published_gap_eV")
    off = pl.when(own < low).then(own - low).when(own > high).then(own - high).otherwise(0.0)
    shown = ("formula", "level", "source", "published_gap_eV", "published_most_eV", "gap_eV")
    return gaps.select(*shown, off.round(3).alias("off_eV"), "calculated_as", "cpu_s")


def _told(rows: pl.DataFrame) -> str:
    """How far the table is, in a sentence or two."""
    if not rows.height:
        return ""
    done = rows.filter(pl.col("state") == "accepted")
    open_gap = done.filter(pl.col("gap_eV") > 0).height
    hours = float(rows["cpu_s"].sum()) / 3600.0
    loose = done.filter(~pl.col("converged")).height
    return (
        f"{done.height} of 270 compounds are calculated, {open_gap} of them with a gap, in {hours:.1f} hours of one "
        f"core; {loose} of them are not converged. The exchange energy swaps one site at a time with GaMo4S8: "
        "negative where the elements gain by being together, 0 by definition where one site differs."
    )


def _front(done: pl.DataFrame) -> list[Picture]:
    """Gap against exchange energy, a shape an anion and a colour an Ma."""
    known = done.drop_nulls(["gap_eV", "exchange_eV_atom"]).sort("X", "Ma", "formula")
    if not known.height:
        return []
    groups = {
        (str(x), str(ma)): (part["exchange_eV_atom"].to_list(), part["gap_eV"].to_list())
        for (x, ma), part in parts(known, "X", "Ma")
    }
    best = known.row(known["gap_eV"].arg_max() or 0, named=True)
    alt = (
        f"Gap against exchange energy of {known.height} lacunar spinels; the widest gap, {best['gap_eV']:.2f} eV, "
        f"is that of {best['formula']} at {best['exchange_eV_atom']:.3f} eV per atom."
    )
    svg = figures.marked(groups, xlabel="exchange_eV_atom", ylabel="gap_eV", shape="X", colour="Ma")
    return [Picture(file="spinels.svg", svg=svg, alt=alt)]
