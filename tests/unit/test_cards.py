"""Model folders on disk."""

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from models import cards
from schemas.errors import InputError


def card(number: int, kind: str = "toy") -> cards.Card:
    return cards.Card(kind=kind, model_id=f"{kind}-{number}", summary="A toy.")


def load(folder: Path) -> Any:
    return cards.load(folder, kind="toy", expect=dict)


def test_a_model_is_replaced_while_readers_never_miss_one(tmp_path: Path) -> None:
    folder, stop, seen, errors = tmp_path / "m", threading.Event(), set(), []
    cards.save({"n": 0}, card(0), folder)

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(load(folder)["n"])
            except InputError as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        cards.save({"n": number}, card(number), folder)
    stop.set()
    reader.join()
    assert errors == []
    assert len(seen) > 1
    assert load(folder) == {"n": 59}
    assert len(list(folder.iterdir())) == 4  # card, page, this model and the one before


@pytest.mark.parametrize("step", range(3))
def test_a_kill_between_two_renames_leaves_a_whole_model(tmp_path: Path, step: int) -> None:
    folder = tmp_path / "m"
    cards.save({"n": 1}, card(1), folder)
    child = os.fork()
    if child == 0:
        done = []
        real = Path.replace

        def dying(self: Path, target: Path) -> Path:
            if len(done) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(target)
            return real(self, target)

        Path.replace = dying  # type: ignore[assignment]
        cards.save({"n": 2}, card(2), folder)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert load(folder) == {"n": 1 if step < 2 else 2}
    cards.save({"n": 3}, card(3), folder)
    assert load(folder) == {"n": 3}


def test_a_folder_with_other_things_is_refused_and_another_model_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(InputError, match="something that is no model"):
        cards.save({}, card(0), tmp_path / "thesis")
    cards.save({"n": 0}, card(0, kind="other"), tmp_path / "m")
    with pytest.raises(InputError, match="a model of kind other"):
        load(tmp_path / "m")
    cards.save({"n": 1}, card(1), tmp_path / "m")
    assert load(tmp_path / "m") == {"n": 1}


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    written = cards.save({"n": 0}, card(0), tmp_path / "m")
    (tmp_path / "m" / written.body).write_bytes(b"not a model")
    with pytest.raises(InputError, match="differs from its card"):
        load(tmp_path / "m")


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("lvgp", "model fit"),
        ("screening", "screen train"),
        ("temperature", "temperature train"),
        ("recipes", "recipes train"),
        ("sentence-classifier", "text train sentence"),
    ],
)
def test_a_missing_model_names_the_command_that_makes_it(tmp_path: Path, kind: str, command: str) -> None:
    with pytest.raises(InputError, match=f"train one with `matloom {command}`"):
        cards.read_card(tmp_path / "none", kind=kind)


@dataclass(frozen=True)
class Toy:
    """A model as it was stored."""

    n: int


@dataclass(frozen=True)
class LaterToy:
    """The same model in a later version."""

    n: int
    scale: float


def test_a_model_of_another_version_is_to_be_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "m"
    cards.save({"parts": [Toy(1)]}, card(0, kind="lvgp"), folder)
    assert cards.load(folder, kind="lvgp", expect=dict) == {"parts": [Toy(1)]}
    again = "train the model again with this version, by `matloom model fit`"
    with monkeypatch.context() as later:
        later.setattr(sys.modules[__name__], "Toy", LaterToy)
        with pytest.raises(InputError, match=f"a model without LaterToy.scale in .*: {again}"):
            cards.load(folder, kind="lvgp", expect=dict)
    page = folder / cards.CARD
    for stored in ({"format": 99, "a_new_key": 1}, {}):  # of a later version; of one before there were formats
        body = {k: v for k, v in json.loads(page.read_text()).items() if k not in ("format", "a_new_key")} | stored
        page.write_text(json.dumps(body))
        with pytest.raises(InputError, match=f"a model of format {body.get('format', 0)}, not 1, in .*: {again}"):
            cards.load(folder, kind="lvgp", expect=dict)
