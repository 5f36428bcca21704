"""Reading crystal structures, substituting into prototypes, enumerating candidates."""

from pathlib import Path

import polars as pl
import pytest

from etl.features.formulas import parse_numeric, reduced_formula
from etl.features.structure import PUBLISHED
from etl.structures import pool
from etl.structures.assemble import assemble
from etl.structures.blocks import read_cif
from etl.structures.candidates import candidates
from etl.structures.cif import raw_frame, read_folder, to_cif
from etl.structures.crystal import from_pymatgen
from etl.structures.datasets import pool_formulas
from etl.structures.errors import StructureError
from etl.structures.matching import NAMES, prototype_label
from etl.structures.prototypes import PROTOTYPES, lacunar_spinels, oxides, prototype_structures, template
from etl.structures.texts import read_any, read_poscar
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY

POSCAR = (
    "VO2\n1.0\n4.55 0 0\n0 4.55 0\n0 0 2.85\nV O\n2 4\ndirect\n0 0 0\n.5 .5 .5\n.3 .3 0\n.7 .7 0\n.8 .2 .5\n.2 .8 .5\n"
)


def test_a_cif_survives_a_round_trip() -> None:
    first = read_poscar(POSCAR)
    again = read_cif(to_cif(first))
    assert again.amounts == {"O": 4.0, "V": 2.0}
    assert again.volume == pytest.approx(first.volume, rel=1e-5)


def cif(cell: str = "4 4 4 90 90 90", sites: str = "Fe1 Fe 0 0 0 1\nO1 O 0.5 0.5 0.5 1") -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"_cell_{n} {v}" for n, v in zip(names, cell.split(), strict=True)]
    loop = ["label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"]
    return "\n".join(
        ["data_x", *lines, "_symmetry_space_group_name_H-M 'P 1'", "loop_", *(f"_atom_site_{n}" for n in loop), sites]
    )


def test_the_plain_case_reads() -> None:
    assert read_cif(cif()).amounts == {"O": 1.0, "Fe": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no cif at all",
        "data_x\n_cell_length_a oops",
        cif(cell="-4 4 4 90 90 90"),
        cif(cell="4 4 4 90 90 0"),
        cif(sites="Zz1 Zz 0 0 0 1"),
        cif(sites="Fe1 Fe 0 0 0 1.7"),
        cif(sites="Fe1 Fe 0 0 0 1\nO1 O 0.001 0 0 1"),
        cif(sites="Fe1 Fe nan 0 0 1"),
        "\x00" * 100,
    ],
)
def test_nonsense_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(StructureError) as caught:
        read_cif(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "VO2\n1.0\n4 0 0", POSCAR.replace("V O", "Zz O"), POSCAR.replace("2 4", "2 9")])
def test_a_bad_poscar_is_refused(text: str) -> None:
    with pytest.raises(StructureError):
        read_poscar(text)


def test_one_of_the_two_formats_is_needed() -> None:
    assert read_any(poscar=POSCAR).amounts == {"O": 4.0, "V": 2.0}
    with pytest.raises(StructureError):
        read_any()


def test_a_folder_gives_its_rows_though_one_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(cif(), "utf-8")
    (tmp_path / "b.cif").write_text("not one", "utf-8")
    (tmp_path / "c.cif").write_bytes(b"\xff\xfe\x00")
    rows = assemble(read_folder(tmp_path))
    assert rows["valid"].to_list() == [True, False, False]
    assert rows["invalid_reason"].null_count() == 1
    table = REGISTRY["core.structures"]
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0
    with pytest.raises(InputError):
        read_folder(tmp_path / "none")


def test_the_270_lacunar_spinels_have_their_composition() -> None:
    frame = lacunar_spinels()
    assert frame.height == 270
    assert frame["structure_id"].n_unique() == 270
    for row in frame.gather_every(45).iter_rows(named=True):
        made = read_cif(row["cif"])
        assert made.n_sites == 13
        assert made.amounts == pytest.approx(parse_numeric(row["formula"]))
        assert made.to_pymatgen().is_valid(tol=1.2)


def test_oxides_by_substitution_are_sound_and_repeatable() -> None:
    frame = oxides()
    assert frame.equals(oxides())
    assert {"K2NiF4", "rutile"} <= set(frame["prototype"])
    assert frame["doi"].null_count() == frame.height  # recalled cells are nobody's measurement
    assert lacunar_spinels()["doi"].null_count() == 0
    core = assemble(prototype_structures())
    assert core["valid"].all()
    raw, table = prototype_structures(), REGISTRY["raw.structures"]
    assert inspect(raw.select(list(table.column_names)), table).rejected_rows == 0


