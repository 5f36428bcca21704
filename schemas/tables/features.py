"""Features of compositions and structures, one row a formula or structure.

Names are those of the published feature sets, so that a model can be compared column by column.
"""

from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import Between, Finite, NotBlank

_PROPERTIES: dict[str, str] = {
    "Number": "atomic number",
    "MendeleevNumber": "Mendeleev number",
    "AtomicWeight": "atomic weight (g/mol)",
    "MeltingT": "melting temperature of the element (K)",
    "Column": "column of the periodic table",
    "Row": "row of the periodic table",
    "CovalentRadius": "covalent radius (pm)",
    "Electronegativity": "Pauling electronegativity",
    **{f"N{b}Valence": f"filled {b} valence states" for b in "spdf"},
    "NValence": "filled valence states",
    **{f"N{b}Unfilled": f"unfilled {b} states" for b in "spdf"},
    "NUnfilled": "unfilled states",
    "GSvolume_pa": "volume per atom of the elemental ground state (cubic angstrom)",
    "GSbandgap": "band gap of the elemental ground state (eV)",
    "GSmagmom": "magnetic moment of the elemental ground state (Bohr magneton)",
    "SpaceGroupNumber": "space group number of the elemental ground state",
}
_STATISTICS: dict[str, str] = {
    "minimum": "Least",
    "maximum": "Greatest",
    "range": "Range of",
    "mean": "Mean",
    "avg_dev": "Mean absolute deviation of",
    "mode": "That of the most abundant element (least, if several):",
}
MAGPIE = tuple(
    Column(name=f"MagpieData {statistic} {name}", type=Type.FLOAT, doc=f"{words} {meaning}.", rules=(Finite(),))
    for name, meaning in _PROPERTIES.items()
    for statistic, words in _STATISTICS.items()
)
"""The 132 columns of matminer's Magpie preset."""

_EXTENDED: dict[str, tuple[str | None, str]] = {
    "charge_balanced": ("1", "One where usual oxidation states reach neutrality, mixed valence allowed; else zero."),
    "charge_residual_per_atom": ("1", "Charge left over by usual oxidation states, by atoms."),
    "tm_oxidation_mean": ("1", "Mean oxidation state of transition metals."),
    "tm_oxidation_fraction": ("1", "Distance of that state from a whole number: a mark of mixed valence."),
    "d_count_mean": ("1", "Mean d electrons of transition metals."),
    "d_count_max": ("1", "Most d electrons of a transition metal."),
    "d_count_min": ("1", "Fewest d electrons of a transition metal."),
    "d_count_odd": ("1", "Distance of the mean d count from an even number."),
    "n_tm": ("count", "Number of transition metals."),
    "tm_fraction": ("1", "Atomic fraction of transition metals."),
    "ln_fraction": ("1", "Atomic fraction of lanthanides, Y and Sc."),
    "anion_fraction": ("1", "Atomic fraction of anions."),
    "oxygen_fraction": ("1", "Atomic fraction of oxygen."),
    "chalcogen_fraction": ("1", "Atomic fraction of S, Se, Te as anions."),
    "pnictogen_fraction": ("1", "Atomic fraction of N, P, As, Sb, Bi as anions."),
    "halogen_fraction": ("1", "Atomic fraction of halogens."),
    "n_anions": ("count", "Number of anion elements."),
    "anion_charge_mean": ("1", "Mean charge of anions."),
    "metal_row": ("1", "Row of the leading metal: the most electronegative transition metal, else rare earth."),
    "metal_column": ("1", "Column of the leading metal."),
    "metal_oxidation": ("1", "Oxidation state of the leading metal."),
    "metal_oxidation_fraction": ("1", "Distance of that state from a whole number."),
    "metal_d_count": ("1", "d electrons of the leading metal, if it is a transition metal."),
    "metal_d_odd": ("1", "Distance of that count from an even number."),
    "metal_electronegativity": ("1", "Pauling electronegativity of the leading metal."),
    "anion_electronegativity": ("1", "Pauling electronegativity of the leading anion: O, else the greatest."),
    "bond_electronegativity_difference": ("1", "That of the leading anion less that of the leading metal."),
    "metal_covalent_radius": (None, "Covalent radius of the leading metal, in picometre."),
    "anion_covalent_radius": (None, "Covalent radius of the leading anion, in picometre."),
    "other_electronegativity": ("1", "Mean electronegativity of the cations beside the leading metal."),
    "other_covalent_radius": (None, "Mean covalent radius of the cations beside the leading metal, in picometre."),
}
EXTENDED = tuple(
    Column(name=name, type=Type.FLOAT, unit=unit, doc=doc, nullable=True, rules=(Finite(),))
    for name, (unit, doc) in _EXTENDED.items()
)

