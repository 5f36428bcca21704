"""Collinear orders of crystals whose orders are textbook knowledge."""

import numpy as np
import pytest

from models.physics.orders import Order, orders
from schemas.errors import InputError

PEROVSKITE = (np.eye(3) * 3.8, [38, 25, 8, 8, 8], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
ROCKSALT = (np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.09, [28, 8], [[0, 0, 0], [0.5] * 3])
RUTILE = (
    np.diag([4.87, 4.87, 3.31]),
    [25, 25, 9, 9, 9, 9],
    [[0, 0, 0], [0.5] * 3, [0.305, 0.305, 0], [0.695, 0.695, 0], [0.805, 0.195, 0.5], [0.195, 0.805, 0.5]],
)


def pbnm(x: float, y: float, z: float) -> list[list[float]]:
    """The positions equivalent to one in P b n m."""
    half = [(x, y, z), (-x, -y, z + 0.5), (x + 0.5, 0.5 - y, -z), (0.5 - x, y + 0.5, 0.5 - z)]
    every = np.array([*half, *(tuple(-np.array(p)) for p in half)]) % 1.0
    return np.unique(np.round(every, 6) % 1.0, axis=0).tolist()


# GdFeO3 type, four metal sites on inversion centres; free coordinates of a typical nickelate
SITES = {60: pbnm(0.996, 0.036, 0.25), 28: pbnm(0.5, 0, 0), 8: pbnm(0.07, 0.49, 0.25) + pbnm(0.716, 0.287, 0.039)}
ORTHORHOMBIC = (
    np.diag([5.39, 5.38, 7.61]),
    [z for z, places in SITES.items() for _ in places],
    [place for places in SITES.values() for place in places],
)


def found(crystal: tuple[np.ndarray, list[int], list[list[float]]], metal: int) -> dict[str, Order]:
    lattice, numbers, coords = crystal
    made = orders(lattice, np.array(numbers), np.array(coords), magnetic=np.array(numbers) == metal)
    return {o.name: o for o in made}


def neighbours(order: Order) -> tuple[int, int]:
    """Parallel and antiparallel nearest neighbours of the magnetic sites in the supercell."""
    at, signs = order.coords[order.signs != 0], order.signs[order.signs != 0]
    gaps = at[:, None] - at[None, :]
    shifts = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    length = np.linalg.norm((gaps[:, :, None] + shifts) @ order.lattice, axis=-1)
    near = (length > 0.1) & (length < 1.08 * length[length > 0.1].min())
    same = (signs[:, None] == signs[None, :])[:, :, None]
    return int((near & same).sum()) // len(at), int((near & ~same).sum()) // len(at)


def test_a_cubic_perovskite_has_the_four_orders_of_wollan_and_koehler() -> None:
    made = found(PEROVSKITE, 25)
    assert list(made) == ["FM", "AFM-A", "AFM-C", "AFM-G"]
    assert {n: neighbours(o) for n, o in made.items()} == {
        "FM": (6, 0),
        "AFM-A": (4, 2),
        "AFM-C": (2, 4),
        "AFM-G": (0, 6),
    }
    assert {n: len(o.numbers) for n, o in made.items()} == {"FM": 5, "AFM-A": 10, "AFM-C": 10, "AFM-G": 10}


def test_an_fcc_lattice_has_one_order_of_each_type_of_face_centre() -> None:
    made = found(ROCKSALT, 28)
    assert [neighbours(o) for o in made.values()] == [(12, 0), (6, 6), (4, 8)]  # F, type II of NiO, type I


def test_rutile_has_its_corner_against_centre_order_in_its_own_cell() -> None:
    neel = next(o for o in found(RUTILE, 25).values() if len(o.numbers) == 6 and o.signs.sum() == 0)
    assert neel.signs[:2].tolist() in ([1, -1], [-1, 1])


def test_a_distorted_perovskite_keeps_its_letters_and_tells_its_axes_apart() -> None:
    made = found(ORTHORHOMBIC, 28)
    assert set(made) == {"FM", "AFM-A-1", "AFM-A-2", "AFM-C-1", "AFM-C-2", "AFM-G"}
    assert len(made["AFM-G"].numbers) == 20
    assert neighbours(made["AFM-G"]) == (0, 6)


def test_every_order_but_the_ferromagnet_has_no_net_moment_and_supercells_keep_their_atoms() -> None:
    for crystal, metal in ((PEROVSKITE, 25), (ROCKSALT, 28), (RUTILE, 25), (ORTHORHOMBIC, 28)):
        for name, order in found(crystal, metal).items():
            assert (order.signs.sum() == 0) == (name != "FM"), name
            size = round(abs(np.linalg.det(order.cell)))  # all four crystals are primitive
            assert len(order.numbers) == size * len(crystal[1])
            assert abs(np.linalg.det(order.lattice)) == pytest.approx(size * abs(np.linalg.det(crystal[0])))
            gaps = order.coords[:, None] - order.coords[None, :]
            gaps -= np.rint(gaps)
            assert (np.linalg.norm(gaps @ order.lattice, axis=-1) + np.eye(len(gaps)) * 9).min() > 1.5, name


def test_a_larger_cell_of_the_same_crystal_has_the_same_orders() -> None:
    lattice, numbers, coords = PEROVSKITE
    doubled = (np.diag([1, 1, 2]) @ lattice, numbers * 2, [[x, y, (z + k) / 2] for k in (0, 1) for x, y, z in coords])
    assert list(found(doubled, 25)) == ["FM", "AFM-A", "AFM-C", "AFM-G"]


def test_a_crystal_without_moments_is_refused() -> None:
    with pytest.raises(InputError, match="no magnetic site"):
        found(PEROVSKITE, 99)


def test_too_many_sites_that_no_translation_joins_are_refused() -> None:
    chance = np.random.default_rng(0).random((9, 3))
    with pytest.raises(InputError, match="at most 6"):
        orders(np.eye(3) * 9, np.full(9, 26), chance, magnetic=np.ones(9, dtype=bool))