def test_over_twenty_thousand_candidates_and_all_are_neutral() -> None:
    frame = candidates()
    assert frame["formula"].n_unique() > 20_000
    assert frame.equals(candidates())
    assert {"NdNiO3", "Ca2RuO4", "VO2", reduced_formula(parse_numeric("GaMo4S8"))} <= set(frame["formula"])
    assert not {"NaNiO3", "MgF3"} & set(frame["formula"])
    metals = candidates(prototypes=("rutile AX2",), with_transition_metal=True)
    assert set(metals["prototype"]) == {"rutile AX2"}
    assert metals["family"].str.starts_with("noTM").sum() == 0
    with pytest.raises(InputError, match="unknown prototype"):
        candidates(prototypes=("zeolite",))


def test_pools_need_their_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="download the data set again"):
        pool_formulas(tmp_path)
    (tmp_path / "mit").mkdir()
    for name in ("pool_oqmd_gap_342k", "pool_mp_gap_106k", "pool_mp_eform_133k", "pool_aflow_gap_28k"):
        pl.DataFrame({"formula": ["NaN", "VO2"]}).write_parquet(tmp_path / f"mit/{name}.parquet")
    told = pool_formulas(tmp_path)
    assert (told.height, told.n_unique("formula")) == (6, 2)
    assert told.filter(pl.col("formula") == "NaN")["source"].to_list() == ["OQMD", "Materials Project", "AFLOW"]


def test_of_measured_structures_the_hottest_and_most_symmetric_is_offered() -> None:
    ids = ["a", "b", "c", "d"]
    cells = pl.DataFrame({
        "structure_id": ids, "formula": "V2O3", "fidelity": "experiment", "valid": True,
        "temperature_K": [150.0, 300.0, 300.0, None], "space_group_number": [15, 15, 167, 167],
        "source": ["COD", "COD", "ICSD", "COD"], "prototype": "corundum", "prototype_label": None,
    })  # fmt: skip
    features = pl.DataFrame({"structure_id": ids, **{n: [0.1, 0.2, 0.3, 0.4] for n in PUBLISHED}})
    best = pool.offered(cells, features).filter(pl.col("formula") == "V2O3")
    assert best.select("structure_id", "prototype").rows() == [("c", "corundum")]
    assert best["pools"].to_list() == [["COD", "ICSD", "enumerated"]]


def test_names_of_prototypes_are_those_of_built_cells() -> None:
    for name, prototype in PROTOTYPES.items():
        label = prototype_label(from_pymatgen(template(prototype)))
        assert NAMES[label or ""] == name


