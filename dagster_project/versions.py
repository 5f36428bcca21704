"""Which state of the project made something. Light: the command line imports it without the orchestrator."""

import hashlib
from functools import cache
from pathlib import Path


@cache
def package_version(*packages: str) -> str:
    """Hash of packages with their data, of `etl`, `models` and `schemas` unless named: what is made depends on them."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for package in packages or ("etl", "models", "schemas"):
        for path in sorted((root / package).rglob("*.*")):
            if path.suffix != ".pyc" and path.is_file():
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