_STRUCTURE: dict[str, tuple[str | None, str]] = {
    "gii": ("vu", "Global instability index from bond-valence sums."),
    "est_hubbard_u": ("eV", "Unscreened Hubbard U of the chosen metal (Torrance)."),
    "est_charge_trans": ("eV", "Unscreened charge-transfer energy, affinities as in the published featurizer."),
    "ewald_energy_per_atom": ("eV_atom", "Ewald energy with the assigned oxidation states."),
    "avg_dev_Electronegativity": ("1", "Mean absolute deviation of the electronegativity."),
    "range_MendeleevNumber": ("1", "Range of the Mendeleev number."),
    "avg_dev_CovalentRadius": (None, "Mean absolute deviation of the covalent radius, in picometre."),
    "avg_mm_dists": ("angstrom", "Mean metal-metal distance within 1 angstrom of the shortest."),
    "avg_mx_dists": ("angstrom", "Mean metal-anion distance within 1 angstrom of the shortest."),
    "avg_xx_dists": ("angstrom", "Mean anion-anion distance within 1 angstrom of the shortest."),
    "min_mm_dists": ("angstrom", "Shortest metal-metal distance."),
    "min_mx_dists": ("angstrom", "Shortest metal-anion distance."),
    "min_xx_dists": ("angstrom", "Shortest anion-anion distance."),
    "bridged_mm_dists": (
        "angstrom",
        "Mean distance to the metals that share an edge or a face of anions, else a corner.",
    ),
    "madelung_m": ("eV", "Madelung potential energy of a unit charge at the chosen metal, greatest over its sites."),
    "madelung_x": ("eV", "Madelung potential energy of a unit charge at the chosen anion, greatest over its sites."),
    "hubbard_u_eV": ("eV", "Unscreened Hubbard U with our oxidation states and bridged_mm_dists."),
    "charge_transfer_eV": ("eV", "Unscreened charge-transfer energy with one sign convention for all affinities."),
    "volume_per_site": ("angstrom3", "Volume of the cell by its sites."),
}

COMPOSITION = Table(
    name="feat.composition",
    doc="Features of known compounds: Magpie statistics, charge balance, d-electron counts. Formulas that are merely "
    "enumerated are computed while they are screened.",
    grain="one formula as written",
    key=("formula",),
    columns=(
        Column(name="formula", type=Type.STRING, doc="Chemical formula as text.", rules=(NotBlank(),)),
        *MAGPIE,
        *EXTENDED,
    ),
)
STRUCTURE = Table(
    name="feat.structure",
    doc="Features of checked structures: the ten published ones and ours; null with a reason, never imputed.",
    grain="one structure",
    key=("structure_id",),
    columns=(
        Column(
            name="structure_id",
            type=Type.STRING,
            doc="Source and the source's own id, joined by a colon.",
            rules=(NotBlank(),),
        ),
        *(
            Column(
                name=name,
                type=Type.FLOAT,
                unit=unit,
                doc=doc,
                nullable=True,
                rules=(Finite(), Between(0)) if unit in ("vu", "angstrom", "angstrom3") else (Finite(),),
            )
            for name, (unit, doc) in _STRUCTURE.items()
        ),
        Column(name="oxidation_states", type=Type.JSON, doc="Element to mean oxidation state."),
        Column(name="reasons", type=Type.JSON, doc="Feature to why it is null."),
    ),
    foreign_keys=(ForeignKey(columns=("structure_id",), table="core.structures", references=("structure_id",)),),
    usage_warnings=(
        "est_charge_trans follows the published, mixed signs of electron affinities; charge_transfer_eV does not.",
        "The published distances and states depend on the cell that was chosen; min_*, bridged_* and *_eV do not.",
        "oxidation_states are ours; est_*, gii and ewald_energy_per_atom use the published guess, which may differ.",
    ),
)
TABLES = (COMPOSITION, STRUCTURE)
