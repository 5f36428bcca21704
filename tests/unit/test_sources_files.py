"""Literature in files: JATS, plain text, stored metadata, folders of anything, and bytes that mean harm."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from etl.sources import arxiv_parquet, folder, jats, records, update, xml
from schemas.errors import InputError

JATS = """<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>
<article-id pub-id-type="doi">10.1000/ABC</article-id>
<title-group><article-title>On VO<sub>2</sub></article-title></title-group>
<contrib-group><contrib><name><surname>Mott</surname><given-names>N.</given-names></name></contrib></contrib-group>
<pub-date><year>2020</year></pub-date>
<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>{long}</license-p></license></permissions>
<abstract><p>It is &alpha; at 10<sup>5</sup> cm<sup>-3</sup>.</p></abstract></article-meta></front>
<body><sec><title>Results</title><p>VO<sub>2</sub><xref ref-type="bibr">12</xref> is known
<sup><xref ref-type="bibr">3</xref></sup>.</p>
<fig><caption><p>A map.</p></caption></fig></sec><p>End.</p></body></article>"""


def test_jats_keeps_superscripts_and_drops_citation_marks() -> None:
    row = jats.parse(JATS.format(long="Open " * 20).encode(), where="a.xml").documents.row(0, named=True)
    assert row["abstract"] == "It is α at 10^5 cm^-3."
    assert row["body"] == ["VO2 is known .", "End."]
    assert row["sections"] == ["Results", ""]
    assert row["captions"] == ["A map."]
    assert row["authors"] == ["N. Mott"]
    assert row["doi"] == "10.1000/abc"
    assert row["licence"] == "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("<year>2020</year>", date(2020, 1, 1)),
        ("<month>Jan</month><year>2020</year>", date(2020, 1, 1)),
        ("<day>5</day><month>September</month><year>2020</year>", date(2020, 9, 5)),
        ("<day>5</day><month>dec.</month><year>2020</year>", date(2020, 12, 5)),
        ("<season>Spring</season><year>2020</year>", date(2020, 1, 1)),
        ("<day>5</day><month>Brumaire</month><year>2020</year>", date(2020, 1, 1)),
        ("<month>13</month><year>2020</year>", None),
        ("<year>MMXX</year>", None),
    ],
)
def test_a_month_may_be_a_name(given: str, day: date | None) -> None:
    text = JATS.replace("<year>2020</year>", given).format(long="x")
    assert jats.parse(text.encode(), where="a.xml").documents["published_on"].item() == day


def test_jats_without_article_or_title() -> None:
    with pytest.raises(InputError, match="no <article>"):
        jats.parse(b"<book><p>x</p></book>", where="b.xml")
    bare = b"<article><front><article-meta><article-id>1</article-id></article-meta></front></article>"
    assert jats.parse(bare, where="c.xml").refused == (("article 0", "no identifier or no title"),)


BOMB = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><article>&b;</article>'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB, "entity declarations"),
        (b"<article><p>cut", "no well-formed XML"),
        (b"<article>\xff\xfe</article>", "no well-formed XML"),
        (b"<article/>", "empty XML"),
        (b"", "an empty file"),
        (b"\xff\xfe\xfa", "no UTF-8 text"),
        (b"<a>&unknown;</a>", "no well-formed XML"),
    ],
)
def test_bad_files_are_one_clear_line(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        folder.parse(data, where="bad.xml" if data[:1] == b"<" else "bad.bin")
    assert "\n" not in str(caught.value)


def test_a_text_file_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A title\nFirst\nline.\n\nSecond.", "utf-8")
    (tmp_path / "a.png").write_bytes(b"no")
    (found,) = folder.files(tmp_path)
    parsed = folder.parse(found.read_bytes(), where=found.name)
    assert parsed.documents["title"].item() == "A title"
    assert parsed.documents["body"].to_list() == [["First line.", "Second."]]
    with pytest.raises(InputError, match="no such folder"):
        folder.files(tmp_path / "none")


def test_a_file_larger_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "_LIMIT", 10)
    with pytest.raises(InputError, match="split it"):
        xml.parse(b"<article>long</article>", where="x")


def test_stored_metadata(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "arxiv_id": ["2", "1", "1"],
            "title": ["b", "a ", "a"],
            "abstract": ["x", None, None],
            "categories": ["cond-mat math", "q-bio", "q-bio"],
            "created": ["2001-01-01"] * 3,
            "updated": [None] * 3,
            "doi": ["10.1/A", None, None],
        },
        schema_overrides={"updated": pl.String},
    )
    rows.write_parquet(tmp_path / "a.parquet")
    frame = arxiv_parquet.read(tmp_path)
    assert frame["document_id"].to_list() == ["arxiv:1", "arxiv:2"]
    assert frame["categories"].to_list() == [["q-bio"], ["cond-mat", "math"]]
    assert frame.schema == pl.Schema(records.DOCUMENTS)
    rows.drop("doi").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="missing column doi"):
        arxiv_parquet.read(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="unreadable Parquet"):
        arxiv_parquet.read(tmp_path)
    with pytest.raises(InputError, match="no Parquet file"):
        arxiv_parquet.read(tmp_path / "none")


def test_a_folder_is_read_though_one_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "good.xml").write_text(JATS.format(long="x"), "utf-8")
    (tmp_path / "bad.xml").write_bytes(BOMB)
    (tmp_path / "lost.xml").symlink_to(tmp_path / "nowhere.xml")
    (tmp_path / "sub.xml").mkdir()
    found = update.read_folder(tmp_path)
    assert found.documents.height == 1
    assert found.log.select("page", "rejected").rows() == [("bad.xml", 1), ("good.xml", 0), ("lost.xml", 1)]
    assert "No such file or directory in lost.xml" in found.log["refusals"][2]
    row = found.summary.row(0, named=True)
    assert (row["source"], row["complete"], row["records"], row["rejected"]) == ("folder", True, 1, 2)
    assert update.read_folder(tmp_path, limit=1).summary["complete"].item() is False


def test_a_link_out_of_the_folder_is_refused_and_a_link_within_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("root:x:0:0", "utf-8")
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "a.txt").write_text("A title", "utf-8")
    (papers / "again.txt").symlink_to("a.txt")
    (papers / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "named").symlink_to(papers)
    for folder_ in (papers, tmp_path / "named"):
        found = update.read_folder(folder_)
        assert found.documents["title"].to_list() == ["A title"]
        assert found.log.select("page", "rejected").rows() == [("a.txt", 0), ("again.txt", 0), ("link.txt", 1)]
        assert "a link out of the folder in link.txt: copy the document" in found.log["refusals"][2]
