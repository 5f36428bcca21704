"""Whether a temperature in a text is a point that something happens at, or a condition, a difference or a range.

Numbers are found by `quantities`, what they are values of is said by `transitions`.
"""

import re

from etl.text.quantities import Value

_BACK = 120  # characters before a temperature that may tell what it is
_ABOUT = r"\s*(?:about\s|around\s|approximately\s|roughly\s|only\s|~)?\s*$"
_MEASURING = (
    r"measurements?|measured|diffraction|spectr\w+|experiments?|scattering|data|microscop\w+|studies|study|studied|"
    r"recorded|performed|taken|obtained|operat\w+|imag\w+|simulat\w+|resolution|collected|carried out|investigated|"
    r"poled|poling|irradiat\w+|implanted|grown|growth|deposit\w+|anneal\w+|sinter\w+|calcin\w+|fired|synthesi[sz]\w+|prepared|quench\w+|stored|"
    r"heat treat\w+|moments?|magneti[sz]ations?|coerciv\w+|fields?|mobilit\w+|densit\w+|resistanc\w+|resistivit\w+|"
    r"conductivit\w+|constants?|polari[sz]ations?|magnetoresistance|entropy change|linewidths?|lifetimes?|isotherms?"
)
_HAPPENS = (
    r"transition|order|anomal|peak|kink|cusp|onset|reveal|show|indicat|evidenc|found|confirm|appear|exhibit|drop|vanish"
)
_CONDITION = re.compile(
    rf"\b(?:{_MEASURING})\b(?:(?!{_HAPPENS})[^.;,()]){{0,40}}"
    rf"\b(?:at|down to|up to|as low as|between|from)\s+(?:T\s?[=~])?{_ABOUT}|"
    rf"\b(?:cool|heat|warm)(?:ed|ing)\b[^.;,()]{{0,40}}\bto\s+{_ABOUT}",
    re.IGNORECASE,
)
_NO_POINT = re.compile(
    r"(?:\b(?:down to|by|change of(?: only)?|"
    r"(?:difference|changes|accuracy|error|uncertainty|precision)s? of(?: about)?|"
    r"within|ΔT\s*=|for T\s*[<>=]|steps? of|up to|"
    r"(?:hysteresis|width|window|broadening)\s+(?:of|exceeding|as large as|larger than)|at and (?:above|below)|"
    r"(?:is|are|was|were)\s+stable\s+(?:at|above|below|up to)|"
    r"temperatures? (?:above|between|as low as|down to|of)|shifts?,?(?: of)?|T\s?=|T\s*~)|[×/])" + _ABOUT
)
_BOUND = re.compile(r"[<>≤≥]=?\s*~?\s*$")
_BOUNDED = re.compile(r"\s*[<≤]\s*T\b")
_HELD_AT = re.compile(
    r"(?:transitions?|(?:transition|critical|ordering) temperatures?|order\w*|anomaly|peak|kink)\s*"
    r"(?:\(|,|at|near|around|of)?\s*(?:T\s?[=~])\s*$"
)
# "a moment of 0.003 emu/g at 2 K", "a resistance of 5 Ω at 300 K": the temperature of another quantity
_MEASURED = re.compile(
    r"\d\s?(?:emu|μB|muB|Bohr|k?Oe|T|G|m?eV|[kM]?V|m?A|[kmμ]?Ω|m?W|k?J|%|cm|nm|μm|ps|ns)\b[^,;]{0,25}"
    r"\bat\s*(?:T\s*=\s*)?" + _ABOUT
)
_TWO_CONDITIONS = re.compile(
    r"\d\s?(?:GPa|k?bar|MPa|atm|k?Oe|T|Tesla|V)(?:\s+and\s+(?:at\s+)?(?:T\s?=)?|\s*\()" + _ABOUT
)
_SECOND_CONDITION = re.compile(
    r"\s*(?:and|,)\s*(?:a\s\w+\sof\s|P\s?=\s?)?\d+(?:\.\d+)?\s?(?:GPa|k?bar|MPa|k?Oe|T\b|Tesla)"
)
_ARGUMENT = re.compile(r"(?<![A-Za-z])(?!T)[A-Za-zρχσκμε]{1,6}\(\s*(?:T\s?=\s?)?$")  # "ρ(300 K)"
_AFTER = re.compile(
    r"\s*(?:\)\s*)?(?:temperature )?(?:range|window|interval|hysteresis|difference|shift|accuracy|step|steps|stage)\b|"
    r"\s*(?:higher|lower|wide|above|below) |\s*(?:down|up)ward\b|"
    r"\s*(?:increase|decrease|reduction|change|drop|rise) (?:of|in)\b"
)
_BETWEEN = re.compile(r"\b(?:between|range|ranging|from|interval)\b[^.\d]{0,25}$", re.IGNORECASE)
_ISOTOPE = re.compile(r"\s*(?:-\s?(?:87)?Rb|atoms?|gas|Fermi|Feshbach|molecules|and \^?87Rb)", re.IGNORECASE)

# between a denial and what is denied stand neither a verb nor another phrase: "no change in the transition temperature"
_BARE = (
    r"(?:(?!(?:only|longer|more|less|yet|just|but|because|due|in|at|on|to|with|which|that|than|by|shows?|exhibits?|"
    r"undergo(?:es)?|affect|change|alter|influence|shift|modify|depend|suppress|destroy|effect)\b)[\w/-]+\s+)"
)
_DENIED = re.compile(
    rf"\b(?:no|without|neither|nor|never|not|cannot|lack\s+of|absence\s+of)\s+{_BARE}{{0,5}}(?:[\w/]+-)?$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\b(?:not|never)\s+(?:be\s+|been\s+)?(?:observed|seen|detected|found|present|reached|evident)\b|"
    r"\b(?:is|was|are|were)\s+absent\b",
    re.IGNORECASE,
)


def is_denied(before: str, after: str) -> bool:
    """Whether the words around a cue say that it does not happen: "no superconductivity", "order was not observed".

    Args:
        before: the sentence up to the cue.
        after: what follows the cue, up to its value or to the end of the sentence.
    """
    return bool(_DENIED.search(before[-_BACK:]) or _DENIED_AFTER.search(after))


def is_point(value: Value, before: str, after: str, *, held: bool = False) -> bool:
    """Whether the words around a temperature let it be one that something happens at.

    Args:
        value: the temperature.
        before: the text before it, back to what says what it is or to the beginning of the sentence.
        after: what follows it.
        held: whether `before` only links the two ("is about"), so that it names no condition.
    """
    before = before[-_BACK:]
    if _BOUND.search(before) or _BOUNDED.match(after) or _AFTER.match(after):
        return False
    if held:
        return True
    if _TWO_CONDITIONS.search(before) or _SECOND_CONDITION.match(after) or _MEASURED.search(before):
        return False
    if _ARGUMENT.search(before) and after.startswith(")"):
        return False
    if not _HELD_AT.search(before) and (_NO_POINT.search(before) or _CONDITION.search(before)):
        return False
    wide = value.low is not None and value.high is not None and value.high > 1.4 * value.low
    return not (wide and _BETWEEN.search(before))


def is_isotope(text: str, value: Value) -> bool:
    """Whether "40K" is potassium: no space before the K, and atoms or a gas around."""
    written = text[value.start : value.end]
    if written not in ("39K", "40K", "41K"):
        return False
    before = text[max(0, value.start - 30) : value.start]
    return bool(_ISOTOPE.match(text, value.end) or re.search(r"\^$|[Ff]ermion|potassium|ultracold|atom", before))
