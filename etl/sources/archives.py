"""Archives as streams of their members: zip, tar and gzip, read in place and never unpacked to a disk.

What is refused here: names that lead out of the archive, links, encrypted members, too many members, and data that
grows too much. What a member holds is for `folder` to find out.
"""

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Protocol

from schemas.errors import InputError

MEMBERS = 100_000
TOTAL = 50_000_000_000  # decoded bytes of one archive
RATIO = 200  # decoded bytes per byte as stored; text gives 3 to 10
BROKEN = (  # what the libraries raise for damaged archives
    EOFError, OSError, ValueError, OverflowError, NotImplementedError, zlib.error, struct.error,
    zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
_FREE = 1_000_000  # decoded bytes that are never too many
_LONGEST = 65_536  # bytes of a tar header that gives a long name
_DIRECTORY = 500 * MEMBERS  # bytes of a zip's list of members, which is read at once
_BUFFER = 65_536
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\x00")


class Readable(Protocol):
    """What gives bytes when asked for some."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; all that is left where it is negative."""


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        name: as the archive gives it.
        stream: its content, to be read before the next member is asked for; None where it is refused.
        why: why it is refused.
    """

    name: str
    stream: io.BufferedReader | None
    why: str = ""


def kind(start: bytes, name: str = "") -> str:
    """What the first 512 bytes say, and the name where they say nothing: "zip", "gz", "tar", or "" for no archive."""
    if start[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return "zip"
    if start[:3] == b"\x1f\x8b\x08":
        return "gz"
    return "tar" if start[257:262] == b"ustar" or (start and name.lower().endswith(".tar")) else ""


def unzipped(stream: IO[bytes], *, where: str) -> io.BufferedReader:
    """The decoded content of a gzip stream; reading it raises `InputError` where it grows too much."""
    stored = _Counted(stream, where=where)
    decoded = gzip.GzipFile(fileobj=stored)
    return io.BufferedReader(_Counted(decoded, where=where, stored=lambda: stored.count), _BUFFER)


def members(stream: IO[bytes], *, kind: str, where: str) -> Iterator[Member]:
    """The files of a zip (which must be seekable) or tar archive, in its order.

    Raises:
        InputError: no archive, a broken one, or one above the limits; members before the fault have been given.
    """
    try:
        for number, member in enumerate(_zip(stream, where) if kind == "zip" else _tar(stream, where)):
            if number >= MEMBERS:
                raise InputError.of(f"more than {MEMBERS} members", where, "split the archive")
            yield member
    except BROKEN as error:
        raise InputError.of(f"a broken archive ({said(error)})", where, "fetch it again") from error


def said(error: Exception) -> str:
    """The first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0] or type(error).__name__


class _Counted(io.RawIOBase):
    """Counts what is read, and stops where it is too much for what is `stored`."""

    def __init__(self, stream: Readable, *, where: str, stored: Callable[[], int] | None = None) -> None:
        self.count = 0
        self._stream, self._where, self._stored = stream, where, stored

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        if self._stored is not None:
            _check(self.count, self._stored(), self._where)
        return len(data)


def _check(decoded: int, stored: int, where: str) -> None:
    if decoded > TOTAL:
        raise InputError.of(f"more than {TOTAL} bytes when decoded", where, "split the archive")
    if decoded > _FREE and decoded > RATIO * stored:
        raise InputError.of(f"data that grows more than {RATIO} times", where, "give the documents themselves")


def _zip(stream: IO[bytes], where: str) -> Iterator[Member]:
    size = stream.seek(0, io.SEEK_END)
    if _directory(stream, size) > _DIRECTORY:
        raise InputError.of(f"more than {MEMBERS} members", where, "split the archive")
    decoded = 0
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            linked = stat.S_ISLNK(info.external_attr >> 16)
            why = _why(info.orig_filename, linked) or ("an encrypted member" if info.flag_bits & 1 else "")
            if why:
                yield Member(info.filename, None, why)
                continue
            try:
                opened = archive.open(info)
            except BROKEN as error:
                yield Member(info.filename, None, f"a broken member ({said(error)})")
                continue
            with opened:
                stored = partial(int, info.compress_size)
                counted = _Counted(opened, where=f"{where}/{info.filename}", stored=stored)
                yield Member(info.filename, io.BufferedReader(counted, _BUFFER))
                decoded += min(counted.count, RATIO * info.compress_size)
            _check(decoded, size, where)  # members may share their bytes


def _directory(stream: IO[bytes], size: int) -> int:
    """Bytes of a zip's list of members as its end record says; 0 where there is no such record."""
    stream.seek(max(0, size - 66_000))
    tail = stream.read(66_000)
    stream.seek(0)
    at, wide = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    if at < 0 or len(tail) < at + 16:
        return 0
    found = int(struct.unpack_from("<L", tail, at + 12)[0])
    if found == 0xFFFFFFFF and 0 <= wide <= len(tail) - 48:
        found = int(struct.unpack_from("<Q", tail, wide + 40)[0])
    return found


def _tar(stream: IO[bytes], where: str) -> Iterator[Member]:
    class Checked(_Info):
        place = where

    with tarfile.open(fileobj=stream, mode="r|", tarinfo=Checked) as archive:
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # else it remembers every member
            if info.isdir():
                continue
            strange = not info.isreg() or info.issparse()
            why = _why(info.name, info.issym() or info.islnk()) or ("no regular file" if strange else "")
            if why:
                yield Member(info.name, None, why)
                continue
            opened = archive.extractfile(info)
            if opened is not None:
                yield Member(info.name, io.BufferedReader(_Counted(opened, where=where), _BUFFER))


class _Info(tarfile.TarInfo):
    """Headers that `tarfile` takes as the end of the archive, or reads whole whatever their size, are faults here."""

    place = ""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> "_Info":
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if type(error).__name__ in {"InvalidHeaderError", "TruncatedHeaderError"}:
                raise InputError.of(f"a broken archive ({said(error)})", cls.place, "fetch it again") from error
            raise
        if found.type in _LONG and found.size > _LONGEST:
            raise InputError.of(f"a name of {found.size} bytes", cls.place, "give the documents themselves")
        return found


def _why(name: str, linked: bool) -> str:
    if _OUTSIDE.search(name):
        return "a name that leads out of the archive"
    return "a link" if linked else ""
