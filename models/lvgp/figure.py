"""Maps of levels: where a model places them, with their names."""

import io

import polars as pl

SIDE, CROWDED = 4.2, 30
"""Inches of a panel; from how many levels on names are small."""


def latent_map(positions: pl.DataFrame) -> bytes:
    """An SVG with one panel a variable, as `Surrogate.latent_positions` gives them; equal bytes for equal positions.

    Distances count in lengths of the kernel: levels closer than one act alike. Directions mean nothing.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    variables = positions["variable"].unique(maintain_order=True).to_list()
    with mpl.rc_context({"svg.hashsalt": "matloom"}):
        figure = Figure(figsize=(SIDE * len(variables), SIDE), layout="constrained")
        for number, name in enumerate(variables, 1):
            axes = figure.add_subplot(1, len(variables), number)
            here = positions.filter(pl.col("variable") == name)
            axes.plot(here["z1"], here["z2"], "o", color="tab:blue", alpha=0.5)
            for level, u, v in here.select("level", "z1", "z2").iter_rows():
                size = 6 if here.height > CROWDED else 10
                axes.annotate(level, (u, v), (2, 2), textcoords="offset points", fontsize=size)
            axes.set_title(name)
            axes.set_aspect("equal", adjustable="datalim")
            axes.set_xlabel("z1 (lengths)")
            axes.set_ylabel("z2 (lengths)")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
