"""OPTIMADE's filter language: what each construct finds, what is unknown, what is refused and with which status."""

from datetime import UTC, datetime

import polars as pl
import pytest

from warehouse.optimade.errors import BadRequestError, ServiceError, UnsupportedError
from warehouse.optimade.filters import translate
from warehouse.optimade.grammar import DEEPEST, LONGEST
from warehouse.optimade.properties import PROPERTIES

ROWS = [
    # id, elements, ratios, formula, nsites, features, p_mit, in_domain, modified
    ("a", ["O", "V"], [2 / 3, 1 / 3], "O2V", 6, [], 0.9, True, datetime(2026, 1, 1, tzinfo=UTC)),
    ("b", ["Nd", "Ni", "O"], [0.2, 0.2, 0.6], "NdNiO3", 20, ["disorder"], 0.5, False, datetime(2026, 2, 1, tzinfo=UTC)),
    ("c", ["Si"], [1.0], 'Si "x" \\', 2, [], None, None, datetime(2026, 3, 1, tzinfo=UTC)),
]
COLUMNS = (
    "id", "elements", "elements_ratios", "chemical_formula_descriptive", "nsites", "structure_features",
    "_matloom_p_mit", "_matloom_in_domain", "last_modified",
)  # fmt: skip
FRAME = pl.DataFrame(
    ROWS, schema=list(COLUMNS), orient="row", schema_overrides={"structure_features": pl.List(pl.String)}
).with_columns(pl.col("elements").list.len().cast(pl.Int64).alias("nelements"))


def found(text: str) -> str:
    expression, _ = translate(text)
    return "".join(FRAME.filter(expression.fill_null(False))["id"])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("nsites = 6", "a"),
        ("nsites != 6", "bc"),
        ("6 < nsites", "b"),
        ("nsites >= 6.0", "ab"),
        ("nsites<=2 OR nsites>19", "bc"),
        ('chemical_formula_descriptive = "NdNiO3"', "b"),
        ('chemical_formula_descriptive < "O"', "b"),
        ('chemical_formula_descriptive CONTAINS "Ni"', "b"),
        ('chemical_formula_descriptive CONTAINS "."', ""),  # no pattern
        ('chemical_formula_descriptive STARTS WITH "O"', "a"),
        ('chemical_formula_descriptive STARTS "O"', "a"),
        ('chemical_formula_descriptive ENDS WITH "3"', "b"),
        (r'chemical_formula_descriptive = "Si \"x\" \\"', "c"),
        ('elements HAS "O"', "ab"),
        ('elements HAS ALL "O","V"', "a"),
        ('elements HAS ANY "V", "Si"', "ac"),
        ('elements HAS ONLY "O","V","Si"', "ac"),
        ("elements LENGTH 3", "b"),
        ("elements LENGTH >= 2", "ab"),
        ("elements_ratios HAS 1.0", "c"),
        ('structure_features HAS "disorder"', "b"),
        ("structure_features LENGTH 0", "ac"),
        ("_matloom_in_domain = TRUE", "a"),
        ("_matloom_in_domain != TRUE", "b"),
        ('last_modified > "2026-01-15T00:00:00Z"', "bc"),
        ('last_modified <= "2026-02-01T01:00:00+01:00"', "ab"),
        # NOT binds tighter than AND, and that tighter than OR
        ('NOT nsites = 6 AND elements HAS "O" OR nsites = 2', "bc"),
        ('NOT (nsites = 6 OR elements HAS "Si")', "b"),
        ("nelements=2 AND(nsites>1)", "a"),
    ],
)
def test_a_filter_finds_what_it_says(text: str, ids: str) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("_matloom_p_mit IS UNKNOWN", "c"),
        ("_matloom_p_mit IS KNOWN", "ab"),
        ("NOT _matloom_p_mit IS KNOWN", "c"),
        ("_matloom_p_mit > 0.7", "a"),
        ("NOT _matloom_p_mit > 0.7", "b"),  # the specification: no comparison with an unknown value matches
        ("_matloom_p_mit != 0.9", "b"),
        ("_matloom_p_mit > 0.7 OR nsites = 2", "ac"),
        ("_exmpl_gap = 2", ""),
        ("NOT _exmpl_gap = 2", ""),
        ("_exmpl_gap IS UNKNOWN", "abc"),
        ("_exmpl_gap IS KNOWN", ""),
        ('chemical_formula_hill = "O2V"', ""),  # of the specification, but of no entry here
        ("NOT assemblies.sites_in_groups LENGTH 2", ""),
        ("immutable_id IS UNKNOWN", "abc"),
        ('elements HAS ONLY "O" OR _matloom_p_mit > 0.7', "a"),
    ],
)
def test_what_is_unknown_matches_only_when_asked_for(text: str, ids: str) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(("word", "ids"), [("AND", "bc"), ("OR", "bc")])
def test_a_long_chain_is_joined_at_once(word: str, ids: str) -> None:
    """Joined one by one, 900 parts take polars a minute."""
    chain = f" {word} ".join(["NOT nsites = 6"] * 900)
    assert len(translate(chain)[0].meta.root_names()) == 900
    assert found(chain) == ids


