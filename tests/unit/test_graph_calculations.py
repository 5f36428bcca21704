"""What the graph asks to be calculated: candidates and their rivals from the tables of structures."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project import calculations
from dagster_project.settings import Settings
from etl.structures.substituted import crystals
from models.design import candidates as candidates_of
from models.evaluators import campaign
from models.evaluators.calculations import Atoms
from models.evaluators.ledger import Ledger
from models.evaluators.stability import Phase, decomposition
from schemas import problem
from schemas.errors import InputError

CELL = """data_x
_cell_length_a 6
_cell_length_b 6
_cell_length_c 60
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""


def structure(formula: str, symbols: str, **also: object) -> dict[str, object]:
    elements = sorted(set(symbols.split()))
    sites = [f"{s}{k} {s} 0 0 {k / 20}" for k, s in enumerate(symbols.split())]
    plain: dict[str, object] = {"valid": True, "duplicate_of": None, "flags": [], "fidelity": None}
    named: dict[str, object] = {"formula_reduced": formula, "chemsys": "-".join(elements), "n_elements": len(elements)}
    named |= {"space_group_number": 1, "n_sites": len(symbols.split())}
    return {**named, "cif": CELL + "\n".join(sites) + "\n", **plain, **also}


def test_rivals_are_ordered_structures_of_fewer_elements_whoever_measured_them(tmp_path: Path) -> None:
    structures = pl.DataFrame(
        [
            structure("Ga(MoS2)4", "Ga " + "Mo " * 4 + "S " * 8, fidelity="prototype"),
            structure("GaS", "Ga S", cif="of mixed sites, which no engine takes", flags=["disordered"]),
            structure("GaS", "Ga S"),
            structure("MoS2", "Mo S S", fidelity="calculation"),
            structure("MoS2", "S Mo S", space_group_number=194),
            structure("MoS2", "S S Mo", space_group_number=194),
            structure("MoS3", "Mo S S S", fidelity="prototype"),
            structure("AlS", "Al S"),
        ],
        schema_overrides={"duplicate_of": pl.String, "fidelity": pl.String},
    )
    asked = problem.load("lacunar_spinel")
    candidates = campaign.candidate_rows(asked, candidates_of(asked)).filter(pl.col("formula").is_in(["GaMoMo3S8"]))
    settings = Settings(home=tmp_path, executor="local")
    found = calculations.evaluators(settings, structures, candidates)["lacunar_spinel"]
    found.submit("b", candidates.to_dicts())
    asked_for = Ledger(calculations.folder(tmp_path)).table("calculations")["label"]
    assert sorted(asked_for) == ["Ga(MoS2)4", "GaS", "MoS2 in 1", "MoS2 in 194"]


def test_the_most_stable_polymorph_is_the_one_that_competes() -> None:
    phases = [
        Phase(label=f"TiO2 in {g}", amounts={"Ti": 1, "O": 2}, energy_eV_atom=e) for g, e in ((136, -9.0), (141, -9.1))
    ]
    compound = Phase(label="TiO2", amounts={"Ti": 2, "O": 4}, energy_eV_atom=-8.9)
    found = decomposition(compound, phases)
    assert found.enthalpy_eV_atom == pytest.approx(0.2)
    assert found.products == {"TiO2 in 141": 1.0}


def test_candidates_of_a_prototype_need_no_structure_in_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = str(problem.FOLDER / "loops" / "rock_salt_gpaw.yaml")
    monkeypatch.setenv("MATLOOM_PROBLEMS", where)
    asked = problem.load(where)
    candidates = campaign.candidate_rows(asked, candidates_of(asked)).filter(pl.col("formula").is_in(["MgO", "BaTe"]))
    kinds = {"duplicate_of": pl.String, "fidelity": pl.String}
    none = pl.DataFrame([structure("MgO", "Mg O")], schema_overrides=kinds).clear()
    found = calculations.evaluators(Settings(home=tmp_path, executor="slurm"), none, candidates)[asked.name]
    assert [found.poll([h])[0] for h in found.submit("b", candidates.to_dicts())] == ["proposed"] * 2
    volumes = {}
    for label, settings, text in (
        Ledger(calculations.folder(tmp_path)).table("calculations")["label", "settings", "structure"].rows()
    ):
        atoms = Atoms.from_json(text)
        assert (len(atoms.symbols), json.loads(settings)["spin"]) == (2, False)
        volumes[label] = abs(np.linalg.det(atoms.lattice))
    assert volumes["MgO"] == pytest.approx(4.21**3 / 4), "the compound of the prototype is left as it is"
    assert volumes["BaTe"] > 4 * volumes["MgO"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prototype": "none"}, "no prototype 'none'"),
        ({"prototype": "rock salt", "state_M": 2}, "no option state_X"),
        ({"prototype": "perovskite Pm-3m", "state_A": 2, "state_B": 4, "state_X": -2}, "no option element_A"),
    ],
)
def test_a_prototype_that_is_not_told_whole_is_refused(options: dict[str, object], said: str) -> None:
    asked = problem.load(str(problem.FOLDER / "loops" / "rock_salt_gpaw.yaml"))
    evaluator = asked.evaluator.model_copy(update={"options": options})
    with pytest.raises(InputError, match=said):
        list(crystals(asked.model_copy(update={"evaluator": evaluator}), candidates_of(asked).to_dicts()))


def test_the_stamp_of_observations_knows_the_code_that_says_what_is_calculated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    settings = Settings.from_environment()
    before = calculations.stamp(settings)
    assert calculations.stamp(settings) == before
    monkeypatch.setattr(calculations, "_SOURCES", ("dagster_project/settings.py",))
    assert calculations.stamp(settings) != before
