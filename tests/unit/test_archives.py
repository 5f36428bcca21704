"""Folders as streams of pages: archives that are read in place, and archives that mean harm."""

import gzip
import io
import json
import random
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.sources import archives, arxiv_snapshot, folder, records
from etl.sources.records import Page

TEXT = b"A title\n\nA paragraph."
put: set[str] = set()  # files that a test has put into its folder


@pytest.fixture(autouse=True)
def nothing_is_written(tmp_path: Path) -> Iterator[None]:
    put.clear()
    yield
    assert {p.name for p in tmp_path.rglob("*")} <= {"papers", *put}


def read(tmp_path: Path, name: str, data: bytes) -> list[Page]:
    papers = tmp_path / "papers"
    papers.mkdir(exist_ok=True)
    (papers / name).write_bytes(data)
    put.add(name)
    return list(folder.pages(papers))


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(*members: tuple[str, bytes, bytes], mode: str = "w:") -> bytes:
    """name, content, type of each member"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(data), kind, "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def told(pages: list[Page]) -> dict[str, str]:
    """page -> title, or why it was refused"""
    return {
        p.name: p.parsed.refused[0][1] if p.parsed.refused else p.parsed.documents["title"].to_list()[0] for p in pages
    }


def test_archives_of_every_kind_give_their_members_by_name(tmp_path: Path) -> None:
    inside = (("x/a.txt", TEXT), ("b.png", b"no document"), ("c.txt", b"Other"))
    regular = [(n, d, tarfile.REGTYPE) for n, d in inside]
    for name, data in (
        ("a.zip", zipped(*inside)),
        ("a.tar", tarred(*regular)),
        ("a.tar.gz", gzip.compress(tarred(*regular))),
    ):
        (tmp_path / "papers").mkdir(exist_ok=True)
        for old in (tmp_path / "papers").iterdir():
            old.unlink()
        assert told(read(tmp_path, name, data)) == {f"{name}/x/a.txt": "A title", f"{name}/c.txt": "Other"}
    assert told(read(tmp_path, "a.txt.gz", gzip.compress(TEXT)))["a.txt.gz"] == "A title"


@pytest.mark.parametrize("name", ["/etc/a.txt", "../a.txt", "x/../../a.txt", "C:/a.txt", "..\\a.txt"])
def test_names_that_lead_out_of_the_archive_are_refused_and_stop_no_other(tmp_path: Path, name: str) -> None:
    for file, data in (
        ("a.zip", zipped((name, TEXT), ("b.txt", TEXT))),
        ("a.tar", tarred((name, TEXT, tarfile.REGTYPE), ("b.txt", TEXT, tarfile.REGTYPE))),
    ):
        found = told(read(tmp_path, file, data))
        assert "a name that leads out of the archive" in found[f"{file}/{name}"]
        assert found[f"{file}/b.txt"] == "A title"


def test_links_and_encrypted_members_are_refused_and_stop_no_other(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("l.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = told(read(tmp_path, "a.zip", zipped((link, b"/etc/passwd"), ("b.txt", TEXT))))
    assert "a link in a.zip/l.txt" in found["a.zip/l.txt"]
    assert found["a.zip/b.txt"] == "A title"
    kinds = {"s.txt": tarfile.SYMTYPE, "h.txt": tarfile.LNKTYPE, "d.txt": tarfile.CHRTYPE, "p.txt": tarfile.FIFOTYPE}
    found = told(read(tmp_path, "a.tar", tarred(*((n, b"", k) for n, k in kinds.items()), ("b.txt", TEXT, b"0"))))
    assert ["a link" in found[f"a.tar/{n}"] for n in kinds] == [True, True, False, False]
    assert "no regular file" in found["a.tar/d.txt"]
    assert found["a.tar/b.txt"] == "A title"
    locked = bytearray(zipped(("a.txt", TEXT)))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "papers/a.tar").unlink()
    assert "an encrypted member" in told(read(tmp_path, "a.zip", bytes(locked)))["a.zip/a.txt"]


def test_a_broken_member_stops_no_other_and_keeps_what_is_there(tmp_path: Path) -> None:
    data = bytearray(zipped(("a.txt", TEXT), ("b.txt", TEXT), ("c.xml", b"<article><p>cut"), method=zipfile.ZIP_STORED))
    data[data.index(TEXT)] ^= 1
    pages = read(tmp_path, "a.zip", bytes(data))
    found = told(pages)
    assert "Bad CRC-32" in found["a.zip/a.txt"]
    assert found["a.zip/b.txt"] == "A title"
    assert "no well-formed XML" in found["a.zip/c.xml"]
    (kept,) = records.rejections("folder", pages[2]).iter_rows(named=True)
    assert json.loads(kept["row"])["raw"] == "<article><p>cut"


def test_members_before_a_fault_are_read_and_the_fault_is_said(tmp_path: Path) -> None:
    whole = tarred(*((f"{i}.txt", TEXT, tarfile.REGTYPE) for i in range(3)))
    found = told(read(tmp_path, "a.tar", whole[: 2 * 1024 + 512 + 10]))
    assert list(found) == ["a.tar/0.txt", "a.tar/1.txt", "a.tar/2.txt", "a.tar"]
    assert "unexpected end" in found["a.tar/2.txt"]
    damaged = bytearray(whole)
    damaged[1024] ^= 1
    found = told(read(tmp_path, "a.tar", bytes(damaged)))
    assert found["a.tar/0.txt"] == "A title"
    assert "a broken archive (bad checksum)" in found["a.tar"]
    (tmp_path / "papers/a.tar").unlink()
    found = told(read(tmp_path, "a.tar.gz", gzip.compress(whole)[:-20]))
    assert "broken" in found["a.tar.gz"] or "unreadable" in found["a.tar.gz"]


def test_bombs_are_refused_before_they_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = bytes(20_000_000)
    for name, data, page in (
        ("a.zip", zipped(("a.txt", bomb), ("b.txt", TEXT)), "a.zip/a.txt"),
        ("a.txt.gz", gzip.compress(bomb), "a.txt.gz"),
        ("a.tar.gz", gzip.compress(tarred(("a.txt", bomb, tarfile.REGTYPE))), "a.tar.gz/a.txt"),
    ):
        found = told(read(tmp_path, name, data))
        assert "data that grows more than 200 times" in found[page]
    assert told(read(tmp_path, "a.zip", zipped(("a.txt", bomb), ("b.txt", TEXT))))["a.zip/b.txt"] == "A title"
    monkeypatch.setattr(archives, "TOTAL", 1000)
    (tmp_path / "papers/a.tar.gz").unlink()
    assert "more than 1000 bytes" in told(read(tmp_path, "a.txt.gz", gzip.compress(b"a line\n" * 1000)))["a.txt.gz"]


def test_a_long_name_in_a_tar_is_not_read_whole(tmp_path: Path) -> None:
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 10_000_000_000
    assert "a name of 10000000000 bytes" in told(read(tmp_path, "a.tar", head.tobuf(tarfile.GNU_FORMAT)))["a.tar"]


def test_archives_with_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBERS", 2)
    members = [(f"{i}.txt", b"Title %d" % i) for i in range(3)]
    for name, data in (
        ("a.zip", zipped(*members)),
        ("a.tar", tarred(*((n, d, tarfile.REGTYPE) for n, d in members))),
    ):
        found = told(read(tmp_path, name, data))
        assert "more than 2 members" in found[name]
        assert f"{name}/2.txt" not in found
    monkeypatch.setattr(archives, "_DIRECTORY", 100)
    assert set(told(read(tmp_path, "a.zip", zipped(*members)))) >= {"a.zip"}
    assert "a.zip/0.txt" not in told(read(tmp_path, "a.zip", zipped(*members)))


def test_an_archive_in_an_archive_is_read_and_one_deeper_is_refused(tmp_path: Path) -> None:
    once = zipped(("a.txt", TEXT))
    found = told(
        read(tmp_path, "a.zip", zipped(("in.zip", once), ("in.tar.gz", gzip.compress(tarred(("b.txt", TEXT, b"0"))))))
    )
    assert found == {"a.zip/in.zip/a.txt": "A title", "a.zip/in.tar.gz/b.txt": "A title"}
    found = told(read(tmp_path, "a.zip", zipped(("in.zip", zipped(("in.zip", once))), ("b.txt", TEXT))))
    assert "an archive in an archive in an archive" in found["a.zip/in.zip/in.zip"]
    assert found["a.zip/b.txt"] == "A title"


def test_a_file_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LARGEST", 10)
    assert "more than 10 bytes" in told(read(tmp_path, "big.txt", TEXT))["big.txt"]


def record(number: int, **values: object) -> bytes:
    given = {
        "id": f"2001.{number:05d}", "title": "On\n  films", "abstract": "  We  show\nit.\n", "categories": "a.b c",
        "doi": None, "license": None, "update_date": "2020-03-01", "authors_parsed": [["Mott", "N.", ""]],
        "versions": [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"}],
    }  # fmt: skip
    return json.dumps({**given, **values}).encode() + b"\n"


def test_the_snapshot_is_known_by_its_content_and_read_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(record(i) for i in range(5))
    for name, data in (("a.jsonl", lines), ("a.jsonl.gz", gzip.compress(lines)), ("a.zip", zipped(("s.json", lines)))):
        pages = [p for p in read(tmp_path, name, data) if p.name.startswith(name)]
        assert sum(p.parsed.documents.height for p in pages) == 5
    pages = list(arxiv_snapshot.pages(io.BytesIO(lines), name="s", size=2))
    assert [p.name for p in pages] == ["s lines 1 to 2", "s lines 3 to 4", "s lines 5 to 5"]
    again = list(arxiv_snapshot.pages(io.BytesIO(lines), name="s", size=2))
    assert [records.fetch_row("s", p) for p in pages] == [records.fetch_row("s", p) for p in again]


def test_a_record_of_the_snapshot_is_the_row_that_the_service_gives() -> None:
    versions = [{"created": "Mon, 2 Apr 2007 19:18:42 GMT"}, {"created": "Tue, 24 Jul 2007 20:10:27 GMT"}]
    names = [["Mott", "N.", ""], ["Collaboration", "", ""]]
    data = record(1, versions=versions, authors_parsed=names, doi="10.1/AB 10.1/cd")
    (page,) = arxiv_snapshot.pages(io.BytesIO(data), name="s")
    (row,) = page.parsed.documents.iter_rows(named=True)
    expected = records.document(
        "arxiv", "2001.00001", arxiv_id="2001.00001", doi="10.1/AB 10.1/cd", title="On films", abstract="We show it.",
        authors=["N. Mott", "Collaboration"], categories=["a.b", "c"], licence="metadata CC0-1.0",
    )  # fmt: skip
    dates = {"published_on": "2007-04-02", "updated_on": "2007-07-24", "datestamp": "2020-03-01"}
    assert row == expected | {name: records.day(value) for name, value in dates.items()}


def test_bad_lines_are_refused_by_file_and_number_and_stop_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arxiv_snapshot, "LINE", 2000)
    bad = {
        2: (b"{cut\n", "no JSON"), 4: (b'"text"\n', "no record of arXiv"), 5: (b'{"id": "\xff"}\n', "no UTF-8 text"),
        6: (record(6, id="no id"), "no arXiv id"), 7: (record(7, title=" \n"), "no title"),
        8: (record(8, abstract=["x"]), "title or abstract is no text"),
        9: (b"x" * 5000 + b"\n", "more than 2000 bytes"),
        10: (record(10, authors_parsed="x"), "no record of arXiv"), 11: (b"[" * 1900 + b"\n", "no JSON"),
    }  # fmt: skip
    lines = [bad[i][0] if i in bad else b"\n" if i == 3 else record(i) for i in range(1, 13)]
    (page,) = arxiv_snapshot.pages(io.BytesIO(b"".join(lines)), name="s")
    assert page.parsed.documents["source_id"].to_list() == ["2001.00001", "2001.00012"]
    refused = dict(page.parsed.refused)
    assert set(refused) == {f"s line {i}" for i in bad}
    for number, (line, why) in bad.items():
        assert why in refused[f"s line {number}"]
        assert page.parsed.raws[f"s line {number}"] == line[:2000]


def test_json_of_another_kind_is_one_refusal(tmp_path: Path) -> None:
    assert "no arXiv metadata: no arXiv id" in told(read(tmp_path, "a.jsonl", b'{"name": 1}\n' * 1000))["a.jsonl"]


def test_text_in_the_place_of_another_format_is_no_article(tmp_path: Path) -> None:
    page = b"404: no such article"
    for name, why in (
        ("a.xml", "neither XML nor PDF"),
        ("a.pdf", "neither XML nor PDF"),
        ("a.json", "no arXiv metadata"),
    ):
        assert why in told(read(tmp_path, name, page))[name]
    assert "no arXiv metadata" in told(read(tmp_path, "a.jsonl.gz", gzip.compress(b"[1, 2]")))["a.jsonl.gz"]
    assert told(read(tmp_path, "a.txt", b"%PDF- is how a PDF starts"))["a.txt"] == "%PDF- is how a PDF starts"
    assert told(read(tmp_path, "b.jsonl", b""))["b.jsonl"].startswith("an empty file")


def test_a_page_of_nothing_but_broken_lines_keeps_little_and_names_few() -> None:
    lines = record(0) + b"x" * 100_000 + b"\n"
    data = lines + (b"{" + b"x" * 100_000 + b"\n") * 200
    (page,) = arxiv_snapshot.pages(io.BytesIO(data), name="s")
    assert len(page.parsed.refused) == 201
    assert sum(map(len, page.parsed.raws.values())) <= 4_194_304
    assert max(map(len, page.parsed.raws.values())) == records.RAW_BYTES
    assert len(records.fetch_row("s", page)["refusals"]) < 3000
    kept = [len(json.loads(row)["raw"]) for row in records.rejections("s", page)["row"]]
    assert sorted(set(kept)) == [0, records.RAW_BYTES]  # what is beyond the limit is not mistaken for another record
    assert "and 181 more" in records.fetch_row("s", page)["refusals"]


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(["a.zip", "a.tar", "a.tar.gz", "a.jsonl", "a.xml"]))
@settings(max_examples=400, deadline=None)
def test_whatever_happens_to_a_file_it_gives_pages_and_raises_nothing(seed: int, kind: str) -> None:
    chance = random.Random(seed)
    data = bytearray(WHOLE[kind])
    for _ in range(chance.choice([1, 2, 10])):
        place = chance.randrange(len(data) + 1)
        data[place : place + chance.randrange(100)] = chance.choice([b"", chance.randbytes(5), data[:300]])
    for page in folder.read(io.BufferedReader(io.BytesIO(bytes(data))), name=kind):
        assert page.parsed.documents.height or page.parsed.refused


WHOLE = {
    "a.zip": zipped(("x/a.txt", TEXT), ("b.jsonl", record(1) * 3)),
    "a.tar": tarred(("a.txt", TEXT, tarfile.REGTYPE), ("b.txt", TEXT, tarfile.REGTYPE)),
    "a.tar.gz": gzip.compress(tarred(("a.txt", TEXT, tarfile.REGTYPE), ("b.txt", TEXT, tarfile.REGTYPE))),
    "a.jsonl": record(1) * 5,
    "a.xml": b"<article><front><article-meta><article-id>1</article-id><article-title>T</article-title></article-meta>"
    b"</front><body><p>x</p><table><tr><td>1</td></tr></table></body></article>",
}