def test_a_property_of_another_provider_is_warned_of() -> None:
    assert translate("_exmpl_gap = 2 OR nsites = 6")[1] == [
        "_exmpl_gap belongs to another provider: no entry here has it"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", BadRequestError),
        ("nsites", BadRequestError),
        ("nsites =", BadRequestError),
        ("nsites = 6)", BadRequestError),
        ("(nsites = 6", BadRequestError),
        ("nsites = 6 nsites = 2", BadRequestError),
        ("nsites IS NOT KNOWN", BadRequestError),
        ('elements HAS ALL ANY "O"', BadRequestError),
        ("elements LENGTH 1.5", BadRequestError),
        ("Nsites = 6", BadRequestError),
        ("nsites = 6; drop", BadRequestError),
        ('id = "open', BadRequestError),
        ("crazyfield = 2", BadRequestError),
        ("_matloom_crazy = 2", BadRequestError),
        ('last_modified > "yesterday"', BadRequestError),
        ('last_modified > "2026-01-01"', BadRequestError),
        ('last_modified > "0001-01-01T00:00:00+23:59"', BadRequestError),
        ('last_modified > "9999-12-31T23:59:59-23:59"', BadRequestError),
        ("_matloom_in_domain > FALSE", BadRequestError),
        ("(" * (DEEPEST + 1) + "nsites=6" + ")" * (DEEPEST + 1), BadRequestError),
        ("nsites = " + "1" * LONGEST, BadRequestError),
        # the specification: values of another type, and optional parts, are "not implemented"
        ('nsites = "six"', UnsupportedError),
        ("id = 6", UnsupportedError),
        ('elements = "O"', UnsupportedError),
        ("nsites HAS 6", UnsupportedError),
        ("nsites = nelements", UnsupportedError),
        ('"a" = "a"', UnsupportedError),
        ("elements HAS < 3", UnsupportedError),
        ('elements:elements_ratios HAS "O":>0.3', UnsupportedError),
        ('species.name HAS "O"', UnsupportedError),
        ("lattice_vectors LENGTH 3", UnsupportedError),
        ("nsites < 1e999", UnsupportedError),
        ("nsites < 99999999999999999999", UnsupportedError),
    ],
)
def test_what_is_no_filter_or_optional_is_refused_with_its_status(text: str, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        translate(text)


def test_every_property_can_be_asked_for_or_says_that_it_cannot() -> None:
    for name, known in PROPERTIES.items():
        if known.column:
            translate(f"{name} IS KNOWN")
        else:
            with pytest.raises(UnsupportedError, match=name):
                translate(f"{name} IS KNOWN")
