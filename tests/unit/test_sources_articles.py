"""Full articles: what JATS, Elsevier's XML and PDF give beyond their text, and which of them mean harm."""

import io
import json
import zlib
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter

from etl.sources import arxiv_atom, arxiv_oai, elsevier, folder, jats, pdf, records
from schemas.errors import InputError

HEAD = """<article article-type="{kind}" xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>
<article-id pub-id-type="doi">10.1000/own</article-id><article-id pub-id-type="arxiv">arXiv:2001.00001v2</article-id>
<title-group><article-title>Films of an oxide</article-title></title-group>{meta}</article-meta></front>"""
BODY = """<body><sec><title>Growth</title><p>We grew films.</p><sec><title>Annealing</title><p>In air.</p></sec>
<table-wrap><caption><p>Samples.</p></caption><table>
<thead><tr><th rowspan="2">Film</th><th colspan="2">Property</th></tr><tr><th>T (K)</th><th>n (cm<sup>-3</sup>)</th>
</tr></thead>
<tbody><tr><td>VO<sub>2</sub></td><td>340</td><td>10<sup>21</sup></td></tr></tbody></table></table-wrap></sec>
</body>"""
REFERENCES = """<back><ref-list><ref><element-citation><pub-id pub-id-type="doi">https://doi.org/10.1103/ONE</pub-id>
<pub-id pub-id-type="pmid">7</pub-id></element-citation></ref><ref><pub-id pub-id-type="doi">10.1103/two</pub-id>
</ref>
<ref><pub-id pub-id-type="doi">10.1103/one</pub-id></ref><ref><pub-id pub-id-type="doi">see text</pub-id></ref>
</ref-list></back>"""


def article(*, kind: str = "research-article", meta: str = "", rest: str = BODY + REFERENCES) -> dict[str, Any]:
    data = f"{HEAD.format(kind=kind, meta=meta)}{rest}</article>".encode()
    return jats.parse(data, where="a.xml").documents.row(0, named=True)


def test_jats_gives_tables_references_and_the_section_of_each_paragraph() -> None:
    row = article()
    assert row["table_texts"] == ["Film\tProperty\tProperty\nFilm\tT (K)\tn (cm^-3)\nVO2\t340\t10^21"]
    assert row["cited_dois"] == ["10.1103/one", "10.1103/two"]
    assert row["arxiv_id"] == "2001.00001"
    assert list(zip(row["sections"], row["body"], strict=True)) == [
        ("Growth", "We grew films."),
        ("Annealing", "In air."),
    ]
    assert row["captions"] == ["Samples."]
    assert row["retracted_dois"] is None


RELATED = '<related-article related-article-type="{}" ext-link-type="{}" xlink:href="{}"/>'


@pytest.mark.parametrize(
    ("kind", "meta", "dois"),
    [
        ("retraction", RELATED.format("retracted-article", "doi", "10.1103/ONE"), ["10.1103/one"]),
        ("retraction", RELATED.format("companion", "doi", "10.1103/ONE"), ["10.1103/one"]),
        ("retraction", RELATED.format("companion", "doi", "10.1103/other")
         + RELATED.format("retracted-article", "doi", "https://doi.org/10.1103/one"), ["10.1103/one"]),
        ("correction", RELATED.format("retracted-article", "doi", "10.1103/one"), ["10.1103/one"]),
        ("correction", RELATED.format("corrected-article", "doi", "10.1103/one"), None),
        ("research-article", RELATED.format("retraction-forward", "doi", "10.1103/notice"), None),
        ("retraction", RELATED.format("retracted-article", "pmid", "10.1103"), None),
    ],
)  # fmt: skip
def test_a_notice_names_what_it_retracts(kind: str, meta: str, dois: list[str] | None) -> None:
    assert article(kind=kind, meta=meta)["retracted_dois"] == dois


def test_a_formula_given_twice_is_read_once() -> None:
    both = (
        "<body><p>At <alternatives><tex-math>$x$</tex-math><mml:math xmlns:mml='m'><mml:mi>x</mml:mi></mml:math>"
        "</alternatives> and <alternatives><tex-math>$y$</tex-math><graphic/></alternatives>.</p></body>"
    )
    assert article(rest=both)["body"] == ["At x and $y$."]


def test_a_figure_within_a_paragraph_is_no_part_of_its_text() -> None:
    inside = (
        "<body><p>Before <fig><caption><p>A map.</p></caption></fig>and <table-wrap><caption><p>Samples.</p></caption>"
        "<table><tr><td>1</td></tr></table></table-wrap>after.</p></body>"
    )
    row = article(rest=inside)
    assert (row["body"], row["captions"], row["table_texts"]) == (["Before and after."], ["A map.", "Samples."], ["1"])


