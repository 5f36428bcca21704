"""Text as given -> text that patterns can match, with a map back to the offsets of the text as given.

Undone here: compatibility characters, ligatures, soft hyphens, dashes, line breaks and the usual LaTeX. Offsets are
code points throughout. Finding words in the result is the work of `select` and `extract`.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

_MACROS = {
    "sim": "~", "simeq": "~", "approx": "~", "pm": "±", "times": "×", "deg": "°", "textdegree": "°", "circ": "°",
    "degree": "°", "cdot": "·", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "mu": "µ", "to": " to ", "quad": " ",
    "rightarrow": " to ", "AA": "Å", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Omega": "Ω", "square": "□", "Box": "□", "infty": "∞",
    "AE": "Æ", "ae": "æ", "o": "ø", "O": "Ø", "l": "ł", "ss": "ß",
}  # fmt: skip
_ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "c": "\u0327", "v": "\u030c"}
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SPECIAL = re.compile(
    rf"""(?P<accent>\\["'`^~]\s*\{{?\s*\\?[A-Za-z]\s*\}}?|\\[cv]\s*\{{\s*[A-Za-z]\s*\}})
    |(?P<space>\\[,;:!\ ]|~(?=[A-Za-z])|[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+)
    |(?P<macro>\\[A-Za-z]+[ ]?)
    |(?P<escaped>\\[%&\#_$])
    |(?P<drop>[$\{{\}}_{_INVISIBLE}\\])
    |(?P<dash>--+|[{_DASHES}])
    |(?P<other>[^\x00-\x7f])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Normalised:
    """A normalised text and where each part of it came from.

    Attributes:
        text: the normalised text.
        starts: offset in `text` of each segment, ascending from 0.
        origins: offset in the text as given of each segment.
        lengths: characters of the text as given that the segment covers.
        copied: whether the segment is a plain copy (one to one).
    """

    text: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]
    lengths: tuple[int, ...]
    copied: tuple[bool, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text as given that `text[start:end]` came from; `start < end`."""
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end - 1) - 1
        low = self.origins[first] + (start - self.starts[first] if self.copied[first] else 0)
        if self.copied[last]:
            return low, self.origins[last] + end - self.starts[last]
        return low, self.origins[last] + self.lengths[last]


def normalise(text: str) -> Normalised:
    """Normalises one text.

    Args:
        text: any text, plain or with LaTeX mark-up.

    Returns:
        Text in NFKC, with single blanks, "-" for every dash, no mark-up; and the map of its offsets.
    """
    pieces: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    lengths: list[int] = []
    copied: list[bool] = []
    at = done = 0

    def add(piece: str, origin: int, length: int, plain: bool) -> None:
        nonlocal at
        if piece:
            pieces.append(piece)
            starts.append(at)
            origins.append(origin)
            lengths.append(length)
            copied.append(plain)
            at += len(piece)

    for match in _SPECIAL.finditer(text):
        if match.group() == " ":
            continue
        begin, stop = match.span()
        add(text[done:begin], done, begin - done, True)
        add(_replacement(match), begin, stop - begin, False)
        done = stop
    add(text[done:], done, len(text) - done, True)
    return Normalised("".join(pieces), tuple(starts), tuple(origins), tuple(lengths), tuple(copied))


def _replacement(match: re.Match[str]) -> str:
    kind, found = match.lastgroup, match.group()
    if kind == "space":
        return " "
    if kind == "dash":
        return "-"
    if kind == "escaped":
        return found[1]
    if kind == "accent":
        letter = re.sub(r"[^A-Za-z]", "", found[2:])
        return unicodedata.normalize("NFC", letter + _ACCENTS[found[1]])
    if kind == "macro":
        trailing = " " if found.endswith(" ") else ""
        name = found[1:].rstrip()
        return _MACROS.get(name, trailing)
    if kind == "other":
        return unicodedata.normalize("NFKC", found)
    return ""


def plain(text: str) -> str:
    """The normalised text alone."""
    return normalise(text).text
