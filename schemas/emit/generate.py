"""Writes schemas/generated from the declarations: ``python -m schemas.emit.generate [--check]``.

The files are committed for readers and for review; `--check` and a test fail when they are not what the
declarations give.
"""

import json
import sys
from pathlib import Path

from schemas.core import Registry

FOLDER = Path(__file__).parents[1] / "generated"


def generated(registry: Registry) -> dict[str, str]:
    """The text of every generated file by name."""
    from schemas.emit import duckdb, frictionless, markdown
    from schemas.problem import DesignProblem

    return {
        "data_dictionary.md": markdown.dictionary(registry),
        "ddl.sql": duckdb.ddl(registry),
        "datapackage.json": _json(frictionless.datapackage(registry)),
        "problem.schema.json": _json(DesignProblem.model_json_schema()),
    }


def drift(registry: Registry, folder: Path = FOLDER) -> list[str]:
    """Names of the generated files that are missing or differ from the declarations."""
    wanted = generated(registry)
    return [n for n, text in wanted.items() if not (folder / n).is_file() or (folder / n).read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    """Writes the files, or with `--check` reports drift; returns the exit code."""
    from schemas.tables import REGISTRY

    if "--check" in arguments:
        stale = drift(REGISTRY)
        if stale:
            sys.stderr.write(f"error: drift in {', '.join(stale)}: run python -m schemas.emit.generate\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in generated(REGISTRY).items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
