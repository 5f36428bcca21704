"""Text as given -> text that patterns can match, with a map back to the offsets of the text as given.

Undone here: compatibility characters, ligatures, soft hyphens, dashes, line breaks and the usual LaTeX. Offsets are
code points throughout. Made for the search of keywords in whole corpora (`scan`, `select`), whose sieves rest on just
these rules; what reads values and formulas works on `plain`, which keeps what sub- and superscripts mean.
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
    |(?P<space>\\[,;:!\ ]|~(?=[A-Za-z])|(?:[^\S\ ]|\ (?=\s))\s*)
    |(?P<macro>\\[A-Za-z]+[ ]?)
    |(?P<escaped>\\[%&\#_$])
    |(?P<drop>[$\{{\}}_{_INVISIBLE}\\])
    |(?P<dash>--+|[{_DASHES}])
    |(?P<other>[^\x00-\x7f])""",
    re.VERBOSE,
)


# where a match of the pattern above can begin: looked for first, as a lone class is found ten times as fast
_OPENING = re.compile(r"[\\~${}_\x80-\U0010ffff]")
_DROPPED = frozenset("${}_")
_MARKS = ("\\", "~", *_DROPPED, "  ", "--")
_ANY_OPENING = re.compile(r"[\\~${}_ \-\x80-\U0010ffff]")
_ASCII_BLANKS = dict.fromkeys(map(ord, "\t\n\r\v\f\x1c\x1d\x1e\x1f"), " ")


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
        if len(self.starts) == 1 and self.copied[0]:
            return start, end
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
    if not text.isprintable():
        text = text.translate(_ASCII_BLANKS)  # one for one, so that offsets stay
    if text.isascii() and not any(mark in text for mark in _MARKS):
        return Normalised(text, (0,), (0,), (len(text),), (True,))
    pieces: list[str] = []
    segments: list[tuple[int, int, int, bool]] = []
    at = done = 0
    opening = _OPENING if "  " not in text and "--" not in text else _ANY_OPENING
    for found in opening.finditer(text):
        begin = found.start()
        if begin < done:
            continue
        if found.group() in _DROPPED:
            stop, piece = begin + 1, ""
        elif (match := _SPECIAL.match(text, begin)) is not None:
            stop, piece = match.end(), _replacement(match)
        else:
            continue
        if begin > done:
            pieces.append(text[done:begin])
            segments.append((at, done, begin - done, True))
            at += begin - done
        if piece:
            pieces.append(piece)
            segments.append((at, begin, stop - begin, False))
            at += len(piece)
        done = stop
    if done < len(text):
        pieces.append(text[done:])
        segments.append((at, done, len(text) - done, True))
    starts, origins, lengths, copied = zip(*segments, strict=True) if segments else ((), (), (), ())
    return Normalised("".join(pieces), starts, origins, lengths, copied)


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
