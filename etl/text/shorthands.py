"""Short names that a text gives its compounds: "La0.7Sr0.3MnO3 (LSMO)" and later "LSMO".

Names that every reader knows (YBCO) are `names`; compounds as written are `materials`.
"""

import re
from dataclasses import replace

from etl.text.materials import Mention

_AFTER = re.compile(r"\s?[(\[](?P<short>[A-Z][A-Za-z0-9]{1,7}(?:-[A-Za-z0-9]{1,4})?)[)\],;]")
_BEFORE = re.compile(r"(?<![\w-])(?P<short>[A-Z][A-Za-z0-9]{1,7})\s?[(\[]$")
# what stands in brackets behind a compound and names a state, a method or a phase of it
_NO_NAME = re.compile(
    r"A?FE|AFI?|A?FM|BCS|CDW|[CGT]?MR|CO|DFT|DMS|Z?FC|FET|FI|HTSC?|I+|IMT|IR|IV|MBE|MIT|NC|NMR|NP|NW|OO|PLD|PM|QSL|RT|SC|SDW|SG|"
    r"[ST][TE]M|TI|TM[DO]|WSM|XAS|XPS|XRD"
)


def find(text: str, mentions: list[Mention]) -> list[Mention]:
    """The mentions of a text together with those of its own short names.

    Args:
        text: plain text.
        mentions: its compounds, in order.
    """
    known: dict[str, Mention] = {}
    for mention in mentions:
        after, before = _AFTER.match(text, mention.end), _BEFORE.search(text, max(0, mention.start - 12), mention.start)
        for found in (after, before if text[mention.end : mention.end + 1] in (")", "]") else None):
            if mention.kind != "element" and found and _short(found["short"]):
                known.setdefault(found["short"], mention)
    if not known:
        return mentions
    listed = "|".join(re.escape(k) for k in sorted(known, key=len, reverse=True))
    taken = {i for m in mentions for i in range(m.start, m.end)}
    more = [
        replace(known[m.group()], start=m.start(), end=m.end(), text=m.group(), kind="name")
        for m in re.finditer(rf"(?<![\w-])(?:{listed})(?![\w])", text)
        if m.start() not in taken
    ]
    return sorted([*mentions, *more], key=lambda m: m.start)


def _short(name: str) -> bool:
    """Whether letters in brackets may be a name: several capitals, and none of the usual abbreviations."""
    return not _NO_NAME.fullmatch(name) and sum(c.isupper() for c in name) > 1
