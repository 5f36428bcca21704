"""Relations: which pairs are looked at, which are chosen, how gold is read."""

import numpy as np
import pytest

from etl.text import crf
from etl.text.relations import Entity, Relater, _chosen, gold, train

TEXT = "The gel was dried at 90 °C. Then it was fired at 500 °C for 2 h in air."
ENTITIES = [
    Entity(TEXT.index(w), TEXT.index(w) + len(w), label)
    for w, label in (("dried", "Operation"), ("fired", "Operation"), ("gel", "Material"), ("air", "Material"))
] + [Entity(24, 26, "Condition-Unit"), Entity(53, 55, "Condition-Unit"), Entity(62, 63, "Condition-Unit")]
LINKS = [("Condition_Of", 4, 0), ("Condition_Of", 5, 1), ("Condition_Of", 6, 1), ("Next_Operation", 0, 1)]
LINKS += [("Participant_Material", 2, 0), ("Atmospheric_Material", 3, 1)]
SETTINGS = crf.Settings("lbfgs", (("c1", 0.0), ("c2", 0.01), ("max_iterations", 60)))


@pytest.fixture(scope="module")
def learned() -> Relater:
    return train([(TEXT, ENTITIES, LINKS)] * 3, SETTINGS)


def test_what_was_learned_is_linked_again_whatever_the_order_of_the_entities(learned: Relater) -> None:
    assert TEXT[53:55] == "°C"
    assert set(learned.links(TEXT, ENTITIES)) == set(LINKS)
    turned = list(reversed(ENTITIES))
    place = {i: len(ENTITIES) - 1 - i for i in range(len(ENTITIES))}
    assert {(k, place[h], place[t]) for k, h, t in learned.links(TEXT, turned)} == set(LINKS)


def test_pairs_reach_no_farther_than_those_of_gold(learned: Relater) -> None:
    assert learned.places[("Condition-Unit", "Operation")] == [(-1, 0)]  # the one before, in the same sentence
    assert learned.places[("Operation", "Operation")] == [(1, 0)]
    far = "It was fired. " + "Nothing happened here. " * 3 + "It took 2 h."
    known = [Entity(7, 12, "Operation"), Entity(len(far) - 2, len(far) - 1, "Condition-Unit")]
    assert learned.links(far, known) == []


def test_a_head_keeps_its_best_tail_and_a_material_one_part() -> None:
    labels = ["-", "Amount_Of", "Condition_Of", "Recipe_Target", "Recipe_Precursor"]
    found = [(0, 5), (0, 6), (1, 5), (1, 6), (2, 5)]
    chance = np.array(
        [
            [0.2, 0.0, 0.8, 0.0, 0.0],
            [0.4, 0.0, 0.6, 0.0, 0.0],  # a second tail of a condition: not kept
            [0.4, 0.6, 0.0, 0.0, 0.0],
            [0.3, 0.7, 0.0, 0.0, 0.0],  # an amount may be of both
            [0.1, 0.0, 0.0, 0.4, 0.5],
        ]
    )
    assert set(_chosen(found, chance, labels)) == {
        ("Condition_Of", 0, 5), ("Amount_Of", 1, 5), ("Amount_Of", 1, 6), ("Recipe_Precursor", 2, 5),
    }  # fmt: skip


def test_parts_of_events_are_relations_from_the_material_to_the_operation() -> None:
    row = {
        "text": "We mix salt.",
        "entities": [
            {"id": "T1", "type": "Operation", "spans": [[3, 6]]},
            {"id": "T2", "type": "Material", "spans": [[7, 11]]},
        ],
        "events": [{"id": "E1", "trigger": "T1", "args": [{"role": "Recipe_Precursor", "target": "T2"}]}],
        "relations": [{"type": "Next_Operation", "arg1": "E1", "arg2": "E9"}],
    }
    assert gold(row) == (
        "We mix salt.",
        [Entity(3, 6, "Operation"), Entity(7, 11, "Material")],
        [("Recipe_Precursor", 1, 0)],
    )


@pytest.mark.parametrize("text", ["", " ", "\x00\x00\x00", "$$$$", "שלום עולם", "a" * 2000])
def test_entities_of_bad_text_are_linked_without_failing(learned: Relater, text: str) -> None:
    known = [Entity(0, 1, "Operation"), Entity(0, max(1, len(text)), "Condition-Unit")]
    assert all(0 <= i < 2 for _, h, t in learned.links(text, known) for i in (h, t))
    assert learned.links(text, []) == []
