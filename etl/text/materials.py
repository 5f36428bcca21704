"""Compounds in running text: where they stand, as written and as a formula.

Words, units, acronyms, space groups and single elements are no compounds. Reading one formula is `formula`;
which value belongs to which compound is `transitions`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from etl.text import formula as formulas
from etl.text import names
from etl.text.amounts import FormulaError
from etl.text.composition import ELECTRONEGATIVITY, spelled

# Formulas of capitals without digits are most often acronyms; these are compounds where the text says what they are.
_CAPITALS = {
    "BN": "", "WC": "carbide|tungsten", "KF": "", "KI": "", "VN": "nitride|vanadium", "VC": "carbide|vanadium",
    "UN": "nitride|uranium", "UC": "carbide|uranium", "UO": "uranium", "US": "sul[fp]h?ide", "VS": "sul[fp]h?ide",
    "YN": "nitride|yttrium", "VO": "oxide", "BP": "boron|phosph", "HF": "etch|acid|fluori", "BH3": "boran|hydrid|boron",
}  # fmt: skip
_CONTEXTS = {token: re.compile(words, re.IGNORECASE) for token, words in _CAPITALS.items()}
_NO_COMPOUND = frozenset(
    {"H1N1", "PhD", "PoS", "HeI", "HeII", "NiCd", "B3LYP", "F2F", "BaSiC", "CoNCePt", "SnOW", "PaSS", "NH2", "CH2"}
    | {"CH3", "OH", "COOH", "NdYAG", "GeV", "TeV", "PeV", "KHz", "PHz", "SiV", "SnV", "VSi", "CI2", "SH2", "SH3", "PK1"}
)
# symmetry groups, plurals of acronyms, isotopes of a mixture of atoms, numbered acronyms, families of semiconductors,
# permalloy and pyridine, hydrogen that is no deuterium
_OTHERWISE = re.compile(
    r"[A-Z][A-Za-z]{0,3}\((?:[A-Z]?\d{1,2}[a-z]?(?:[/|,]\d)?|[a-zN])\).*|(?!(?:B|U)As$)[A-Z]{2,}s|"
    r"\d{1,3}[A-Z][a-z]?-?\d{2,3}[A-Z][a-z]?|\d+[A-Z]+|[IV]{1,4}\d?(?:-[IV]{1,4}\d?)+|.*Py(?![a-z]).*|.*D(?![2-9y]).*|"
    r"(?!.*[ONP]).*D.*|[a-wz].*|"
    r".*\d[SPDF]\d{1,2}/2"
)
_FAMILY = re.compile(r"[IV]{1,4}\d?-[IV]{1,4}")
# elements of no compound that is spoken of: inert ones, and those that last for seconds
_UNLIKELY = frozenset({"He", "Ne", "Ar", "At", "Rn", "Fr", "Ac", "Fm", "Md", "No", "Lr", "Es", "Bk"})
_END = r"\s;=<>≤≥~\"“”|→?!"
# pieces between blanks and comparisons that may name two elements: two capitals, or the one of "C60"
_CHUNK = re.compile(rf"(?<![^{_END}])(?=[^{_END}A-Z]*[A-Z](?:[^{_END}A-Z]*[A-Z]|60))[^{_END}]{{2,200}}(?![^{_END}])")
_SUFFIX = re.compile(r"-(?=[a-z]{2,}|[a-z]-|like|type)")
_LIGAND = re.compile(
    r"[αβκθλ'‘’-]{0,3}(?:\((?:TMTTF|TMTSF|BEDT-TTF|ET|DTTTF|EDO-TTF|DCNQI|DMe-DCNQI|DI-DCNQI|EDT-TTF|"
    r"Per|TTM-TTP|DMtTTF|BETS)\)"
    r"(?:\d(?:\.\d+)?)?[A-Z\[(][\w()\[\]]*|TTF-TCNQ|TTF-CA|TTF-BA|MEM\(TCNQ\)2|K-TCNQ|EDO-TTF)"
)
_LIGAND_MARKS = ("TTF", "TMTSF", "(ET)", "DCNQI", "(Per)", "TTM-TTP", "BETS", "TCNQ")
_VARIABLES = frozenset("xyznmδdwuv")
_SHAPE = re.compile(r"[()\[\]A-Za-z0-9.,+\-/·*:^δ□'±×α-ω]+")


@dataclass(frozen=True)
class Mention:
    """A compound in a plain text.

    Attributes:
        start: first character in the plain text.
        end: one past the last.
        text: as it stands in the plain text.
        formula: reduced formula, or None where the name stands for no known composition.
        kind: formula, name, ligand, element, or abbreviation (`abbreviations`).
    """

    start: int
    end: int
    text: str
    formula: str | None
    kind: str


_TEMPERATURE = re.compile(r"T[A-Za-z]{1,3}\d+K$")
_JOINED = re.compile(r"[A-Z][a-z]?\d?(?:-[A-Z][a-z]?\d?)+")  # alloys and mixtures of elements: "Pt-Rh", "Ar-O2"


@lru_cache(maxsize=131072)
def formula_of(token: str) -> str | None:
    """The reduced formula of a token of running text, or None where it is no compound."""
    if len(token) < 2 or len(token) > 90 or token in _NO_COMPOUND or not _SHAPE.fullmatch(token):
        return None
    if _OTHERWISE.fullmatch(token) or _TEMPERATURE.match(token) or _JOINED.fullmatch(token):
        return None
    if "-" in token and not re.search(r"\d", token):
        return None  # "III-Mn-V", "Fe-doped": a formula that names a difference has a number
    capitals = [c for c in token if c.isupper()]
    if not capitals or (token.isalpha() and token.isupper() and token not in _CAPITALS):
        return None
    if token.isalpha() and re.search(r"[a-z]{2}", token) and not re.search(r"[A-Z][a-z]?[xyzδ](?:[A-Z]|$)", token):
        return None
    try:
        total, _, used = formulas.composition(token)
    except FormulaError:
        return None
    if not used <= _VARIABLES or len(total) < 2:
        return "C60" if token == "C60" else None
    real = [s for s in total if s in ELECTRONEGATIVITY]
    if len(real) < 2:
        return None
    if not _UNLIKELY.isdisjoint(real) or (
        token.isalpha() and (len(real) < len(total) - ("R" in total) or used & {"n", "m"})
    ):
        return None  # nor do letters for sites or counts stand in words without numbers
    if not re.search(r"\d|[xyzδ]", token) and all(len(s) == 1 for s in total) and token not in _CAPITALS:
        return None
    return spelled(total)


def _balanced(text: str, start: int, end: int) -> tuple[int, int]:
    """Takes off outer punctuation and brackets without partner."""
    while start < end:
        body = text[start:end]
        if body[-1] in ".,:'’-/*" or (
            body[-1] in ")]" and body.count(body[-1]) > body.count("(" if body[-1] == ")" else "[")
        ):
            end -= 1
        elif body[0] in ",:'‘’-/.^" or (
            body[0] in "([" and body.count(body[0]) > body.count(")" if body[0] == "(" else "]")
        ):
            start += 1
        elif (body[0] + body[-1]) in ("()", "[]") and body.count(body[0]) == 1:
            start, end = start + 1, end - 1
        else:
            break
    return start, end


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cuts a chunk at commas and slashes outside brackets and before lower-case suffixes ("VO2-based")."""
    cuts = [start - 1]
    depth = 0
    for i in range(start, end):
        char = text[i]
        depth += (char in "([") - (char in ")]")
        outside = depth <= 0
        if (
            (outside and char in ",/" and text[i + 1 : i + 2].isupper())
            or (outside and char in ":,")
            or (char == "-" and _SUFFIX.match(text, i))
        ):
            cuts.append(i)
        elif (
            char == "("
            and i > start
            and re.match(r"\([A-Z]{2,}[a-z]?\)|\([A-Z][a-z]?\d*[A-Z]\w*\)?$", text[i:end])
            and depth == 1
        ):
            closing = text.find(")", i, end)
            if closing in (-1, end - 1):
                cuts.append(i - 1)
    cuts.append(end)
    return [(a + 1, b) for a, b in pairwise(cuts) if b > a + 1]


