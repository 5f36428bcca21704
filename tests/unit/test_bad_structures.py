"""Malformed, odd and borderline structure texts, each with the reason or the flag that it must end in."""

import errno
import math
import random
import tracemalloc
from pathlib import Path

import polars as pl
import pytest

from dagster_project.commands.screen import structured
from etl.features.structure import featurize_text, structure
from etl.structures.assemble import assemble
from etl.structures.blocks import read_cif
from etl.structures.checks import flags
from etl.structures.cif import raw_frame, read_folder
from etl.structures.errors import StructureError
from etl.structures.texts import read_poscar
from schemas.errors import InputError

_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_LOOP = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
_SITES = "Fe1 Fe 0 0 0 1\nO1 O 0.5 0.5 0.5 1"
_PNMA = "_symmetry_space_group_name_H-M 'P n m a'\n"


def cif(
    cell: str = "4 4 4 90 90 90", sites: str = _SITES, extra: str = "", loop: tuple[str, ...] = _LOOP, name: str = "x"
) -> str:
    """A CIF of one block."""
    lines = [f"_cell_{n} {v}" for n, v in zip(_CELL, cell.split(), strict=True)]
    return "\n".join([f"data_{name}", *lines, extra, "loop_", *(f"_atom_site_{n}" for n in loop), sites, ""])


def operators(*triplets: str) -> str:
    """A loop of symmetry operators."""
    return "\n".join(["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{t}'" for t in triplets), ""])


def grid(count: int) -> str:
    """Atoms on a grid of 100 a row."""
    rows = count // 100 + 1
    return "\n".join(f"Fe{i} Fe {i % 100 / 100:.4f} {i // 100 / rows:.6f} 0 1" for i in range(count))


