"""Which licences let rows leave the warehouse. Exports and reports ask here; `matloom query` shows its user everything.

A licence is named as its source names it: by an SPDX name, in words, or by its address. What is not known to be open
is closed, and so is what no licence is known of.
"""

import polars as pl

OPEN_LICENCES = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-3.0",
    "CC-BY-SA-4.0",
    "MIT",
    "BSD-3-Clause",
    "Apache-2.0",
    "PDDL-1.0",
    "ODC-By-1.0",
)
_ADDRESS = r"^(?:https?://)?(?:www\.)?creativecommons\.org/"
_REST = r"(?:/(?:legalcode|deed)?(?:\.[a-z\-]+)?)?$"


def allowed(column: str, licences: tuple[str, ...] = OPEN_LICENCES) -> pl.Expr:
    """Whether the licence in a column is one of these; never null."""
    given = pl.col(column).str.strip_chars()
    return (given.is_in(licences) | named(given).is_in([name.upper() for name in licences])).fill_null(False)


def sendable(frame: pl.DataFrame) -> list[bool]:
    """Of each row whether its text may be sent to a service: under an open licence, or all without such a column."""
    if "licence" not in frame.columns:
        return [True] * frame.height
    told = frame.select(pl.col("licence").cast(pl.String))
    return told.select(allowed("licence")).to_series().to_list()


def named(given: pl.Expr) -> pl.Expr:
    """SPDX name, in capitals, of a Creative Commons licence given by its address or in words; else null."""
    text = given.str.strip_chars().str.to_lowercase()
    by_address = text.str.extract_groups(rf"{_ADDRESS}licenses/(?<terms>by(?:-[a-z]+)*)/(?<version>\d\.\d){_REST}")
    in_words = text.str.replace_all(r"[\s\-]+", "-").str.extract_groups(
        r"^cc-(?<terms>by(?:-[a-z]+)*)-(?<version>\d\.\d)$"
    )
    zero = text.str.contains(rf"{_ADDRESS}publicdomain/zero/1\.0{_REST}") | text.str.contains(
        r"^cc[ \-]?0([ \-]1\.0)?$"
    )
    return pl.coalesce(
        pl.when(zero).then(pl.lit("CC0-1.0")),
        *(
            pl.concat_str(
                pl.lit("CC"),
                found.struct.field("terms").str.to_uppercase(),
                found.struct.field("version"),
                separator="-",
            )
            for found in (by_address, in_words)
        ),
    )
