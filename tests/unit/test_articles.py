"""Records of the same article across sources: what joins them, which is read, and what a retraction reaches."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from etl import reference
from etl.sources import folder, records
from etl.text import articles
from schemas.emit.polars import inspect
from schemas.tables import REGISTRY

TITLE = "A metal-insulator transition in films of vanadium dioxide"


def row(name: str, **values: Any) -> dict[str, Any]:
    source, _, identifier = name.partition(":")
    given = {"title": TITLE, "authors": ["N. Mott"], "published_on": date(2020, 5, 1), "abstract": "Text."}
    return records.document(source, identifier, **{**given, **values})


def made(*rows: dict[str, Any]) -> pl.DataFrame:
    found = articles.articles(records.frame(rows).lazy())
    assert inspect(found, REGISTRY["core.articles"]).rejected_rows == 0
    return found


def grouped(*rows: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """document -> (article, basis)"""
    return {d: (a, b) for d, a, b in made(*rows).select("document_id", "article_id", "basis").iter_rows()}


def other(number: int) -> str:
    return f"Another long title about another matter, number {number}"


def test_a_doi_joins_whatever_its_case_and_arxivs_own_doi_is_an_arxiv_id() -> None:
    found = grouped(
        row("a:1", doi="10.1103/ABC", title=other(1)),
        row("b:1", doi=" 10.1103/abc ", title=other(2)),
        row("arxiv:1", arxiv_id="2001.00001", title=other(3)),
        row("c:1", doi="10.48550/arXiv.2001.00001v2", title=other(4)),
        row("d:1", arxiv_id="arXiv:2001.00001v3", title=other(5)),
        row("e:1", title=other(6)),
        row("f:1", doi="https://doi.org/10.1103/Abc", title=other(7)),
    )
    assert found == {
        "a:1": ("a:1", "doi"), "b:1": ("a:1", "doi"), "arxiv:1": ("arxiv:1", "arxiv"), "c:1": ("arxiv:1", "arxiv"),
        "d:1": ("arxiv:1", "arxiv"), "e:1": ("e:1", "alone"), "f:1": ("a:1", "doi"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"title": r"A Metal$-$Insulator transition in films of \textit{vanadium} dioxide"}, True),
        ({"authors": ["Mott, Nevill"]}, True),
        ({"authors": ["N. Mo\u0308tt"]}, True),
        ({"published_on": date(2020, 12, 31)}, True),
        ({"published_on": date(2021, 1, 1)}, False),
        ({"published_on": None}, False),
        ({"authors": ["A. Peierls", "N. Mott"]}, False),
        ({"authors": None}, False),
        ({"title": TITLE + " II"}, False),
    ],
)
def test_title_year_and_first_author_join(changed: dict[str, Any], same: bool) -> None:
    found = made(row("a:1"), row("b:1", **changed))
    assert (found["article_id"].n_unique() == 1) is same
    assert found["basis"].to_list() == (["title"] * 2 if same else ["alone"] * 2)


def test_a_title_that_says_nothing_joins_nothing() -> None:
    assert made(row("a:1", title="Introduction"), row("b:1", title="Introduction"))["article_id"].n_unique() == 2


def test_titles_never_join_two_articles_of_journals_but_a_preprint_and_its_article() -> None:
    apart = made(row("a:1", doi="10.1103/one"), row("b:1", doi="10.1103/two"), row("c:1"))
    assert apart["article_id"].n_unique() == 3
    for preprint in ("10.48550/arxiv.2001.00001", "10.26434/chemrxiv-1", None):
        assert made(row("a:1", doi="10.1103/one"), row("b:1", doi=preprint))["article_id"].n_unique() == 1


def test_two_titles_of_one_preprint_do_not_join_two_articles_of_journals() -> None:
    found = made(
        row("a:1", doi="10.1103/one"),
        row("arxiv:1", arxiv_id="2001.00001"),
        row("arxiv:2", arxiv_id="2001.00001v2", title=other(1)),
        row("b:1", doi="10.1103/two", title=other(1)),
    )
    assert found["article_id"].to_list() == ["a:1", "arxiv:1", "arxiv:1", "b:1"]


def test_a_long_chain_is_one_article() -> None:
    rows = [row(f"a:{i:03d}", doi=f"10.1103/{i // 2}", arxiv_id=f"2001.{(i + 1) // 2:05d}") for i in range(100)]
    found = made(*(r | {"title": other(i)} for i, r in enumerate(rows)))
    assert found["article_id"].unique().to_list() == ["a:000"]
    assert found["preferred"].sum() == 1


def test_full_text_is_preferred_then_the_newest_then_the_first() -> None:
    abstract = row("a:1", updated_on=date(2024, 1, 1))
    full, newer = row("b:1", body=["Full."]), row("c:1", body=["Full."], updated_on=date(2021, 1, 1))
    bare = row("0:1", abstract=None, updated_on=date(2025, 1, 1))
    for rows, first in (
        ((abstract, full), "b:1"),
        ((abstract, full, newer), "c:1"),
        ((abstract, bare), "a:1"),
        ((row("b:1"), row("a:1")), "a:1"),
    ):
        found = made(*rows)
        assert found.filter("preferred")["document_id"].to_list() == [first]
        assert found["article_id"].unique().to_list() == [first]


def test_a_retraction_marks_every_record_of_its_article_and_nothing_else() -> None:
    notice = row("jats:9", title="Retraction notice to an article on films", retracted_dois=["doi:10.1103/ABC"],
                 published_on=date(2022, 3, 1))  # fmt: skip
    found = made(row("a:1", doi="10.1103/abc"), row("b:1"), row("c:1", title=other(1)), notice)
    marked = found.filter(pl.col("retracted_by").is_not_null())
    assert marked.select("document_id", "retracted_on", "retracted_by").rows() == [
        ("a:1", date(2022, 3, 1), "jats:9"),
        ("b:1", date(2022, 3, 1), "jats:9"),
    ]


def test_a_withdrawal_marks_every_record_and_the_first_of_several_counts() -> None:
    notice = row("jats:9", title=other(9), retracted_dois=["10.1103/abc"], published_on=None)
    gone = {**row("arxiv:1"), "withdrawn_on": date(2021, 1, 1)}
    found = made(gone, row("a:1", doi="10.1103/abc"), notice)
    assert found.select("retracted_on", "retracted_by").rows()[:2] == [(date(2021, 1, 1), "arxiv:1")] * 2
    undated = made(row("a:1", doi="10.1103/abc"), notice)
    assert undated.row(0, named=True)["retracted_by"] == "jats:9"
    assert articles.standing(records.frame([row("a:1", doi="10.1103/abc")]).lazy(), undated.lazy()).collect().is_empty()


def test_what_is_read_has_each_article_once_and_nothing_that_was_retracted() -> None:
    gone = {**row("arxiv:3", title=other(3)), "withdrawn_on": date(2021, 1, 1)}
    documents = records.frame([row("a:1"), row("b:1", body=["Full."]), row("c:1", title=other(1)), gone]).lazy()
    kept = articles.standing(documents, articles.articles(documents).lazy()).collect()
    assert kept["document_id"].to_list() == ["b:1", "c:1"]


def test_no_documents_are_no_articles() -> None:
    assert made().is_empty()


def test_the_demonstration_corpus_repeats_no_article() -> None:
    documents = pl.concat([folder.parse(d, where=n).documents for n, d in reference.demo_corpus().items()])
    found = articles.articles(documents.lazy())
    assert found["basis"].unique().to_list() == ["alone"]
    assert found["preferred"].all()