def _formulas(text: str) -> list[Mention]:
    found: list[Mention] = []
    for chunk in _CHUNK.finditer(text):
        if _FAMILY.search(chunk.group()):
            continue
        whole = _mention(text, *chunk.span())
        if whole is not None:
            found.append(whole)
            continue
        for start, end in _pieces(text, *chunk.span()):
            piece = _mention(text, start, end)
            if piece is not None:
                found.append(piece)
                continue
            for part in re.finditer(r"[^-]+", text[start:end]):
                sub = _mention(text, start + part.start(), start + part.end())
                if sub is not None and re.search(r"\d|[a-z]", sub.text):
                    found.append(sub)
    return found


_GREEK_PREFIX = re.compile(r"(?:[α-ωδ]['’]*|alpha|beta|gamma|delta|epsilon|kappa|theta|[1-9][THRC])-(?=[A-Z(])")


_PHASE = re.compile(r"\((?:M1|M2|R|T|001|100|110|111)\)$")
_ION = re.compile(r"[A-Z][a-z]?\d?[+-]")


def _mention(text: str, start: int, end: int) -> Mention | None:
    start, end = _balanced(text, start, end)
    token = text[start:end]
    caret = token.find("^")
    if caret > 0:
        token = token[:caret]
        end = start + caret
    prefix = _GREEK_PREFIX.match(token)
    bare = token[prefix.end() :] if prefix else token
    phase = _PHASE.search(bare) if bare[-1:] == ")" else None
    if phase:
        bare = bare[: phase.start()]
    if bare[-1:] in ("+", "-") and _ION.fullmatch(bare):
        return None
    reduced = formula_of(bare)
    return Mention(start, end, text[start:end], reduced, "formula") if reduced else None


