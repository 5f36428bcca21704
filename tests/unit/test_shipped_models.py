"""The weights that come with the package: whole, small, under a stated licence, and read as their card says."""

import json
import shutil
from pathlib import Path

import pytest

from etl.text import shipped
from etl.text.classify import Classifier
from etl.text.tagger import Tagger
from schemas.errors import InputError

MODELS = {"tagger": Tagger, "sentence": Classifier}


def test_each_folder_holds_one_small_model_of_a_stated_licence_and_command() -> None:
    folders = sorted(p.parent.name for p in shipped.HERE.glob("*/card.json"))
    assert folders == sorted(MODELS)
    page = (shipped.HERE / "README.md").read_text(encoding="utf-8")
    for name in folders:
        card = json.loads((shipped.HERE / name / "card.json").read_text(encoding="utf-8"))
        (body,) = (shipped.HERE / name).glob("*.joblib")
        assert body.stat().st_size < 5_000_000
        assert card["data"]["command"].endswith(f"etl/text/shipped/{name}")
        assert f"\n## {name}: " in page
        assert card["data"]["licence"].split()[0] in page


@pytest.mark.parametrize("name", MODELS)
def test_a_former_model_beside_the_one_of_the_card_is_not_read(name: str, tmp_path: Path) -> None:
    shutil.copytree(shipped.HERE / name, tmp_path / name)
    (tmp_path / name / "model-0123456789abcdef.joblib").write_bytes(b"former")
    assert isinstance(shipped.load(name, folder=tmp_path), MODELS[name])


def test_a_damaged_model_is_refused_before_it_is_read(tmp_path: Path) -> None:
    shutil.copytree(shipped.HERE / "tagger", tmp_path / "tagger")
    (body,) = (tmp_path / "tagger").glob("*.joblib")
    body.write_bytes(body.read_bytes()[:-1])
    with pytest.raises(InputError, match="differs from its card"):
        shipped.load("tagger", folder=tmp_path)