REFUSED = {
    "empty": ("", "not a CIF"),
    "prose": ("no cif at all", "not a CIF"),
    "zero bytes": ("\x00" * 50 + "data_", "unreadable CIF"),
    "unclosed quote": ("data_x\n_cell_length_a '4\n", "unreadable CIF"),
    "loop of uneven length": ("data_x\nloop_\n_a\n_b\n1 2 3\n", "unreadable CIF"),
    "rubbish after the block": (cif() + "\n}{ <html>", "unreadable CIF"),
    "no cell": ("data_x\n_chemical_formula_sum 'Fe O'\n", "no cell"),
    "cell in words": (cif(cell="oops 4 4 90 90 90"), "no usable cell length a"),
    "cell unknown": (cif(cell="? 4 4 90 90 90"), "no usable cell length a"),
    "negative length": (cif(cell="-4 4 4 90 90 90"), "no usable cell length a"),
    "zero length": (cif(cell="4 0 4 90 90 90"), "no usable cell length b"),
    "zero angle": (cif(cell="4 4 4 90 90 0"), "no usable cell angle gamma"),
    "angles that close no cell": (cif(cell="4 4 4 100 130 150"), "close no cell"),
    "negative volume": (cif(extra="_cell_volume -64.0"), "volume -64 is not positive"),
    "zero volume": (cif(extra="_cell_volume 0"), "volume 0 is not positive"),
    "no atoms": ("\n".join(cif().split("\n")[:7]), "no atoms"),
    "no element": (cif(sites="Zz1 Zz 0 0 0 1"), "'Zz' is not an element"),
    "dummy symbol": (cif(sites="X1 X 0 0 0 1"), "'X' is not an element"),
    "vacancy symbol": (cif(sites="Va1 Va 0 0 0 1"), "'Va' is not an element"),
    "word for a molecule": (cif(sites="Wat1 Wat 0 0 0 1"), "is not an element"),
    "occupancy above one": (cif(sites="Fe1 Fe 0 0 0 1.7"), "occupancy 1.7 outside 0 to 1"),
    "negative occupancy": (cif(sites="Fe1 Fe 0 0 0 -0.5"), "occupancy -0.5 outside 0 to 1"),
    "occupancy in words": (cif(sites="Fe1 Fe 0 0 0 full"), "occupancy 'full' is no number"),
    "mixed site overfull": (cif(sites="Fe1 Fe 0 0 0 0.7\nCo1 Co 0 0 0 0.6"), "occupancy 1.3 outside"),
    "only empty sites": (cif(sites="Fe1 Fe 0 0 0 0"), "no atoms"),
    "overlap": (cif(sites="Fe1 Fe 0 0 0 1\nO1 O 0.01 0 0 1"), "overlapping atoms, 0.040"),
    "overlap across the cell": (cif(sites="Fe1 Fe 0.005 0 0 1\nO1 O 0.995 0 0 1"), "overlapping atoms, 0.040"),
    "the same atom twice": (cif(sites="Fe1 Fe 0 0 0 1\nFe2 Fe 0 0 0 1"), "overlapping atoms, 0.000"),
    "coordinate unknown": (cif(sites="Fe1 Fe ? 0 0 1"), "atom 1 (Fe) without coordinates"),
    "coordinate not a number": (cif(sites="Fe1 Fe 0 0 0 1\nO1 O nan 0 0 1"), "atom 2 (O) without coordinates"),
    "atom in another world": (cif(sites="Fe1 Fe 9999999 0 0 1"), "an atom 1e+07 cells away"),
    "flat cell": (cif(cell="900 900 900 0.01 90 90"), "degenerate cell"),
    "operator that is none": (cif(extra=operators("x,y,z", "hello")), "unreadable symmetry operator"),
    "operator that shrinks": (cif(extra=operators("x,y,z", "1/2*x,y,z")), "changes the volume"),
    "space group nobody knows": (cif(extra="_space_group_name_H-M_alt 'Zork 12'"), "unknown space group 'Zork 12'"),
    "space group beyond the last": (cif(extra="_space_group_IT_number 231"), "unknown space group '231'"),
    "space group without end": (cif(extra="_space_group_IT_number inf"), "unknown space group 'inf'"),
    "space group in between": (cif(extra="_space_group_IT_number 136.5"), "unknown space group '136.5'"),
    "hundreds on a place": (cif(sites="\n".join(["Fe1 Fe 0 0 0 0.002"] * 400)), "overlapping atoms, more than 100"),
    "far too many images": (cif(cell="999 999 9 90 90 90", sites=grid(10_000), extra=_PNMA), "atoms, more than 20000"),
    "far too many atoms": (cif(cell="999 999 9 90 90 90", sites=grid(20_001)), "20001 atoms, more than 20000"),
}
FLAGGED = {
    "plain": (cif(), set()),
    "uncertainties": (cif(cell="4.01(2) 4.01(2) 4.01(2) 90 90 90", sites="Fe1 Fe 0.0(1) 0 0 1.0(2)"), set()),
    "byte order mark": ("\ufeff" + cif(), set()),
    "keyword in capitals": (cif().replace("data_x", "DATA_X"), set()),
    "one atom": (cif(cell="2.5 2.5 2.5 90 90 90", sites="Fe1 Fe 0 0 0 1"), set()),
    "5,000 atoms": (cif(cell="999 999 9 90 90 90", sites=grid(5000)), {"large cell", "low density"}),
    "deuterium": (cif(sites="O1 O 0 0 0 1\nD1 D 0.25 0 0 1\nT1 T 0.75 0 0 1"), {"isotopes read as H"}),
    "ions as symbols": (cif(sites="Fe1 Fe2+ 0 0 0 1\nO1 O2- 0.5 0.5 0.5 1"), set()),
    "upper case": (cif(sites="FE1 FE 0 0 0 1\nO1 O 0.5 0.5 0.5 1"), set()),
    "default occupancy": (cif(sites="Fe1 Fe 0 0 0 .\nO1 O 0.5 0.5 0.5 ."), set()),
    "occupancy unknown": (cif(sites="Fe1 Fe 0 0 0 ?\nO1 O 0.5 0.5 0.5 1"), {"occupancy not given"}),
    "mixed site": (cif(sites="Fe1 Fe 0 0 0 0.4\nCo1 Co 0 0 0 0.6\nO1 O 0.5 0.5 0.5 1"), {"disordered"}),
    "vacancies": (cif(sites="Fe1 Fe 0 0 0 0.9\nO1 O 0.5 0.5 0.5 1"), {"disordered", "vacancies"}),
    "split site": (cif(sites="Fe1 Fe 0.0 0 0 .5\nFe2 Fe 0.05 0 0 .5\nO1 O 0.5 0.5 0.5 1"),
                   {"disordered", "vacancies", "split sites"}),
    "close atoms": (cif(sites="Fe1 Fe 0 0 0 1\nO1 O 0.2 0 0 1"), {"close atoms"}),
    "empty site": (cif(sites="Fe1 Fe 0 0 0 1\nO1 O 0.5 0.5 0.5 0"), {"empty sites dropped"}),
    "dummy atoms": (cif(sites="Fe1 Fe 0 0 0 d\nO1 O 0.5 0.5 0.5 dum", loop=(*_LOOP[:5], "calc_flag")),
                    {"dummy atoms dropped"}),
    "several blocks": (cif() + cif(name="y"), {"several structures"}),
    "cell in the second block": ("data_global\n_journal_year 1999\n" + cif(), set()),
    "symbol and operators disagree": (cif(extra=_PNMA + operators("x,y,z", "-x,-y,-z")), {"symmetry mismatch"}),
    "low density": (cif(cell="12 12 12 90 90 90"), {"low density"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_structure_is_refused_with_its_reason(case: str) -> None:
    text, reason = REFUSED[case]
    with pytest.raises(StructureError) as caught:
        read_cif(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", FLAGGED)
def test_what_is_odd_is_read_and_flagged(case: str) -> None:
    text, expected = FLAGGED[case]
    assert set(flags(read_cif(text))) - {"no symmetry given"} == expected


def test_a_table_with_rubbish_rows_gives_the_others() -> None:
    texts = [cif()] * 99 + ["data_x\nrubbish"]
    rows = assemble(raw_frame({"source": "s", "source_id": str(i), "cif": t} for i, t in enumerate(texts)))
    assert rows["valid"].to_list() == [True] * 99 + [False]
    made = structure(pl.DataFrame({"cif": texts}))
    assert made["ok"].sum() == 99
    assert made["reason"].null_count() == 99


@pytest.mark.parametrize("line", ["1e9", "1e-9", "0", "nan", "-1e300", "oops", ""])
def test_a_poscar_with_an_absurd_factor_is_refused(line: str) -> None:
    with pytest.raises(StructureError):
        read_poscar(f"x\n{line}\n4 0 0\n0 4 0\n0 0 4\nFe O\n1 1\ndirect\n0 0 0\n.5 .5 .5\n")


def test_damaged_texts_are_refused_or_read_but_never_break() -> None:
    """Words of a sound text are replaced, dropped and swapped at random: 400 texts from one seed."""
    rng, odd = random.Random(4), ["?", ".", "nan", "-1", "1e9", "1e-320", "(3)", "Xx", "D", "x,y,z", "loop_", ";", ""]
    sound = [cif(extra=operators("x,y,z", "-x,-y,-z")), FLAGGED["mixed site"][0], FLAGGED["split site"][0]]
    for _ in range(400):
        words = rng.choice(sound).split(" ")
        for _ in range(rng.randint(1, 3)):
            at, other = rng.randrange(len(words)), rng.randrange(len(words))
            words[at], words[other] = words[other], rng.choice((rng.choice(odd), words[at]))
        found = featurize_text(" ".join(words))
        assert found["ok"] or found["reason"]
        assert all(math.isfinite(value) for value in found.values() if isinstance(value, float))


@pytest.mark.parametrize("count", ["\u00b2", "9" * 5000, "-1", "1.0"])
def test_a_poscar_with_an_absurd_count_is_refused(count: str) -> None:
    with pytest.raises(StructureError, match="counts that do not fit"):
        read_poscar(f"x\n1\n4 0 0\n0 4 0\n0 0 4\nFe O\n{count} 1\ndirect\n0 0 0\n.5 .5 .5\n")


def test_a_hall_symbol_is_a_space_group() -> None:
    """Rock salt, whose four formula units would be one if the symbol were passed over."""
    assert read_cif(cif(extra="_space_group_name_Hall '-F 4 2 3'")).amounts == {"O": 4.0, "Fe": 4.0}
    assert read_cif(cif(extra="_space_group_name_H-M_alt ?\n_symmetry_space_group_name_Hall '-F 4 2 3'")).n_sites == 8


def test_a_large_disordered_cell_is_read_within_seconds_and_megabytes() -> None:
    sites = grid(5000).replace(" 1\n", " 0.5\n")
    mixed = sites.replace("Fe", "Co") + "\n" + sites  # far from each other in the list
    tracemalloc.start()
    try:
        crystal = read_cif(cif(cell="999 999 9 90 90 90", sites=mixed.replace(" 1\n", " 0.5\n")[:-1] + "0.5"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert crystal.n_sites == 5000
    assert crystal.amounts == {"Fe": 2500.0, "Co": 2500.0}
    assert peak < 200e6


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be", "latin-1"])
def test_files_of_other_editors_are_read(tmp_path: Path, encoding: str) -> None:
    mark = "" if encoding in ("latin-1", "utf-8-sig") else "\ufeff"
    text = f"{mark}# \u00e9\n{cif()}".replace("\n", "\r\n")
    (tmp_path / "a.cif").write_bytes(text.encode(encoding))
    assert read_cif(read_folder(tmp_path)["cif"][0]).amounts == {"O": 1.0, "Fe": 1.0}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.cif").write_text(cif())
    monkeypatch.setattr(Path, "read_bytes", _denied)
    with pytest.raises(InputError, match=r"cannot read \(Permission denied\) in .*a\.cif"):
        read_folder(tmp_path)


def _denied(_path: Path) -> bytes:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_structure_of_another_compound_is_not_used_for_a_prediction() -> None:
    """FeO's cell beside the formula VO2 would give the features of one to the other."""
    formulas = ["FeO", "Fe2O2", "VO2", "FeO", "Fe0.49O0.51", "FeO", "((("]
    texts = [cif(), cif(), cif(), "rubbish", cif(), None, cif()]
    made, unused = structured(pl.DataFrame({"formula": formulas, "cif": texts}))
    assert unused.to_list() == [
        None, None, "cif not used: it holds FeO", "cif not used: not a CIF: no data_ block", None, None, None,
    ]  # fmt: skip
    assert made["avg_mx_dists"].is_null().to_list() == [False, False, True, True, False, True, False]


def test_features_tell_what_was_read_and_what_is_odd_of_it() -> None:
    made = structure(pl.DataFrame({"cif": [cif() + cif(name="y", sites="Co1 Co 0 0 0 1"), "rubbish"]}))
    assert made["structure_formula"].to_list() == ["FeO", None]
    assert "several structures" in made["flags"][0]


def test_special_positions_are_one_atom() -> None:
    """Rutile: 16 operators on 2 atoms give 2 Ti and 4 O; rounded thirds and split images merge."""
    text = cif(cell="4.6 4.6 2.96 90 90 90", sites="Ti1 Ti 0 0 0 1\nO1 O 0.305 0.305 0 1",
               extra="_symmetry_Int_Tables_number 136")  # fmt: skip
    assert read_cif(text).amounts == {"O": 4.0, "Ti": 2.0}
    zincite = cif(cell="3.25 3.25 5.2 90 90 120", sites="Zn1 Zn 0.3333 0.6667 0 1\nO1 O 0.3333 0.6667 0.382 1",
                  extra="_symmetry_Int_Tables_number 186")  # fmt: skip
    assert read_cif(zincite).amounts == {"O": 2.0, "Zn": 2.0}


def test_one_atom_without_a_loop_and_cartesian_coordinates_are_read() -> None:
    pair = "data_x\n" + "\n".join(f"_cell_{n} {v}" for n, v in zip(_CELL, (3, 3, 3, 90, 90, 90), strict=True))
    pair += "\n_atom_site_label Po1\n_atom_site_fract_x 0\n_atom_site_fract_y 0\n_atom_site_fract_z 0\n"
    assert read_cif(pair).amounts == {"Po": 1.0}
    cartesian = cif(sites="Fe1 Fe 0 0 0 1\nO1 O 2 2 2 1", loop=("label", "type_symbol", "Cartn_x", "Cartn_y", "Cartn_z",
                                                               "occupancy"))  # fmt: skip
    assert read_cif(cartesian).coords[1].tolist() == pytest.approx([0.5, 0.5, 0.5])
