"""Parsers of what services send meet anything: they give rows and refusals, or an InputError of one line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.sources import arxiv_atom, arxiv_oai, crossref, europepmc, markup, openalex
from etl.sources.records import Parsed
from etl.structures import optimade
from schemas.errors import InputError

FIELDS = (
    "DOI", "title", "abstract", "author", "given", "published", "date-parts", "indexed", "license", "URL", "start",
    "reference", "update-to", "type", "id", "doi", "abstract_inverted_index", "authorships", "updated_date", "source",
    "is_retracted", "best_oa_location", "locations", "landing_page_url", "authorList", "pubTypeList", "pubType",
    "pmcid", "abstractText", "firstPublicationDate", "isOpenAccess", "inEPMC", "attributes", "lattice_vectors",
    "species", "species_at_sites", "cartesian_site_positions", "concentration", "chemical_symbols", "name",
)  # fmt: skip
TEXT = st.text(max_size=20) | st.sampled_from(
    ["10.1000/x", "W1", "2026-10-03", "<p>x</p>", "retraction", "Cs", "\ud800"]
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
ITEM = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=25,
)
DAY = {"date-parts": [[2026, 10, 3]]}
LOCATION = {"license": "cc-by", "landing_page_url": "https://arxiv.org/abs/2601.00001"}
GOOD: dict[Any, dict[str, Any]] = {
    crossref: {
        "DOI": "10.1000/x", "title": ["T"], "abstract": "<jats:p>A</jats:p>", "author": [{"family": "F"}],
        "published": DAY, "issued": DAY, "indexed": DAY, "deposited": DAY, "subject": ["s"],
        "license": [{"URL": "u", "start": DAY, "content-version": "vor"}], "reference": [{"DOI": "10.1000/y"}],
        "update-to": [{"DOI": "10.1000/z", "type": "retraction"}], "updated-by": [{"type": "removal", "updated": DAY}],
    },
    openalex: {
        "id": "https://openalex.org/W1", "doi": "10.1000/x", "title": "T", "abstract_inverted_index": {"a": [0, 2]},
        "authorships": [{"author": {"display_name": "F"}}], "topics": [{"display_name": "t"}], "is_retracted": True,
        "publication_date": "2026-10-03", "updated_date": "2026-10-03", "locations": [LOCATION],
        "best_oa_location": LOCATION, "primary_location": LOCATION,
    },
    europepmc: {
        "id": "1", "source": "MED", "doi": "10.1000/x", "pmcid": "PMC1", "title": "T", "abstractText": "<h4>A</h4>b",
        "authorList": {"author": [{"fullName": "F"}]}, "pubTypeList": {"pubType": ["Retracted Publication"]},
        "keywordList": {"keyword": ["k"]}, "license": "cc by", "firstPublicationDate": "2026-10-03",
        "dateOfRevision": "2026-10-03", "firstIndexDate": "2026-10-03", "isOpenAccess": "Y", "inEPMC": "Y",
    },
}  # fmt: skip
ENVELOPES = {
    crossref: lambda items: {"message-type": "work-list", "message": {"items": items}},
    openalex: lambda items: {"meta": {}, "results": items},
    europepmc: lambda items: {"resultList": {"result": items}},
}
CRYSTAL = {
    "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
    "species_at_sites": ["Cs", "Cl"], "dimension_types": [1, 1, 1], "structure_features": [],
    "species": [{"name": name, "chemical_symbols": [name], "concentration": [1]} for name in ("Cs", "Cl")],
}  # fmt: skip


def broken(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A good record with one to three of its values replaced by anything."""
    changed = st.dictionaries(st.sampled_from(sorted(good)), ITEM, min_size=1, max_size=3)
    return changed.map(lambda values: {**good, **values})


@pytest.mark.parametrize("module", ENVELOPES, ids=lambda module: module.SOURCE)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_record_of_a_page_is_a_row_or_a_refusal(module: Any, data: st.DataObject) -> None:
    items = data.draw(st.lists(ITEM | broken(GOOD[module]) | st.just(GOOD[module]), max_size=3))
    parsed: Parsed = module.parse(json.dumps(ENVELOPES[module](items)).encode(), where="page")
    assert parsed.documents.height >= items.count(GOOD[module])
    assert parsed.received == len(items)
    assert set(parsed.raws) <= {which for which, _ in parsed.refused}
    parsed.documents.write_json()  # no half of a surrogate pair may stay in it


def spoiled(value: Any, mark: str) -> Any:
    """The value with a mark at the end of each of its strings."""
    if isinstance(value, str):
        return value + mark
    if isinstance(value, list):
        return [spoiled(inner, mark) for inner in value]
    return {name: spoiled(inner, mark) for name, inner in value.items()} if isinstance(value, dict) else value


def strings(value: Any) -> list[str]:
    """All strings within a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for each in inner for text in strings(each)]


def test_a_character_beyond_the_first_plane_stays_one() -> None:
    item = {**GOOD[europepmc], "title": "\U0001d49c\ud800"}
    parsed = europepmc.parse(json.dumps(ENVELOPES[europepmc]([item])).encode(), where="page")
    assert parsed.documents["title"].to_list() == ["\U0001d49c"]


@pytest.mark.parametrize("module", ENVELOPES, ids=lambda module: module.SOURCE)
@pytest.mark.parametrize("mark", ["\ud800", "\0", "\uffff"], ids=["surrogate", "nul", "no character"])
def test_characters_that_cannot_be_stored_become_blanks_in_every_field(module: Any, mark: str) -> None:
    for field, value in GOOD[module].items():
        item = {**GOOD[module], field: spoiled(value, mark)}
        parsed = module.parse(json.dumps(ENVELOPES[module]([item])).encode(), where="page")
        assert parsed.received == 1
        assert mark not in "".join(strings(parsed.documents.to_dicts()))


@settings(max_examples=100, deadline=None)
@given(items=st.lists(ITEM | broken(CRYSTAL).map(lambda made: {"id": "1", "attributes": made}), max_size=3))
def test_every_resource_of_optimade_is_a_row_or_a_refusal(items: list[Any]) -> None:
    found = optimade.parse(json.dumps({"data": items}).encode(), where="page", provider=optimade.PROVIDERS["oqmd"])
    assert found.received == len(items)


@pytest.mark.parametrize("module", [arxiv_oai, arxiv_atom, crossref, openalex, europepmc], ids=lambda m: m.SOURCE)
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200) | ITEM.map(lambda item: json.dumps(item).encode()))
def test_what_is_no_page_is_an_error_of_one_line(module: Any, data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        module.parse(data, where="page")
    assert "\n" not in str(caught.value)
    assert "page" in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("<>/&;pbsu# aé\0\ud800\n:="), max_size=60) | st.text(max_size=60))
def test_any_scrap_becomes_text_that_can_be_stored(text: str) -> None:
    plain = markup.clean(text)
    assert plain is None or (plain.encode("utf-8") and "\0" not in plain and plain == plain.strip())
