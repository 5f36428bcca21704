"""Structures: as fetched (raw) and read, checked and named (core)."""

from schemas.columns import LICENCE, free_text
from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import Between, Finite, NotBlank

_ID = Column(
    name="structure_id", type=Type.STRING, doc="Source and the source's own id, joined by a colon.", rules=(NotBlank(),)
)
_SOURCE = (
    Column(name="source", type=Type.STRING, doc="Where the record came from.", rules=(NotBlank(),)),
    Column(name="source_id", type=Type.STRING, doc="Identifier at the source.", rules=(NotBlank(),)),
)
_PROTOTYPE = Column(name="prototype", type=Type.STRING, doc="Structure type, where known.", nullable=True)
_CIF = Column(name="cif", type=Type.STRING, doc="Crystallographic information file; empty where refused at the source.")
_ORIGIN = (
    Column(name="fidelity", type=Type.STRING, doc="Experiment, calculation or prototype.", nullable=True),
    Column(name="functional", type=Type.STRING, doc="Density functional of a calculated structure.", nullable=True),
    Column(name="doi", type=Type.STRING, doc="Digital object identifier of the publication.", nullable=True),
    LICENCE,
)
_FORMULA = Column(name="formula", type=Type.STRING, doc="Chemical formula as text.", nullable=True, rules=(NotBlank(),))


def _positive(name: str, unit: str, doc: str) -> Column:
    return Column(name=name, type=Type.FLOAT, unit=unit, doc=doc, nullable=True, rules=(Finite(), Between(0)))


RAW = Table(
    name="raw.structures",
    doc="Crystal structures as their source gave them, before any check.",
    grain="one structure of one source",
    key=("structure_id",),
    columns=(_ID, *_SOURCE, _FORMULA, _PROTOTYPE, _CIF, *_ORIGIN),
    usage_warnings=("Unchecked: use core.structures for any calculation.",),
    licence_column="licence",
)
CORE = Table(
    name="core.structures",
    doc="Crystal structures read, checked, flagged and named; refused ones stay with their reason.",
    grain="one structure of one source",
    key=("structure_id",),
    columns=(
        _ID,
        *_SOURCE,
        _FORMULA,
        free_text("formula_reduced", "Reduced formula, elements by electronegativity."),
        free_text("formula_anonymous", "Amounts in rising order under letters."),
        free_text("chemsys", "Elements in alphabetical order joined by hyphens."),
        free_text("family_ln", "Chemical system with lanthanides, Y and Sc merged as Ln."),
        free_text("family_tm_anion", "Transition metals and anions."),
        _PROTOTYPE,
        free_text(
            "prototype_label", "Anonymous formula, Pearson symbol, space group and Wyckoff letters, as in AFLOW."
        ),
        Column(
            name="space_group_number",
            type=Type.INT,
            doc="Number of the space group found in the sites.",
            nullable=True,
            rules=(Between(1, 230),),
        ),
        _positive("temperature_K", "K", "Temperature of the measurement, where the source says."),
        free_text("duplicate_of", "Id of the preferred structure of which this is another telling."),
        _CIF,
        *_ORIGIN,
        Column(name="valid", type=Type.BOOL, doc="Whether the structure passed every check."),
        Column(name="invalid_reason", type=Type.STRING, doc="Why it did not.", nullable=True),
        Column(name="flags", type=Type.STRINGS, doc="Noteworthy, such as disordered or symmetry mismatch."),
        Column(
            name="n_sites", type=Type.INT, unit="count", doc="Sites in the cell.", nullable=True, rules=(Between(1),)
        ),
        Column(
            name="n_elements",
            type=Type.INT,
            unit="count",
            doc="Different elements.",
            nullable=True,
            rules=(Between(1),),
        ),
        _positive("volume_angstrom3", "angstrom3", "Volume of the cell."),
        _positive("volume_per_atom_angstrom3", "angstrom3", "Volume of the cell by its atoms, partial ones by share."),
        _positive("density_g_cm3", "g_cm3", "Mass density."),
    ),
    foreign_keys=(ForeignKey(columns=("structure_id",), table="raw.structures", references=("structure_id",)),),
    usage_warnings=(
        "Prototype substitutions are scaled, not relaxed: use them for screening features, not for energies.",
        "Filter on valid before computing anything.",
    ),
    licence_column="licence",
)
TABLES = (RAW, CORE)
