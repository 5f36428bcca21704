"""Which columns of a table tell of which fidelity. What is learned from them is in the neighbours."""

from dataclasses import dataclass

import polars as pl

from models.bias.describing import FORMULAS
from schemas.errors import InputError

_ENDINGS = ("", "_median", "_mp_median", "_mean", "_gap_eV", "_eV", "_sc")
"""What may follow the name of a fidelity in the name of its main column, most wanted first."""
_NOT_VALUES = ("_n", "_count", "_std", "_sd", "_withheld")


@dataclass(frozen=True)
class Columns:
    """The columns of a fused table.

    Attributes:
        main: main column of each fidelity but the target's, in the order given.
        beside: other columns of numbers of these fidelities, such as the lowest gap of all polymorphs.
        target: column of the fidelity that counts.
        formula: column of the composition, if there is one.
    """

    main: dict[str, str]
    beside: tuple[str, ...]
    target: str
    formula: str | None

    @property
    def low(self) -> tuple[str, ...]:
        """All columns of lower fidelities, the main ones first."""
        return (*self.main.values(), *self.beside)


def resolve(frame: pl.DataFrame, fidelities: tuple[str, ...], target: str, *, formula: str = "") -> Columns:
    """Finds the columns of each fidelity: of its name, or of its name and an ending such as `_median` or `_gap_eV`.

    Args:
        frame: the table.
        fidelities: names, such as pbe, hse, expt; the target may be among them.
        target: name of the fidelity to be predicted.
        formula: column of the composition; else the first of `describing.FORMULAS` that is there.

    Raises:
        InputError: no column of a fidelity; no lower fidelity; a named column that is missing.
    """
    lower = tuple(dict.fromkeys(f for f in fidelities if f != target))
    main = {name: _main(frame, name) for name in lower}
    aim = _main(frame, target)
    if formula and formula not in frame.columns:
        raise InputError.of(f"missing column {formula}", "the table", f"it has {', '.join(frame.columns)}")
    found = formula or next((c for c in FORMULAS if c in frame.columns), None)
    if not lower and found is None:
        raise InputError.of("nothing to predict from", "--fidelities", "name a lower fidelity or add a formula column")
    taken = {*main.values(), aim}
    beside = tuple(
        c
        for c, kind in frame.schema.items()
        if c not in taken and kind.is_numeric() and not c.endswith(_NOT_VALUES) and c.startswith(_starts(lower))
    )
    return Columns(main, beside, aim, found)


def _starts(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_" for name in names)


def _main(frame: pl.DataFrame, name: str) -> str:
    for ending in _ENDINGS:
        if f"{name}{ending}" in frame.columns:
            return f"{name}{ending}"
    raise InputError.of(
        f"no column of fidelity {name!r}", "the table", f"name one of its columns: {', '.join(frame.columns) or 'none'}"
    )
