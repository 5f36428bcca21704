"""Titles and abstracts that services send as scraps of JATS or HTML, as plain text; and record models over JSON.

Whole XML documents are read by `xml`; clean-up of LaTeX and Unicode belongs to `etl.text`.
"""

import html
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from etl.sources import records, xml
from schemas.errors import InputError

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_PREFIX = re.compile(r"(</?)\w+:")
_BLOCK = re.compile(r"</(?:p|title|h\d|sec|li)>|<br\s*/?>", re.IGNORECASE)
_BLOCKS = re.compile(r"</?(?:p|title|h\d|sec|li|ul|ol|list|list-item|abstract|div|br)\b[^<>]*>", re.IGNORECASE)
_HEADING = re.compile(r"\s*(?:abstract|summary)\s*[.:]?\s*\n", re.IGNORECASE)
# control characters, which no text has and no XML may have; and halves of surrogate pairs, which no UTF-8 can hold
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
Model = TypeVar("Model", bound="Record")


class Record(BaseModel):
    """Base of what is read of a service's record; what is not declared is left."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, item: Any) -> Any:
        """A null says no more than a name left out."""
        return {k: v for k, v in item.items() if v is not None} if isinstance(item, dict) else item


def read(model: type[Model], item: Any) -> Model | str:
    """The record, or in a few words why it is none."""
    try:
        return model.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(str(p) for p in first['loc']) or 'record'}: {first['msg']}"


def storable(value: Any) -> Any:
    """A value of JSON whose strings, keys too, have a blank for each character that cannot be stored."""
    if isinstance(value, str):
        return _UNREADABLE.sub(" ", value)
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return value


def clean(text: str | None) -> str | None:
    """Plain text of a scrap of markup; paragraphs are kept apart by line breaks, superscripts get a ^."""
    if text is None:
        return None
    text = _UNREADABLE.sub(" ", text)
    if "<" in text or "&" in text:
        lines = [_line(piece) for piece in _BLOCK.sub("\n", _PREFIX.sub(r"\1", text)).split("\n")]
    else:
        lines = [" ".join(text.split())]
    joined = "\n".join(line for line in lines if line)
    return _HEADING.sub("", joined, count=1) if _HEADING.match(joined) else joined or None


def _line(piece: str) -> str:
    """Text of a piece between blocks, whose block tags have their other halves elsewhere."""
    bare = _BLOCKS.sub(" ", piece)
    if not bare.strip():
        return ""
    try:
        found = xml.text(xml.parse(f"<x>{bare}</x>".encode(), where="markup"))
    except InputError:  # not well-formed: "T < 5 K" is no tag
        found = html.unescape(_TAG.sub("", bare))
    return " ".join((found or "").split())


def doi(text: str | None) -> str | None:
    """A DOI in lower case without its resolver; None where the text is none."""
    return next(iter(records.dois([text])), None)
