"""Model folders: `card.json`, `card.md` and the model in a joblib file that the card names by its checksum.

The card is the pointer: a new model's file is written beside the former one, then the card is replaced at once, so at
every moment, and after any kill, the folder holds one whole model. Belongs here: how any learned model lies on disk and
what its card says. What is learned is in the model packages.
"""

import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from schemas.errors import InputError

CARD, PAGE, BODIES = "card.json", "card.md", "model*.joblib"
FORMAT = 1
"""Of the folder and of what it stores: add one when models stored before would be read wrongly."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model is, what it learned from and how far to trust it.

    Attributes:
        kind: which loader reads it ("screening", "temperature", "recipes").
        model_id: hash of training data and settings; equal inputs give equal ids.
        summary: one sentence for a reader.
        data: counts and provenance of the training rows.
        settings: everything that was chosen, seed included.
        scores: measured on grouped held-out rows, with the protocol named.
        caveats: what the model must not be used for.
        sha256: of the model file, and its name; filled in by `save`.
        format: `FORMAT` of the code that wrote it; filled in by `save`.
    """

    kind: str
    model_id: str
    summary: str
    data: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    sha256: str = ""
    format: int = FORMAT

    @property
    def body(self) -> str:
        """Name of the model file."""
        return f"model-{self.sha256[:16]}.joblib"


def identify(kind: str, settings: dict[str, Any], *rows: Any) -> str:
    """A deterministic model id: hash of the settings and of the training rows (anything JSON can hold)."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for block in rows:
        digest.update(json.dumps(block, sort_keys=True, default=str, ensure_ascii=False).encode())
    return f"{kind}-{digest.hexdigest()[:16]}"


def save(model: object, card: Card, folder: Path) -> Card:
    """Puts a model into a folder; a model that was there is replaced at once, and its file kept for who just opened it.

    Args:
        model: what joblib shall store.
        card: its card; the checksum is added.
        folder: the folder to write.

    Returns:
        The card as written.

    Raises:
        InputError: the parent is missing or not writable, or the folder holds something that is no model.
    """
    import joblib

    check_folder(folder)
    former = sorted(folder.glob(BODIES), key=lambda path: path.stat().st_mtime_ns)[-1:]
    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=3)
    body = buffer.getvalue()
    written = replace(card, sha256=hashlib.sha256(body).hexdigest(), format=FORMAT)
    text = json.dumps(asdict(written), indent=2, default=str, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((written.body, body), (CARD, text.encode()), (PAGE, page(written).encode())):
            _put(content, folder / name)
    except OSError as error:
        raise InputError.of(
            f"cannot write ({error.strerror})", folder, "choose a folder that can be written"
        ) from error
    for stale in set(folder.glob(BODIES)) - {folder / written.body, *former}:
        stale.unlink(missing_ok=True)
    return written


def check_folder(folder: Path) -> None:
    """Checks that a folder is new or holds nothing but a model; commands ask before they train.

    Raises:
        InputError: it holds something else.
    """
    if folder.exists() and not (folder.is_dir() and all(map(_is_ours, folder.iterdir()))):
        raise InputError.of("something that is no model", folder, "name a new folder or an older model's folder")


def _is_ours(path: Path) -> bool:
    return path.name in {CARD, PAGE} or path.match(BODIES) or path.match(".*.part")


def _put(content: bytes, path: Path) -> None:
    """Writes aside, flushes and renames: readers see the old or the new file."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_card(folder: Path, *, kind: str) -> Card:
    """Reads and checks a model's card.

    Raises:
        InputError: no such folder, no card, an unreadable card, or a model of another kind or format.
    """
    if not folder.is_dir():
        raise InputError.of("no such model folder", folder, f"train one with `matloom {_command(kind)}`")
    try:
        body = json.loads((folder / CARD).read_text())
        if body["kind"] == kind and body.get("format", 0) != FORMAT:
            raise _outdated(f"a model of format {body.get('format', 0)}, not {FORMAT},", folder, kind)
        card = Card(**{**body, "caveats": tuple(body["caveats"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError.of("no readable card.json", folder, "name a folder that a train command wrote") from error
    if card.kind != kind:
        raise InputError.of(f"a model of kind {card.kind}", folder, f"a model of kind {kind} is needed")
    return card


def load(folder: Path, *, kind: str, expect: type) -> Any:
    """Loads a model written by `save`, after its checksum agrees with its card.

    joblib files run code when read: load only models that you or someone you trust wrote.

    Raises:
        InputError: missing, garbled or foreign folder.
    """
    import joblib

    card = read_card(folder, kind=kind)
    try:
        content = (folder / card.body).read_bytes()
    except OSError as error:
        if read_card(folder, kind=kind) != card:  # replaced since its card was read, more than once
            return load(folder, kind=kind, expect=expect)
        raise InputError.of(f"no {card.body}", folder, "train the model again") from error
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise InputError.of(f"a {card.body} that differs from its card", folder, "train the model again")
    try:
        model = joblib.load(io.BytesIO(content))
    except (OSError, ValueError, ImportError, AttributeError, EOFError, KeyError, TypeError) as error:
        raise _outdated(f"an unreadable {card.body}", folder, kind) from error
    if not isinstance(model, expect):
        raise InputError.of(f"a {type(model).__name__}", folder, f"a {expect.__name__} is needed")
    lacking = _lacking(model)
    if lacking:
        raise _outdated(f"a model without {lacking}", folder, kind)
    return model


def _lacking(value: object) -> str | None:
    """The first field that a class has by now and its stored value lacks, anywhere in the value."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value)]
        gone = [name for name in names if not hasattr(value, name)]
        if gone:
            return f"{type(value).__name__}.{gone[0]}"
        parts = [getattr(value, name) for name in names]
    elif isinstance(value, dict):
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, list | tuple) else []
    return next(filter(None, map(_lacking, parts)), None)


def _outdated(what: str, folder: Path, kind: str) -> InputError:
    return InputError.of(what, folder, f"train the model again with this version, by `matloom {_command(kind)}`")


def page(card: Card) -> str:
    """The card as a Markdown page; rows become a table under a heading of their own."""
    lines = [f"# {card.model_id}", "", card.summary, ""]
    for title, block in (("Training data", card.data), ("Settings", card.settings), ("Scores", card.scores)):
        tables = {k: v for k, v in block.items() if v and isinstance(v, list) and all(isinstance(r, dict) for r in v)}
        told = [f"- {k}: {json.dumps(v, default=str, ensure_ascii=False)}" for k, v in block.items() if k not in tables]
        if block:
            lines += [f"## {title}", "", *told, ""]
        for name, rows in tables.items():
            lines += [f"### {name}", "", *_table(rows), ""]
    if card.caveats:
        lines += ["## Caveats", "", *(f"- {c}" for c in card.caveats), ""]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table, in the columns of the first row."""
    header = list(rows[0])
    cells = [["" if row[c] is None else str(row[c]).replace("|", "\\|") for c in header] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *cells)]


def _command(kind: str) -> str:
    """The command that makes models of a kind."""
    if kind.endswith("-classifier"):
        return f"text train {kind.removesuffix('-classifier')}"
    named = {"screening": "screen train", "lvgp": "model fit", "fuse": "fuse fit", "tagger": "text train tag"}
    return named.get(kind, f"{kind} train")
