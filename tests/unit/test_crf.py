"""Random fields: what CRFsuite learns is decoded by numpy, alone and as a mean."""

import itertools
import pickle

import numpy as np
import pytest

from etl.text import crf

SENTENCES = [
    ([[("w=heat",), ("k",)], [("w=to",), ()], [("w=900",), ("n",)]], ["B-Op", "O", "B-Num"]),
    ([[("w=mix",), ("k",)], [("w=2",), ("n",)], [("w=g",), ()]], ["B-Op", "B-Num", "O"]),
    ([[("w=the",), ()], [("w=900",), ("n",)], [("w=heat",), ("k",)]], ["O", "B-Num", "B-Op"]),
]
QUICK = crf.Settings("lbfgs", (("max_iterations", 30),))


def best_by_trial(emissions: np.ndarray, transitions: np.ndarray) -> list[int]:
    def score(path: tuple[int, ...]) -> float:
        moves = sum(transitions[a, b] for a, b in itertools.pairwise(path))
        return float(sum(emissions[i, k] for i, k in enumerate(path)) + moves)

    return list(max(itertools.product(range(emissions.shape[1]), repeat=len(emissions)), key=score))


def test_viterbi_finds_the_best_of_all_paths_of_every_length() -> None:
    rng = np.random.default_rng(0)
    transitions = rng.normal(size=(3, 3)).astype(np.float32)
    tables = [rng.normal(size=(n, 3)).astype(np.float32) for n in (1, 5, 3, 2)]
    assert crf.viterbi(tables, transitions) == [best_by_trial(t, transitions) for t in tables]
    assert crf.viterbi([], transitions) == []


def test_a_field_gives_the_labels_it_learned() -> None:
    field = crf.mean([crf.fit(SENTENCES, QUICK)])
    assert field.decode([s for s, _ in SENTENCES]) == [labels for _, labels in SENTENCES]
    assert field.decode([]) == []
    assert field.decode([[[("never seen",), ()]]])[0][0] in field.labels


@pytest.mark.parametrize("algorithm", ["lbfgs", "l2sgd", "ap"])
def test_training_again_gives_the_same_weights(algorithm: str) -> None:
    settings = crf.Settings(algorithm, (("max_iterations", 5),), 0.3, 7)
    assert crf.fit(SENTENCES, settings) == crf.fit(SENTENCES, settings)


def test_the_mean_of_a_field_with_itself_is_the_field() -> None:
    weights = crf.scaled(crf.fit(SENTENCES, QUICK))
    one, two = crf.mean([weights]), crf.mean([weights, weights])
    assert one.names == two.names
    assert np.array_equal(one.weights, two.weights)
    assert np.allclose(one.transitions, two.transitions)


def test_small_weights_can_be_left_out_and_sums_kept_for_speed_are_not_stored() -> None:
    weights = crf.fit(SENTENCES, QUICK)
    whole, pruned = crf.mean([weights]), crf.mean([weights], least=0.5)
    assert 0 < len(pruned.weights) < len(whole.weights)
    fresh = len(pickle.dumps(whole))
    whole.decode([s for s, _ in SENTENCES])
    assert len(pickle.dumps(whole)) == fresh


def test_a_field_does_not_see_the_attributes_it_drops() -> None:
    assert {a for (a, _) in crf.fit(SENTENCES, crf.Settings("ap", (), 1.0)).states} == set()
    seen = [crf.Settings(dropped=0.5, seed=s).sees("w=heat") for s in range(20)]
    assert True in seen
    assert False in seen
