"""A look-up table that answers as slowly and as unreliably as it is told to: an engine for rehearsals.

Settings: `values` (quantity -> number, or null for a calculation that has none), `seconds` it takes, `fails`, the
codes with which its first attempts end, and `candidate`, which tells apart what else is equal.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.evaluators.calculations import Atoms, Settings
from models.evaluators.engines.common import INPUT, RESULT, check_names, read_result, write_json
from models.evaluators.engines.protocol import Reading

KNOWN = frozenset({"values", "seconds", "fails", "row", "candidate"})


class Engine:
    """See the module."""

    name = "recorded"
    remedies: Mapping[str, Sequence[Settings]] = {"scf": ({"row": 1}, {"row": 2})}

    def check_settings(self, settings: Settings) -> None:
        """Refuses unknown settings.

        Raises:
            InputError: a setting that is not known.
        """
        check_names(settings, self.name, KNOWN)

    def check(self, atoms: Atoms, settings: Settings) -> None:
        """Takes any crystal: it looks at none."""
        self.check_settings(settings)

    def write(self, folder: Path, atoms: Atoms, settings: Settings) -> list[str]:
        """Writes the answer beside the place where it belongs; the command waits and moves it there."""
        fails = list(settings.get("fails", ()))
        attempt = int(folder.name.rsplit("-", 1)[-1])
        answer: dict[str, object] = {"provenance": {"engine": self.name}}
        values: Mapping[str, float | None] = settings["values"]
        known = {k: v for k, v in values.items() if v is not None}
        if attempt <= len(fails):
            answer["failure"] = {"code": fails[attempt - 1], "reason": f"rehearsed: {fails[attempt - 1]}"}
        elif len(known) < len(values):
            answer["failure"] = {"code": "unknown", "reason": "no value in the recorded table"}
        else:
            answer["values"] = known
        write_json(folder / INPUT, dict(settings))
        (folder / "answer.json").write_text(json.dumps(answer, sort_keys=True), "utf-8")
        wait = f"sleep {float(settings.get('seconds', 0.0))}"
        return ["/bin/sh", "-c", f"{wait} && mv answer.json {shlex.quote(RESULT)}"]

    def ranks(self, settings: Settings) -> int | None:
        """One process."""
        return 1

    def read(self, folder: Path, code: int) -> Reading:
        """The recorded answer."""
        return read_result(folder, code)
