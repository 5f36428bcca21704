"""Facts that ship with the project: labelled compounds, look-up tables, recipes, a demonstration corpus.

Each loader returns a new frame. What the files are and where their numbers come from: `data/README.md` and
`corpus/README.md` beside this module. Tables that are fetched or downloaded belong to `etl.sources`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

HERE = Path(__file__).parent
_TEXT = ("formula", "target", "element", "chemsys", "structure_source_id", "A", "B", "M", "X", "Ma", "Mb", "template")


def labelled_compounds() -> "pl.DataFrame":
    """343 compounds labelled metal, insulator or mit, with transition temperature, features and `*_imputed` flags."""
    return _read("labelled_compounds")


def published_scores() -> "pl.DataFrame":
    """How published models and experts did: `name`, `features`, `protocol`, `statistic`, `value`, `low`, `high`."""
    return _read("published_scores")


def expert_answers() -> "pl.DataFrame":
    """The 18 compounds of a survey: `label_name`, and what 53 experts said: `n_metal`, `n_insulator`, `n_mit`."""
    return _read("expert_answers")


def transition_facts() -> "pl.DataFrame":
    """Transitions of compounds that are not among the labelled ones: `formula`, `label_name`, `t_mit_K`, `doi`."""
    return _read("transition_facts")


def ionization_energies() -> "pl.DataFrame":
    """Ionization energies in eV: `element`, `v`, `iv` (the v-th electron), `iv_p1` (the next)."""
    return _read("ionization_energies")


def perovskites_270() -> "pl.DataFrame":
    """The ABO3 look-up table: `A`, `B`, `formula`, `gap_eV`, `stability_eV_atom`."""
    return _read("perovskites_270")


def max_phases() -> "pl.DataFrame":
    """The M2AX look-up table: `M`, `A`, `X`, `bulk_GPa`, `shear_GPa`, `young_GPa`."""
    return _read("max_phases")


def lacunar_cells() -> "pl.DataFrame":
    """Polar cells of lacunar spinels, relaxed with CHGNet: eleven numbers each (`models.evaluators.lacunar`)."""
    return _read("lacunar_cells")


def convergence() -> "pl.DataFrame":
    """How gaps and energies move with one setting at a time, as rows of core.convergence."""
    return _declared(_read("convergence"), "core.convergence")


def published_gaps() -> "pl.DataFrame":
    """Gaps that others tell, beside those calculated here, as rows of core.published_gaps."""
    return _declared(_read("published_gaps"), "core.published_gaps")


def lacunar_spinels() -> "pl.DataFrame":
    """Lacunar spinels that the project calculated, in their cells, as rows of core.lacunar_spinels."""
    joined = _read("lacunar_270").join(lacunar_cells(), on="formula", maintain_order="left")
    return _declared(joined, "core.lacunar_spinels")


def recipe_facts() -> "pl.DataFrame":
    """400 published syntheses in K and h; `precursors` is joined by ";"."""
    return _read("recipe_facts")


def demo_corpus() -> dict[str, bytes]:
    """The demonstration documents: file name (``jats/demo-0201.xml``) -> content."""
    folder = HERE / "corpus"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.xml"))}


def _read(name: str) -> "pl.DataFrame":
    import polars as pl

    path = HERE / "data" / f"{name}.csv"
    header = path.open(encoding="utf-8").readline().strip().split(",")
    text = {c: pl.String for c in header if c in _TEXT}
    return pl.read_csv(path, infer_schema_length=None, null_values=[""], schema_overrides=text)


def _declared(rows: "pl.DataFrame", table: str) -> "pl.DataFrame":
    """The columns of a table, of its types."""
    from schemas.emit.polars import schema
    from schemas.tables import REGISTRY

    kinds = schema(REGISTRY[table])
    return rows.select(kinds.names()).cast(kinds)


def recorded() -> "dict[str, pl.DataFrame]":
    """Look-up tables that can stand in for a calculation, by the name a problem uses."""
    return {"perovskites_270": perovskites_270(), "max_phases": max_phases()}