def test_a_table_that_would_fill_the_memory_is_kept_small() -> None:
    cell = '<td rowspan="999999" colspan="999999">' + "x" * 1000 + "</td>"
    rows = f"<tr>{cell * 50}</tr>" * 50
    (text,) = article(rest=f"<body><table>{rows}</table></body>")["table_texts"]
    assert len(text) < 50 * 50 * 1001 + 200_001
    assert "x\tx" in article(rest="<body><table><tr><td colspan='2'>x</td></tr></table></body>")["table_texts"][0]
    odd = "<body><table><tr><td colspan='-1'>a</td><td rowspan='0'>b</td><td colspan='x'>c</td></tr></table></body>"
    assert article(rest=odd)["table_texts"] == ["a\tb\tc"]


def test_a_refused_article_keeps_its_bytes() -> None:
    parsed = jats.parse(b"<article><front><article-meta><x>y</x></article-meta></front></article>", where="a.xml")
    assert b"<x>y</x>" in parsed.raws["article 0"]


ELSEVIER = """<full-text-retrieval-response xmlns="http://www.elsevier.com/xml/svapi/article/dtd"
 xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:ce="http://www.elsevier.com/xml/common/dtd" xmlns:xocs="http://www.elsevier.com/xml/xocs/dtd">
<coredata><prism:doi>10.1016/J.Own.1</prism:doi><pii>S0000-0000(20)00001-1</pii><dc:title> Switching of
 an oxide </dc:title><prism:coverDate>2020-05-31</prism:coverDate><dc:creator>Mott, Nevill</dc:creator>
<dc:description>Short form.</dc:description>{licence}</coredata>
<originalText><article docsubtype="{kind}"><head>
<ce:author-group><ce:author><ce:given-name>Nevill</ce:given-name><ce:surname>Mott</ce:surname></ce:author>
</ce:author-group>
<ce:abstract class="author-highlights"><ce:abstract-sec><ce:simple-para>Brief.</ce:simple-para></ce:abstract-sec>
</ce:abstract>
<ce:abstract class="author"><ce:abstract-sec><ce:simple-para>It switches at 10<ce:sup>5</ce:sup> s.</ce:simple-para>
</ce:abstract-sec></ce:abstract>
</head><body><ce:sections><ce:section><ce:section-title>Growth</ce:section-title>
<ce:para>We grew VO<ce:inf>2</ce:inf><ce:cross-ref refid="bib1"><ce:sup>12</ce:sup></ce:cross-ref>
 films (<ce:cross-ref refid="fig1">Fig. 1</ce:cross-ref>).</ce:para>
<ce:section><ce:section-title>Annealing</ce:section-title><ce:para>In air.</ce:para></ce:section></ce:section>
</ce:sections></body>
<ce:floats><ce:figure><ce:caption><ce:simple-para>A map.</ce:simple-para></ce:caption></ce:figure>
<ce:table><ce:caption><ce:simple-para>Samples.</ce:simple-para></ce:caption><tgroup cols="2"><colspec colname="c1"/>
<colspec colname="c2"/>
<thead><row><entry namest="c1" nameend="c2">Film</entry></row></thead>
<tbody><row><entry morerows="1">A</entry><entry>340</entry></row><row><entry>341</entry></row></tbody></tgroup>
</ce:table></ce:floats>
<tail><ce:bibliography><ce:bib-reference id="bib1"><ce:doi>10.1103/ONE</ce:doi></ce:bib-reference></ce:bibliography>
</tail>{more}
</article></originalText></full-text-retrieval-response>"""
OPEN = "<openaccessUserLicense>http://creativecommons.org/licenses/by/4.0/</openaccessUserLicense>"


def elsevier_row(*, kind: str = "fla", licence: str = OPEN, more: str = "") -> dict[str, Any]:
    data = ELSEVIER.format(kind=kind, licence=licence, more=more).encode()
    return folder.parse(data, where="a.xml").documents.row(0, named=True)