@pytest.mark.parametrize(
    ("name", "group", "cell", "sites"),
    [
        ("copper", "Fm-3m", (3.6,) * 3, [("Cu", (0, 0, 0))]),
        ("tungsten", "Im-3m", (3.2,) * 3, [("W", (0, 0, 0))]),
        ("diamond", "Fd-3m", (3.57,) * 3, [("C", (0, 0, 0))]),
        ("magnesium", "P6_3/mmc", (3.2, 3.2, 5.2), [("Mg", (1 / 3, 2 / 3, 0.25))]),
        ("rock salt", "Fm-3m", (4.2,) * 3, [("Mg", (0, 0, 0)), ("O", (0.5, 0.5, 0.5))]),
        ("rock salt", "Fm-3m", (4.2,) * 3, [("O", (0, 0, 0)), ("Mg", (0.5, 0.5, 0.5))]),
        ("caesium chloride", "Pm-3m", (4.1,) * 3, [("Cs", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5))]),
        ("zinc blende", "F-43m", (5.4,) * 3, [("Zn", (0, 0, 0)), ("S", (0.25, 0.25, 0.25))]),
        ("wurtzite", "P6_3mc", (3.25, 3.25, 5.2), [("Zn", (1 / 3, 2 / 3, 0)), ("O", (1 / 3, 2 / 3, 0.382))]),
        ("nickel arsenide", "P6_3/mmc", (3.6, 3.6, 5.0), [("Ni", (0, 0, 0)), ("As", (1 / 3, 2 / 3, 0.25))]),
        ("fluorite", "Fm-3m", (5.46,) * 3, [("Ca", (0, 0, 0)), ("F", (0.25, 0.25, 0.25))]),
        ("pyrite", "Pa-3", (5.416,) * 3, [("Fe", (0, 0, 0)), ("S", (0.385, 0.385, 0.385))]),
        ("corundum", "R-3c", (4.76, 4.76, 12.99), [("Al", (0, 0, 0.3522)), ("O", (0.3063, 0, 0.25))]),
        ("ilmenite", "R-3", (5.09, 5.09, 14.09),
         [("Fe", (0, 0, 0.355)), ("Ti", (0, 0, 0.146)), ("O", (0.317, 0.023, 0.245))]),
        ("perovskite Pm-3m", "Pm-3m", (3.9,) * 3, [("Ti", (0.5,) * 3), ("Ba", (0, 0, 0)), ("O", (0.5, 0.5, 0))]),
        ("perovskite R-3c", "R-3c", (5.36, 5.36, 13.1),
         [("La", (0, 0, 0.25)), ("Al", (0, 0, 0)), ("O", (0.525, 0, 0.25))]),
        ("spinel", "Fd-3m", (8.08,) * 3, [("Mg", (0, 0, 0)), ("Al", (0.625,) * 3), ("O", (0.3873,) * 3)]),
        ("pyrochlore", "Fd-3m:2", (10.1,) * 3,
         [("Gd", (0.5,) * 3), ("Ti", (0, 0, 0)), ("O", (0.325, 0.125, 0.125)), ("O", (0.375,) * 3)]),
        ("delafossite", "R-3m", (3.0, 3.0, 17.1), [("Cu", (0, 0, 0)), ("Al", (0, 0, 0.5)), ("O", (0, 0, 0.11))]),
        ("ThCr2Si2", "I4/mmm", (4.0, 4.0, 10.6), [("Th", (0, 0, 0)), ("Cr", (0, 0.5, 0.25)), ("Si", (0, 0, 0.374))]),
        ("skutterudite", "Im-3", (9.04,) * 3, [("Co", (0.25,) * 3), ("Sb", (0, 0.335, 0.158))]),
        ("filled skutterudite", "Im-3", (7.8,) * 3,
         [("La", (0, 0, 0)), ("Fe", (0.25,) * 3), ("P", (0, 0.354, 0.15))]),
    ],
)  # fmt: skip
def test_structure_types_are_named_whatever_sits_where(
    name: str, group: str, cell: tuple[float, ...], sites: list[tuple[str, tuple[float, ...]]]
) -> None:
    from pymatgen.core import Lattice, Structure

    angle = 120 if cell[0] != cell[2] and group[0] in "PR" and group != "Pa-3" else 90
    lattice = Lattice.from_parameters(*cell, 90, 90, angle)
    built = Structure.from_spacegroup(group, lattice, [s for s, _ in sites], [p for _, p in sites])
    for crystal in (built, built.get_primitive_structure()):
        assert NAMES[prototype_label(from_pymatgen(crystal)) or ""] == name


def test_a_structure_told_twice_is_found_and_a_polymorph_is_none() -> None:
    """Rutile VO2 moved, doubled and 2 % larger is the same; another phase of it is not."""
    rutile = template(PROTOTYPES["rutile"])
    moved = rutile.copy()
    moved.translate_sites(list(range(len(moved))), [0.13, 0.2, 0.4])
    moved.make_supercell([1, 1, 2])
    moved.scale_lattice(moved.volume * 1.06)
    phase = rutile.copy()
    phase.apply_strain([0.25, -0.2, 0.0])
    rows = [
        {"source": "s", "source_id": name, "fidelity": fidelity, "cif": to_cif(made)}
        for name, fidelity, made in (
            ("a", "calculation", rutile), ("b", "experiment", moved), ("c", None, phase), ("d", "calculation", rutile),
        )
    ]  # fmt: skip
    core = assemble(raw_frame([*rows, {"source": "s", "source_id": "e", "cif": "none"}]))
    assert core["duplicate_of"].to_list() == ["s:b", None, None, "s:b", None]
    assert core["prototype"].to_list()[:2] == ["rutile", "rutile"]
    assert core["space_group_number"].to_list()[:2] == [136, 136]
    table = REGISTRY["core.structures"]
    assert (
        inspect(core.with_columns(licence=pl.lit("CC0-1.0")).select(list(table.column_names)), table).rejected_rows == 0
    )


def test_the_temperature_of_a_measurement_is_kept() -> None:
    text = cif().replace("loop_", "_cell_measurement_temperature 340(2)\nloop_", 1)
    assert read_cif(text).kelvin == 340
    assert read_cif(cif()).kelvin is None
