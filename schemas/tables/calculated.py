"""Compounds that the project calculated itself, with the level of theory of every row."""

from schemas.columns import choice, count, text
from schemas.core import Column, Table, Type
from schemas.rules import Between, Finite

_CPU = Column(name="cpu_s", type=Type.FLOAT, unit="s", nullable=True, doc="CPU time here.", rules=(Between(0),))
_LEVELS = ("7", "8", "8 Cr", "10", "11")


def _energy(name: str, doc: str, *, unit: str = "eV", low: float | None = None) -> Column:
    return Column(
        name=name,
        type=Type.FLOAT,
        unit=unit,
        doc=doc,
        nullable=True,
        rules=(Finite(),) if low is None else (Finite(), Between(low)),
    )


def _fraction(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.FLOAT, unit="1", doc=doc, rules=(Between(-1, 2),))


LACUNAR_SPINELS = Table(
    name="core.lacunar_spinels",
    doc="Lacunar spinels A Ma Mb3 X8 as calculated here: gap, moment and relative stability in the polar cell.",
    grain="one compound",
    key=("formula",),
    columns=(
        text("formula", "The compound."),
        choice("A", "The main-group metal.", ("Al", "Ga", "In")),
        choice("Ma", "The metal on the threefold axis.", ("V", "Nb", "Ta", "Cr", "Mo", "W")),
        choice("Mb", "The three other metals of the cluster.", ("V", "Nb", "Ta", "Mo", "W")),
        choice("X", "The anion.", ("S", "Se", "Te")),
        count("electrons", "Electrons of the cluster."),
        count("generation", "Round of the closed loop that chose it; 0 is the start."),
        text("chosen_by", "Why it was calculated."),
        choice("state", "How the calculation ended.", ("accepted", "calculation_failed", "rejected")),
        _energy("gap_eV", "Kohn-Sham gap over both spins on the k-points of the settings; 0 for a metal.", low=0),
        _energy("gap_up_eV", "Gap of the majority spin.", low=0),
        _energy("gap_down_eV", "Gap of the minority spin.", low=0),
        _energy("spin_overlap_eV", "How far filled bands of one spin lie above empty ones of the other.", low=0),
        Column(
            name="total_moment_bohr_magneton",
            type=Type.FLOAT,
            unit="bohr_magneton",
            nullable=True,
            doc="Moment of the cell, held at that of the cluster.",
            rules=(Finite(),),
        ),
        Column(
            name="largest_moment_bohr_magneton",
            type=Type.FLOAT,
            unit="bohr_magneton",
            nullable=True,
            doc="Of one metal: it tells a moment on one metal from one spread over the cluster.",
            rules=(Between(0),),
        ),
        _energy(
            "energy_eV_atom", "Total energy of the level; compare with rows of the same settings only.", unit="eV_atom"
        ),
        _energy(
            "exchange_eV_atom", "Energy against the balanced swap with GaMo4S8 and the references.", unit="eV_atom"
        ),
        text("references", "The other compounds of the swap, GaMo4S8 first, joined by ';'.", nullable=True),
        Column(
            name="largest_force_eV_angstrom",
            type=Type.FLOAT,
            unit="eV_angstrom",
            nullable=True,
            doc="Force left in the cell, which was not relaxed at this level.",
            rules=(Between(0),),
        ),
        Column(name="converged", type=Type.BOOL, doc="Whether the density converged to the settings' tolerances."),
        count("iterations", "Steps to self-consistency.", nullable=True),
        count("starts", "Starts of the moments that converged; the row is the lowest in energy.", least=0),
        count("attempts", "Attempts; more than one where a rule changed the settings.", least=1),
        _CPU,
        text("engine", "Program and version.", nullable=True),
        Column(name="settings", type=Type.JSON, doc="What the engine was told."),
        text("calculation_id", "Hash of structure and settings."),
        text("reason", "Why it failed or was rejected.", nullable=True),
        choice("template", "The published cells that the relaxation started from, by electrons.", _LEVELS),
        Column(name="a_angstrom", type=Type.FLOAT, unit="angstrom", doc="Edge of the cell.", rules=(Between(5, 10),)),
        Column(name="alpha_degree", type=Type.FLOAT, unit="degree", doc="Its angle.", rules=(Between(50, 70),)),
        _fraction("ma_u", "Place of Ma on the axis, A in the origin."),
        _fraction("mb_u", "Place of Mb, (u, u, v) and its permutations: u."),
        _fraction("mb_v", "Place of Mb: v."),
        _fraction("x1_u", "Place of the first anion, on the axis."),
        _fraction("x2_u", "Place of the second anion: u."),
        _fraction("x2_v", "Place of the second anion: v."),
        _fraction("x3_u", "Place of the third anion, on the axis."),
        _fraction("x4_u", "Place of the fourth anion: u."),
        _fraction("x4_v", "Place of the fourth anion: v."),
        Column(
            name="volume_angstrom3",
            type=Type.FLOAT,
            unit="angstrom3",
            doc="Of the 13 atoms, corrected by the fitted factor 1.0285.",
            rules=(Between(100, 600),),
        ),
        _energy("chgnet_energy_eV_atom", "Energy of CHGNet in its own cell.", unit="eV_atom"),
        count("relaxation_steps", "Steps of the relaxation."),
    ),
    usage_warnings=(
        "Cells are relaxed with CHGNet, not at the level of the energies: PBE + U with U = 2 eV on every metal, "
        "300 eV, 2 x 2 x 2 k-points. Gaps are upper limits, and differences below 50 meV mean nothing.",
        "exchange_eV_atom compares members of the family with each other; it is no distance to the hull.",
    ),
)
PUBLISHED_GAPS = Table(
    name="core.published_gaps",
    doc="Gaps that others calculated or measured, beside those calculated here as nearly alike as could be.",
    grain="one compound, level and source",
    key=("formula", "level", "source"),
    columns=(
        text("formula", "The compound."),
        text("level", "Functional, U in eV and order, as far as the source tells; or experiment."),
        text("source", "Who tells the gap."),
        _energy("published_gap_eV", "The gap; the widest where the source has several crystals of the formula.", low=0),
        _energy("published_most_eV", "The upper end where the source gives a range.", low=0),
        text("doi", "Digital object identifier of the source.", nullable=True),
        text("licence", "Licence of the published number."),
        text("calculated_as", "What was calculated here, where it differs from the level of the source."),
        _energy("gap_eV", "Kohn-Sham gap calculated here; 0 for a metal.", low=0),
        _CPU,
        text("engine", "Program and version here."),
        Column(name="settings", type=Type.JSON, doc="What the engine was told here."),
    ),
    usage_warnings=(
        "Crystals differ between sources: a gap of the cubic cell of a lacunar spinel is 0 at every level.",
    ),
)
CONVERGENCE = Table(
    name="core.convergence",
    doc="How calculated gaps and energies move with one setting at a time: what the level of a recipe is worth.",
    grain="one compound and setting",
    key=("recipe", "formula", "changed"),
    columns=(
        text("recipe", "Recipe whose settings are the base."),
        text("formula", "The compound."),
        text("changed", "The setting, with its value."),
        text("against", "The compound whose energy is subtracted in the difference."),
        _energy("base_gap_eV", "Gap with the settings of the recipe.", low=0),
        _energy("gap_eV", "Gap with the setting.", low=0),
        _energy("gap_shift_eV", "How far the gap moved."),
        _energy("energy_eV_atom", "Energy with the setting.", unit="eV_atom"),
        _energy("energy_shift_eV_atom", "How far the energy moved.", unit="eV_atom"),
        _energy("difference_shift_eV_atom", "How far it moved more than that of `against`.", unit="eV_atom"),
        _CPU,
    ),
    usage_warnings=("Settings were changed one at a time, so errors of several may add up.",),
)
TABLES = (LACUNAR_SPINELS, PUBLISHED_GAPS, CONVERGENCE)