def test_elseviers_articles_are_known_by_their_root_and_read_whole() -> None:
    row = elsevier_row()
    assert {k: row[k] for k in ("source", "source_id", "doi", "title", "published_on", "licence")} == {
        "source": "elsevier", "source_id": "S0000-0000(20)00001-1", "doi": "10.1016/j.own.1",
        "title": "Switching of an oxide", "published_on": date(2020, 5, 31),
        "licence": "http://creativecommons.org/licenses/by/4.0/",
    }  # fmt: skip
    assert row["abstract"] == "It switches at 10^5 s."
    assert row["authors"] == ["Nevill Mott"]
    assert row["sections"] == ["Growth", "Annealing"]
    assert row["body"] == ["We grew VO2 films (Fig. 1).", "In air."]
    assert row["captions"] == ["A map.", "Samples."]
    assert row["table_texts"] == ["Film\tFilm\nA\t340\nA\t341"]
    assert row["cited_dois"] == ["10.1103/one"]
    assert row["retracted_dois"] is None
    assert elsevier_row(licence="")["licence"] == "unknown"


def test_a_bare_article_of_elsevier_is_read_and_a_notice_names_its_article() -> None:
    refers = "<ce:refers-to-document><ce:doi>10.1016/J.BAD</ce:doi></ce:refers-to-document>"
    thread = f"<ce:document-thread>{refers}</ce:document-thread>"
    assert elsevier_row(kind="fla", more=thread)["retracted_dois"] is None
    bare = f"""<article docsubtype="ret" xmlns="http://www.elsevier.com/xml/ja/dtd"
 xmlns:ce="http://www.elsevier.com/xml/common/dtd">
    <item-info><ce:pii>S1</ce:pii><ce:doi>10.1016/j.note</ce:doi>{thread}</item-info>
    <head><ce:title>Retraction notice</ce:title><ce:date-accepted day="3" month="2" year="2021"/></head></article>"""
    row = folder.parse(bare.encode(), where="a.xml").documents.row(0, named=True)
    assert (row["title"], row["doi"], row["published_on"]) == ("Retraction notice", "10.1016/j.note", date(2021, 2, 3))
    assert row["retracted_dois"] == ["10.1016/j.bad"]
    nameless = bare.replace("Retraction notice", "")
    assert elsevier.parse(nameless.encode(), where="a").refused == (("article 0", "no identifier or no title"),)
    with pytest.raises(InputError, match="instead of an article"):
        elsevier.parse(b"<book><p>x</p></book>", where="a")


def pdf_file(*pages: list[str], title: str = "", password: str = "") -> bytes:
    """A PDF with these lines on its pages."""
    parts = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = "".join(f"({line.translate({40: None, 41: None})}) Tj T* " for line in lines)
        stream = zlib.compress(f"BT /F1 10 Tf 14 TL 50 800 Td {shown}ET".encode("latin-1"))
        parts.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream))
        parts.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 850] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % len(parts)
        )
        kids.append(b"%d 0 R" % len(parts))
    parts[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out = b"%PDF-1.4\n"
    starts = []
    for number, part in enumerate(parts, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % s for s in starts)
    out += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        len(parts) + 1, table, len(parts) + 1, len(out),
    )  # fmt: skip
    if not (title or password):
        return out
    writer, held = PdfWriter(clone_from=PdfReader(io.BytesIO(out))), io.BytesIO()
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(held)
    return held.getvalue()


def page(number: int, *lines: str) -> list[str]:
    return [f"J. Films {number + 100} (2020)", *lines, str(number)]


PAPER = (
    page(1, "Switching of an oxide in thin films", "doi:10.1103/Own.1 arXiv:2001.00001v2 [cond-mat]",
         "The metal-insulator transition of vanadium dioxide is known for the abrupt con-",
         "ductivity change. It was found in films that were grown by laser ablation at a tem-",
         "perature above."),
    page(2, "A second paragraph tells of the metal-", "insulator transition in strained films, and this line is long,",
         "and it goes on over the page to say that"),
    page(3, "all films were annealed in air for a long time before they were measured there."),
)  # fmt: skip


def test_a_pdf_is_read_as_title_and_paragraphs() -> None:
    parsed = folder.parse(pdf_file(*PAPER), where="a.pdf")
    (row,) = parsed.documents.iter_rows(named=True)
    assert row["title"] == "Switching of an oxide in thin films"
    assert (row["doi"], row["arxiv_id"], row["licence"]) == ("10.1103/own.1", "2001.00001", "unknown")
    said = " ".join(row["body"])
    assert "abrupt conductivity change" in said
    assert "at a temperature above." in said
    assert "tells of the metal-insulator transition" in said
    assert "to say that all films were annealed" in said
    assert "J. Films" not in said
    assert not any(p.strip().isdigit() for p in row["body"])
    assert any(p.startswith("A second paragraph") for p in row["body"])


