"""What is served of a structure: the properties of the specification that are known, and ours with the prefix
`_matloom_`. Names are lower case, as the filter language wants them: units stand in the descriptions of /info."""

from dataclasses import dataclass
from typing import Literal

PREFIX = "_matloom_"
Kind = Literal["string", "integer", "float", "boolean", "timestamp", "list"]


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property of a structure.

    Attributes:
        name: as asked and answered.
        kind: its type in OPTIMADE's words.
        doc: one sentence.
        unit: where it has one.
        items: type of what a list holds.
        column: whether it stands in the frame of entries, so that it can be filtered; else it is read from the CIF
            when an answer needs it.
    """

    name: str
    kind: Kind
    doc: str
    unit: str | None = None
    items: Kind | None = None
    column: bool = True

    @property
    def sortable(self) -> bool:
        """Whether answers can be put in its order."""
        return self.column and self.kind != "list"


def _own(name: str, kind: Kind, doc: str, unit: str | None = None, items: Kind | None = None) -> Property:
    return Property(name=PREFIX + name, kind=kind, doc=doc, unit=unit, items=items)


STANDARD = (
    Property(name="id", kind="string", doc="Source and the source's own id, joined by a colon."),
    Property(name="type", kind="string", doc="The word structures."),
    Property(name="last_modified", kind="timestamp", doc="When the state that holds the entry was published."),
    Property(name="elements", kind="list", items="string", doc="Symbols in alphabetical order."),
    Property(name="nelements", kind="integer", doc="Number of different elements."),
    Property(name="elements_ratios", kind="list", items="float", doc="Share of the atoms of each of the elements."),
    Property(name="chemical_formula_descriptive", kind="string", doc="Formula as the warehouse writes it."),
    Property(
        name="chemical_formula_reduced", kind="string", doc="Formula in whole numbers, symbols in alphabetical order."
    ),
    Property(name="chemical_formula_anonymous", kind="string", doc="Amounts in falling order under letters."),
    Property(name="dimension_types", kind="list", items="integer", doc="Periodic in all three directions."),
    Property(name="nperiodic_dimensions", kind="integer", doc="Number of periodic directions: 3."),
    Property(name="nsites", kind="integer", doc="Number of sites in the cell."),
    Property(name="structure_features", kind="list", items="string", doc="disorder, where a site is mixed or vacant."),
    Property(
        name="lattice_vectors", kind="list", items="list", unit="angstrom", doc="The three cell vectors.", column=False
    ),
    Property(
        name="cartesian_site_positions",
        kind="list",
        items="list",
        unit="angstrom",
        doc="Place of each site.",
        column=False,
    ),
    Property(name="species", kind="list", doc="What can stand at a site, with its shares.", column=False),
    Property(
        name="species_at_sites", kind="list", items="string", doc="Name of the species at each site.", column=False
    ),
)
OWN = (
    _own("formula", "string", "Formula under which the compound is screened."),
    _own(
        "p_mit",
        "float",
        "Calibrated probability of a thermally driven metal-insulator transition (MIT); no prediction where label is"
        " known, for the model was trained on it.",
        "1",
    ),
    _own("p_metal", "float", "Calibrated probability of being a metal at all temperatures.", "1"),
    _own("p_insulator", "float", "Calibrated probability of being an insulator at all temperatures.", "1"),
    _own("predicted", "string", "Most likely class: mit, metal or insulator."),
    _own("conformal_set", "list", "Classes that cannot be excluded at 90 % confidence.", items="string"),
    _own("in_domain", "boolean", "Whether the model has seen anything similar; a guess where false."),
    _own("domain_distance", "float", "Scaled feature distance to the nearest training compound.", "1"),
    _own("model_id", "string", "The model that made the prediction."),
    _own("label", "string", "What is known: mit, metal or insulator, joined by / where sources disagree."),
    _own("t_mit", "float", "Temperature of the known transition, median over the sources.", "K"),
    _own("family_tm_anion", "string", "Transition metals and anions."),
    _own("prototype", "string", "Structure type, where known."),
    _own(
        "prototype_label", "string", "Anonymous formula, Pearson symbol, space group and Wyckoff letters, as in AFLOW."
    ),
    _own("space_group_number", "integer", "Number of the space group found in the sites."),
    _own("fidelity", "string", "Experiment, calculation or prototype: prototypes are scaled, not relaxed."),
    _own("functional", "string", "Density functional of a calculated structure."),
    _own("source", "string", "Where the record came from."),
    _own("doi", "string", "Digital object identifier of the publication."),
    _own("licence", "string", "Licence of the structure."),
    _own("volume", "float", "Volume of the cell.", "angstrom^3"),
    _own("density", "float", "Mass density.", "g/cm^3"),
)
PROPERTIES = {p.name: p for p in (*STANDARD, *OWN)}
UNSERVED = frozenset(
    {
        "immutable_id", "chemical_formula_hill", "assemblies", "relationships", "database_id", "optimization_type",
        "space_group_symmetry_operations_xyz", "space_group_symbol_hall", "space_group_symbol_hermann_mauguin",
        "space_group_symbol_hermann_mauguin_extended", "space_group_it_number", "fractional_site_positions",
        "site_coordinate_span", "site_coordinate_span_description", "wyckoff_positions",
    }
)  # fmt: skip
"""Properties of the specification that no entry has: null in answers, unknown in filters."""
