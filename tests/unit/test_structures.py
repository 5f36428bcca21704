"""Reading crystal structures, substituting into prototypes, enumerating candidates."""

from pathlib import Path

import polars as pl
import pytest

from etl.features.formulas import parse_numeric, reduced_formula
from etl.structures.assemble import assemble
from etl.structures.blocks import read_cif
from etl.structures.candidates import candidates
from etl.structures.cif import read_folder, to_cif
from etl.structures.datasets import pool_formulas
from etl.structures.errors import StructureError
from etl.structures.prototypes import lacunar_spinels, oxides, prototype_structures
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
    assert pool_formulas(tmp_path).rows() == [("NaN", "OQMD"), ("VO2", "OQMD")]
