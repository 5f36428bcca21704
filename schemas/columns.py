"""Columns that several modules of tables share, and kinds of columns in a line each."""

from schemas.core import Column, Type
from schemas.rules import Between, Finite, NotBlank, OneOf

CLASSES = ("metal", "insulator", "mit")
"""What a compound may be labelled and predicted to be."""


def text(name: str, doc: str, *, nullable: bool = False) -> Column:
    """A text that is not blank."""
    return Column(name=name, type=Type.STRING, doc=doc, nullable=nullable, rules=(NotBlank(),))


def free_text(name: str, doc: str, *, nullable: bool = True) -> Column:
    """Any text, a blank one too."""
    return Column(name=name, type=Type.STRING, doc=doc, nullable=nullable)


def choice(name: str, doc: str, values: tuple[str, ...], *, nullable: bool = False) -> Column:
    """One of a few words."""
    return Column(name=name, type=Type.STRING, doc=doc, nullable=nullable, rules=(OneOf(values),))


def number(name: str, doc: str, *, unit: str | None = None, nullable: bool = False) -> Column:
    """A finite number, without a unit of its own unless one is named."""
    return Column(name=name, type=Type.FLOAT, doc=doc, unit=unit, nullable=nullable, rules=(Finite(),))


def count(name: str, doc: str, *, least: int = 0, nullable: bool = False) -> Column:
    """A whole number of things."""
    return Column(name=name, type=Type.INT, doc=doc, unit="count", nullable=nullable, rules=(Between(least, None),))


def share(name: str, doc: str, *, nullable: bool = True) -> Column:
    """A probability or a share."""
    return Column(name=name, type=Type.FLOAT, doc=doc, unit="1", nullable=nullable, rules=(Between(0, 1),))


LICENCE = Column(name="licence", type=Type.STRING, doc="Licence of the row's content.", rules=(NotBlank(),))
CONFIDENCE = Column(
    name="confidence", type=Type.FLOAT, unit="1", doc="How sure the rule is, 0 to 1.", rules=(Between(0, 1),)
)