@lru_cache(maxsize=1)
def _name_pattern() -> re.Pattern[str]:
    words = names.dictionary()
    long_names = sorted((*words["names"], *(w for w in words["elements"] if len(w) > 2)), key=len, reverse=True)
    cations = "|".join(sorted((w for w in (*words["elements"], *words["groups"]) if len(w) > 2), key=len, reverse=True))
    anions = "|".join(sorted((*words["anions"], *words["matched_anions"]), key=len, reverse=True))
    prefixes = "|".join(sorted(words["prefixes"], key=len, reverse=True))
    systematic = (
        rf"(?:{cations})\s*(?:\((?:i+|iv|vi*)\)\s*)?[ -](?:(?:{prefixes}|pent|mon)-?)?"
        rf"(?:{anions})s?(?:\s(?:{prefixes})?-?hydrate)?"
    )
    plain_names = "|".join(re.escape(n).replace(r"\ ", r"[\s-]+") for n in long_names)
    return re.compile(rf"(?:{systematic}|{plain_names})(?![A-Za-z])", re.IGNORECASE)


@lru_cache(maxsize=1)
def _first_words() -> frozenset[str]:
    """Words that a name may begin with, in lower case."""
    words = names.dictionary()
    return frozenset(re.split(r"[\s-]", name)[0] for name in (*words["names"], *words["elements"], *words["groups"]))


_LETTERS = re.compile(r"[A-Za-z]{3,}")
_SHORT = re.compile(r"(?<![\w-])(?:[A-Z]{3,7}|[A-Z][a-z]?-?\d{3,4})(?!\w)")


