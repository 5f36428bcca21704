"""What `matloom text train` makes of labelled tokens: taggers, in model folders with their cards."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.commands.common import InputError, read_input

if TYPE_CHECKING:
    from etl.text.tagger import Tagger

KIND = "tagger"
TASKS = {
    "tag": "Reads entities and their relations in synthesis text, in labels of the MSPT corpus.",
    "actions": "Reads operations in synthesis sentences, in the classes of its training data.",
}
"""Name of a task -> what its model does, for the card."""
PROTOCOL = "exact spans, micro F1, fifths of the documents held out in turn"


def train(task: str, data: list[str], out: str) -> dict[str, Any]:
    """Trains a tagger, writes its folder and returns the summary."""
    from etl.text import tagger
    from models import cards

    cards.check_folder(Path(out))
    rows = [row for where in data for row in read_input(where).to_dicts()]
    gold = tagger.gold(rows)
    model = tagger.train(rows)
    counts = {
        "texts": len(gold),
        "entities": sum(map(len, (e for _, e, _ in gold))),
        "relations": sum(map(len, (r for *_, r in gold))),
    }
    settings = {"task": task, "members": [vars(m) for m in tagger.MEMBERS], "links": vars(tagger.LINKS)}
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, gold),
        summary=TASKS[task],
        data={**counts, "files": [Path(where).name for where in data], "labels": model.labels},
        settings=settings,
        caveats=(
            "The licence of the training data goes with the weights.",
            "Spans hold for texts like those it learned from.",
        ),
    )
    saved = cards.save(model, card, Path(out))
    return {"model_id": saved.model_id, "out": out, **counts}


def load(model: str) -> "Tagger | None":
    """The tagger of a model folder; None for the shipped one."""
    if not model:
        return None
    from etl.text.tagger import Tagger
    from models import cards

    if not Path(model).is_dir():
        raise InputError.of(f"unknown model {model}", "--model", "name a model folder, or 'rules'")
    found: Tagger = cards.load(Path(model), kind=KIND, expect=Tagger)
    return found
