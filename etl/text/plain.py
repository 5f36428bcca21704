"""Plain text with a map back: LaTeX, Unicode sub- and superscripts, dashes and spaces made uniform.

Every reader of values and formulas works on `Plain.text` and reports spans in the text as given through `Plain.span`.
What the words mean is decided elsewhere (`formula`, `materials`, `transitions`).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "Theta": "Θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Omega": "Ω",
    "Delta": "Δ", "Gamma": "Γ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
}  # fmt: skip
_COMMANDS = {
    "sim": "~", "simeq": "~", "approx": "~", "cong": "~", "leq": "≤", "le": "≤", "lesssim": "≤", "geq": "≥", "ge": "≥",
    "gtrsim": "≥", "times": "×", "pm": "±", "deg": "°", "degree": "°", "circ": "°", "textdegree": "°", "AA": "Å",
    "cdot": "·", "rightarrow": "→", "to": "→", "angstrom": "Å", "square": "□", "Box": "□", "textminus": "-",
    "rm": "", "it": "", "bf": "", "em": "", "mathrm": "", "textrm": "", "text": "", "mathit": "", "textit": "",
    "mathbf": "", "textbf": "", "mbox": "", "ensuremath": "", "emph": "", "mathsf": "", "textsc": "",
    "textsubscript": "",
    "rmfamily": "", "left": "", "right": "", "big": "", "Big": "", "c": "", "v": "", "u": "", "math": "",
} | _GREEK  # fmt: skip
_CHARS = {
    **{chr(full): chr(full - 0xFEE0) for full in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(chr, (*range(9), *range(0x0E, 0x20), *range(0x7F, 0xA0))), ""),  # control characters
    **dict.fromkeys("\x0b\x0c\x85", " "),
    **dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""),  # of direction
    **dict.fromkeys("‐‑‒–—−﹣－؊Ϫ", "-"),  # the last two: minus signs of old PDF fonts
    **{"␦": "δ", "\u0351": "(", "\u0352": ")"},  # likewise
    **dict.fromkeys("\n\r\t\xa0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000\uf0a0", " "),
    **dict.fromkeys("\xad\u200b\u200c\u200d\u2060\ufeff${}_", ""),
    **{c: str(i) for i, c in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{c: f"^{i}" for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{"₊": "+", "₋": "-", "⁺": "^+", "⁻": "^-", "ₓ": "x", "ᵧ": "y", "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi"},
    **{"∼": "~", "≈": "~", "≃": "~", "≅": "~", "⩽": "≤", "⩾": "≥", "º": "°", "˚": "°", "℃": "°C", "µ": "μ", "ϵ": "ε"},
    **{"∂": "δ", "\u212b": "Å", "•": "·", "∙": "·", "⋅": "·", "●": "·", "‧": "·", "・": "·", "▢": "□", "☐": "□"},
}
_TOKEN = re.compile(
    r"(?<=\d)À(?=[a-z\d])|\\[\"'`^~=.](?=[{A-Za-z])|\\[,;:! ]|\\\\|\\[%&#$_{}]|\\[A-Za-z]+\s?|--+|"
    r"(?<=\{)(?:math|text)?(?:rm|it|bf|sf|sc)[\s{]|(?<=\{)text\{|(?<![\w\\])(?:simeq|sim|approx)\s(?=\d)|"
    r"</?(?:sub|sup|i|b|em|strong|p|br|jats:[a-z-]{1,30})\s?/?>|"
    r"\^(?=\{?\\(?:circ|degree))|~(?=[\s\d{\\.])?|[^\x20-\x7e]|[\n\r\t${}_]"
)

_CLOSING = re.compile(r"</su[bp]>")


@dataclass(frozen=True)
class Plain:
    """A plain text and, for each of its characters, where it came from.

    Attributes:
        source: the text as given.
        text: the plain text.
        begins: index into `source` of the first character behind each plain character.
        ends: index just after the last one.
    """

    source: str
    text: str
    begins: tuple[int, ...] | range
    ends: tuple[int, ...] | range

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of `source` behind `text[start:end]`; start < end."""
        begin, stop = self.begins[start], self.ends[end - 1]
        for opening, closing in (("{", "}"), ("$", "$")):
            body = self.source[begin:stop]
            odd = body.count("$") % 2 == 1 if opening == "$" else body.count(opening) > body.count(closing)
            if odd and self.source[stop : stop + 1] == closing:
                stop += 1
        body = self.source[begin:stop]
        if body.count("}") > body.count("{") and self.source[begin - 1 : begin] == "{":
            begin -= 1
        tag = _CLOSING.match(self.source, stop)
        if tag and body.count("<su") > body.count("</su"):
            stop = tag.end()
        return begin, stop


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    if char in _CHARS:
        return _CHARS[char]
    base = unicodedata.normalize("NFD", char)
    if len(base) > 1 and base[0].isascii():
        return base[0]
    return char