def _named(text: str) -> list[Mention]:
    found: list[Mention] = []
    first, elements, done = _first_words(), names.dictionary()["elements"], 0
    named = not first.isdisjoint(_LETTERS.findall(text.lower()))  # most texts have none: told without a loop
    for word in _LETTERS.finditer(text) if named else ():
        if word.start() < done or word.group().lower() not in first:
            continue
        match = _name_pattern().match(text, word.start())
        if match is None:
            continue
        written, done = match.group(), match.end()
        reduced = names.resolve(written)
        if reduced is None or written == "lead":  # the verb
            continue
        kind = "element" if written.lower() in elements else "name"
        found.append(Mention(match.start(), match.end(), written, formulas.reduce(reduced), kind))
    for match in _SHORT.finditer(text):
        reduced = names.short(match.group(), ambiguous=False)
        if reduced:
            found.append(Mention(match.start(), match.end(), match.group(), formulas.reduce(reduced), "name"))
    return found


# "VO4 tetrahedra", "CuO2 planes": a piece of a structure, no compound
_UNIT = re.compile(
    r"[\s-]+(?:octahedr|tetrahedr|polyhedr|plane|pyramid|unit|group|chain|sheet|ladder|plaquette|cluster)"
)
_COORDINATED = re.compile(r"[A-Z][a-z]?[OFSN][2-9]")
_ALWAYS_UNIT = re.compile(r"(?!RuO4|OsO4)[A-Z][a-z]?O[456]")


def _piece_of_structure(text: str, mention: Mention) -> bool:
    if not _COORDINATED.fullmatch(mention.text):
        return False
    return bool(_ALWAYS_UNIT.fullmatch(mention.text) or _UNIT.match(text, mention.end))


# "zircon-type", "the scheelite phase", "NiAs structure": what something is built like
_BUILT = re.compile(r"-type\b|[- ](?:prototype|lattice type|structure type)")
_BUILT_NAME = re.compile(r"(?:[- ]like|[- ](?:[\w-]+ )?(?:type|structures?|structured|phases?|lattice|polymorphs?)\b)")
_PROTOTYPES = frozenset([
    "zircon", "scheelite", "fluorite", "rock salt", "halite", "wurtzite", "sphalerite", "calcite", "aragonite",
    "rutile", "anatase", "ilmenite", "delafossite", "barite", "cristobalite", "corundum", "graphite", "diamond",
    "marcasite",
])  # fmt: skip
_FRUSTRATED = re.compile(
    r"(?:spin|kagome|pyrochlore|charge|square|artificial|dipolar|quantum|magnetic|electron|vortex|dimer|coulomb)[- ]$",
    re.I,
)


def _means_otherwise(text: str, mention: Mention) -> bool:
    """Whether the words around say that this is no compound: a structure type, spin ice, an acronym."""
    if mention.text in _CONTEXTS:
        return not _CONTEXTS[mention.text].search(text)
    written = mention.text.lower()
    if written == "ice":
        return bool(_FRUSTRATED.search(text, max(0, mention.start - 12), mention.start))
    if mention.kind == "name" and written in _PROTOTYPES:
        return bool(_BUILT_NAME.match(text, mention.end))
    return bool(_BUILT.match(text, mention.end))


def find(text: str) -> list[Mention]:
    """Compounds of a plain text, in order, without overlaps.

    Args:
        text: plain text (`plain.plain(...).text`).
    """
    organic = any(mark in text for mark in _LIGAND_MARKS)
    ligands = _LIGAND.finditer(text) if organic else ()
    molecular = [Mention(m.start(), m.end(), m.group(), None, "ligand") for m in ligands]
    found: list[Mention] = []
    whole = [m for m in _formulas(text) if not _piece_of_structure(text, m)]
    for mention in sorted([*molecular, *whole, *_named(text)], key=lambda m: (m.start, -m.end)):
        if _means_otherwise(text, mention):
            continue
        if found and mention.start < found[-1].end:
            if mention.end - mention.start > found[-1].end - found[-1].start:
                found[-1] = mention
            continue
        found.append(mention)
    return found
