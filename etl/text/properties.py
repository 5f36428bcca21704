"""What is extracted, as data: properties with their units, ranges, cues and symbols, read from YAML.

The shipped file is `properties.yaml`; another one may be given. Reading text by it is `transitions`.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import InputError


class Property(BaseModel):
    """One thing to extract, as the YAML says it.

    Attributes:
        name: what it is called; entries of one name compete for the same values.
        type: which kind of it this entry tells; "" says that a value is none.
        unit, range: what values are converted to, and the values that are taken.
        cues, notations: phrases and symbols that tell it.
        negative: phrases that tell that a value nearby is none.
        requires: phrases one of which the sentence must have.
        ambiguous: those of `cues` that mean the type `instead` where the words around tell it.
        when: words one of which must stand just before the value ("below"); empty for anything.
        about: words one of which the document must have for the cues to count; empty for any document.
        scope: whether the compound must stand in the sentence of the value, or may be the one the document is about.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    type: str
    unit: str
    range: tuple[float, float]
    cues: tuple[str, ...] = ()
    notations: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    instead: str = ""
    when: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    scope: Literal["sentence", "document"] = "document"

    @model_validator(mode="after")
    def _takes_a_value(self) -> "Property":
        if not self.range[0] <= self.range[1]:
            raise ValueError(f"no value is between {self.range[0]} and {self.range[1]}")
        return self


class Ambiguous(BaseModel):
    """Symbols and phrases whose meaning the words around them decide.

    Attributes:
        symbols, phrases: what is ambiguous.
        contexts: type -> words that tell it, in the sentence or else in the document.
        local: type -> words that tell it in the sentence only.
        generic: type -> words that tell it where no context does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    contexts: dict[str, tuple[str, ...]] = {}
    local: dict[str, tuple[str, ...]] = {}
    generic: dict[str, tuple[str, ...]] = {}


class Properties(BaseModel):
    """The whole configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: dict[str, dict[str, tuple[float, float]]]
    properties: tuple[Property, ...]
    ambiguous: Ambiguous = Ambiguous()


@lru_cache(maxsize=8)
def configuration(path: str | None = None) -> Properties:
    """Reads a property configuration; the shipped one by default. A file without `units` or `ambiguous` inherits them.

    Raises:
        InputError: missing or malformed file.
    """
    shipped = Path(__file__).with_name("properties.yaml")
    where = Path(path) if path else shipped
    try:
        loaded = yaml.safe_load(where.read_text(encoding="utf-8"))
        base = yaml.safe_load(shipped.read_text(encoding="utf-8"))
        if isinstance(loaded, list):
            loaded = {"properties": loaded}
        if not isinstance(loaded, dict):
            raise InputError.of("no mapping or list", where, "see etl/text/properties.yaml")
        own = loaded.get("units") or {}
        loaded["units"] = {**base["units"], **own} if isinstance(own, dict) else own
        loaded.setdefault("ambiguous", base["ambiguous"])
        entries = loaded.get("properties")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                entry.setdefault("type", entry.get("name", ""))
        return Properties.model_validate(loaded)
    except OSError as error:
        raise InputError.of(f"cannot read ({error.strerror})", where, "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError.of("not valid YAML", where, str(error).splitlines()[0]) from error
    except ValidationError as error:
        raise InputError.invalid(error.errors(), where, "see etl/text/properties.yaml") from error


def phrase(text: str) -> str:
    """The pattern of a cue: a space matches a hyphen too, " .. " up to four words, a final * any ending of the word.

    Acronyms keep their case.
    """
    body = re.escape(text.removesuffix("*")).replace(r"\ \.\.\ ", r"(?:\s+[\w-]+){0,4}?\s+")
    body = body.replace(r"\ ", r"[\"'”’]?[\s-]+") + (r"\w*" if text.endswith("*") else r"s?")
    flags = "" if text.isupper() else "i"
    return rf"(?{flags}:(?<![\w]){body}(?!\w))" if flags else rf"(?<!\w){body}(?!\w)"