def _replacement(found: str, source: str, end: int) -> str:
    if found.startswith("--") or (found == "À" and source[end - 2 : end - 1].isdigit()):
        return "-"
    if found == "~":
        return "~" if source[end : end + 1].isdigit() or source[end : end + 2].lstrip().isdigit() else " "
    if found == "^":
        return ""
    if found[0] == "<":
        return "^" if found == "<sup>" else " " if found.strip("</> ") in ("p", "br", "jats:p", "jats:title") else ""
    if found[0].isascii() and found[0].isalpha():  # a command that lost its backslash: "{rm C}", "sim 300"
        return "~" if found.strip() in ("sim", "simeq", "approx") else ""
    if found[0] != "\\":
        return _folded(found)
    name = found[1:].strip()
    if name in ("%", "&", "#"):
        return name
    if name and not name[0].isalpha():
        return "" if name[0] in "\"'`^~=." else " "
    if not name:
        return " "
    value = _COMMANDS.get(name, " ")
    trailing = found[-1].isspace() and value in ("≤", "≥", "×", "±", "→")
    return value + " " if trailing else value


def plain(source: str) -> Plain:
    """Makes a text plain.

    Args:
        source: text as given, with or without LaTeX.

    Returns:
        The plain text and its map; "VO$_2$" becomes "VO2", "$T_{MI}\\sim120$\\,K" becomes "TMI~120 K".
    """
    if not _TOKEN.search(source):
        return Plain(source, source, range(len(source)), range(1, len(source) + 1))
    pieces: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    last = 0
    for match in _TOKEN.finditer(source):
        start, end = match.span()
        pieces.append(source[last:start])
        begins.extend(range(last, start))
        ends.extend(range(last + 1, start + 1))
        new = _replacement(match.group(), source, end)
        pieces.append(new)
        begins.extend([start] * len(new))
        ends.extend([end] * len(new))
        last = end
    pieces.append(source[last:])
    begins.extend(range(last, len(source)))
    ends.extend(range(last + 1, len(source) + 1))
    return Plain(source, "".join(pieces), tuple(begins), tuple(ends))


_BREAK = re.compile(r"(?<=[.!?])\s+(?=[A-Z(\[\"'α-ω0-9])")
_LONGEST = 2000
_ABBREVIATED = re.compile(
    r"(?:\b(?:et al|Fig|Figs|Eq|Eqs|Ref|Refs|i\.e|e\.g|cf|vs|ca|approx|resp|No|Vol|Phys|Rev|Lett|Dr|St|wt|at|"
    r"mol)|(?<!\d)(?<!\d\s)\b[A-Z])\.$"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a plain text, in order, without the white space between them.

    A text without full stops is cut after 2,000 characters, so that the work on a sentence stays bounded.
    """
    spans: list[tuple[int, int]] = []
    begin = 0
    for match in _BREAK.finditer(text):
        if text[match.start() - 1] == "." and _ABBREVIATED.search(text[max(0, match.start() - 12) : match.start()]):
            continue
        spans.append((begin, match.start()))
        begin = match.end()
    spans.append((begin, len(text.rstrip()) if text.rstrip() else len(text)))
    return [piece for b, e in spans for piece in _cut(text, b, e) if piece[1] > piece[0]]


def _cut(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """The span, or pieces of it that end at a space where there is one."""
    pieces = []
    while end - begin > _LONGEST:
        space = text.rfind(" ", begin + 1, begin + _LONGEST)
        stop = space if space > 0 else begin + _LONGEST
        pieces.append((begin, stop))
        begin = stop + 1 if space > 0 else stop
    return [*pieces, (begin, end)]
