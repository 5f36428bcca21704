"""What a declaration promises, whichever tables there are."""

import pytest

from schemas.core import Column, Table, Type
from schemas.errors import InputError
from schemas.rules import Between, OneOf
from schemas.tables import REGISTRY
from schemas.units import UNITS


def a_table(**changes: object) -> Table:
    settings: dict[str, object] = {
        "name": "core.things",
        "doc": "Things.",
        "grain": "one thing",
        "key": ("thing_id",),
        "columns": (Column(name="thing_id", type=Type.STRING, doc="Identifier."),),
    }
    return Table(**{**settings, **changes})  # type: ignore[arg-type]


def test_a_name_needs_two_parts() -> None:
    with pytest.raises(ValueError, match="two parts"):
        a_table(name="things")


def test_a_key_must_be_declared_and_not_nullable() -> None:
    with pytest.raises(ValueError, match="undeclared"):
        a_table(key=("other",))
    with pytest.raises(ValueError, match="cannot be nullable"):
        a_table(columns=(Column(name="thing_id", type=Type.STRING, doc="Identifier.", nullable=True),))


def test_the_fingerprint_follows_rules_and_not_prose() -> None:
    plain = a_table()
    assert a_table(doc="Other words.").fingerprint() == plain.fingerprint()
    ruled = Column(name="thing_id", type=Type.STRING, doc="Identifier.", rules=(OneOf(("a",)),))
    assert a_table(columns=(ruled,)).fingerprint() != plain.fingerprint()


def test_one_column_name_has_one_type_and_one_unit() -> None:
    seen: dict[str, tuple[Type, str | None, str]] = {}
    for table in REGISTRY:
        for column in table.columns:
            first = seen.setdefault(column.name, (column.type, column.unit, table.name))
            assert (column.type, column.unit) == first[:2], f"{table.name}.{column.name} differs from {first[2]}"


def test_units_are_known_and_every_column_is_documented() -> None:
    for table in REGISTRY:
        assert table.doc.strip()
        assert table.grain.strip()
        for column in table.columns:
            assert column.doc.strip(), f"{table.name}.{column.name}"
            assert column.unit is None or column.unit in UNITS, f"{table.name}.{column.name}: {column.unit}"


def test_foreign_keys_name_columns_that_exist() -> None:
    for table in REGISTRY:
        for key in table.foreign_keys:
            target = REGISTRY[key.table]
            assert set(key.columns) <= set(table.column_names)
            assert set(key.references) <= set(target.column_names)


def test_bounds_are_the_right_way_round() -> None:
    for table in REGISTRY:
        for column in table.columns:
            for rule in column.rules:
                if isinstance(rule, Between) and rule.low is not None and rule.high is not None:
                    assert rule.low <= rule.high, f"{table.name}.{column.name}"


def test_an_unknown_table_is_named_in_the_error() -> None:
    with pytest.raises(KeyError, match=r"core\.nothing"):
        REGISTRY["core.nothing"]


def test_what_a_file_holds_wrongly_is_said_in_our_words() -> None:
    found = [{"type": "value_error", "loc": ("name",), "msg": "Value error, no source 'x'; use one of a, b"}]
    assert (
        str(InputError.invalid(found, "s.yaml", "mend it"))
        == "name (no source 'x'; use one of a, b) in s.yaml: mend it"
    )