def test_the_title_comes_from_the_metadata_where_there_is_one() -> None:
    for given, title in (
        ("Films that switch", "Films that switch"),
        ("Microsoft Word - draft.docx", "Switching of an oxide in thin films"),
        ("untitled", "Switching of an oxide in thin films"),
    ):
        assert pdf.parse(pdf_file(*PAPER, title=given), where="a").documents["title"].item() == given or title


def test_a_first_page_that_names_several_works_names_none() -> None:
    first = page(1, "Switching of an oxide in thin films", "doi:10.1103/one and doi:10.1103/two")
    assert pdf.parse(pdf_file(first), where="a").documents["doi"].item() is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pdf_file(*PAPER, password="secret"), "an encrypted PDF"),
        (pdf_file([], []), "a PDF without text"),
        (pdf_file(*PAPER)[:200], "a broken PDF"),
        (b"%PDF-1.4\nnothing", "a broken PDF"),
    ],
)
def test_a_pdf_that_cannot_be_read_is_one_clear_line(data: bytes, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match=said) as caught:
        folder.parse(data, where="a.pdf")
    assert "\n" not in str(caught.value)
    assert not caplog.records, "the library adds no line of its own"


def test_a_pdf_above_the_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit, said in (("LARGEST", 10, "bytes"), ("PAGES", 2, "3 pages"), ("_CHARACTERS", 50, "50 characters")):
        with monkeypatch.context() as held:
            held.setattr(pdf, name, limit)
            with pytest.raises(InputError, match=said):
                pdf.parse(pdf_file(*PAPER), where="a.pdf")


ROOTS = {
    "article": jats.parse, "feed": arxiv_atom.parse, "OAI-PMH": arxiv_oai.parse,
    "full-text-retrieval-response": elsevier.parse,
}  # fmt: skip
HARM = {
    "bomb": '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><{root}><p>&b;</p></{root}>',
    "file": '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><{root}><p>&a;</p></{root}>',
    "parameter": '<!DOCTYPE r [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]><{root}><p>x</p></{root}>',
    "behind a comment": "<!--" + " " * 200_000 + '--><!DOCTYPE r [<!ENTITY a "ha">]><{root}><p>&a;</p></{root}>',
}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_every_reader(root: str, harm: str, encoding: str) -> None:
    data = HARM[harm].replace("{root}", root).encode(encoding)
    for reader in (ROOTS[root], folder.parse):
        with pytest.raises(InputError, match="entity declarations"):
            reader(data, where="a.xml")


def test_the_declared_charset_is_believed_and_a_wrong_one_is_an_error_with_a_remedy() -> None:
    said = HEAD.format(kind="x", meta="<abstract><p>Größe</p></abstract>") + "</article>"
    for declared in ("utf-8", "iso-8859-1", "utf-16"):
        data = f'<?xml version="1.0" encoding="{declared}"?>{said}'.encode(declared)
        assert folder.parse(data, where="a.xml").documents["abstract"].item() == "Größe"
    assert folder.parse(b"\xef\xbb\xbf" + said.encode(), where="a.xml").documents["abstract"].item() == "Größe"
    for data in (said.encode("latin-1"), b'<?xml version="1.0" encoding="utf-8"?>' + said.encode("latin-1")):
        with pytest.raises(InputError, match="fetch the file again"):
            folder.parse(data, where="a.xml")
    with pytest.raises(InputError, match="convert it to UTF-8"):
        folder.parse("Größe".encode("latin-1"), where="a.txt")


def test_dois_and_arxiv_ids_are_written_one_way() -> None:
    given = [" DOI:10.1103/A ", "http://dx.doi.org/10.1103/a", "10.1103/b", None, "none", "10.1103/b c"]
    assert records.dois(given) == ["10.1103/a", "10.1103/b"]
    ids = ("arXiv:2001.00001v12", "cond-mat/0101001v1", " 2001.00001 ", "", None)
    assert [records.bare_arxiv_id(i) for i in ids] == ["2001.00001", "cond-mat/0101001", "2001.00001", None, None]


def test_kept_bytes_are_text_where_they_can_be() -> None:
    cut = "ß" * 40_000  # the limit goes through a character
    given = {b"<p>": ("utf-8", "<p>"), b"\xff": ("base64", "/w=="), ("x" + cut).encode(): ("utf-8", "x" + cut[:32_767])}
    for data, kept in given.items():
        (row,) = records.rejections("folder", records.refused("a", "why", data)).iter_rows(named=True)
        held = json.loads(row["row"])
        assert (held["encoding"], held["raw"]) == kept
        assert (row["table"], row["rule"], held["page"], held["record"]) == ("raw.documents", "why", "a", "a")
