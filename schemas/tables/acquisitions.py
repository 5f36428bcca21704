"""Layer `pred`: what to learn next about the screen's compounds, and gaps of candidates from several fidelities."""

from schemas.columns import count, number, text
from schemas.core import Column, Table, Type
from schemas.rules import AtMost, Between
from schemas.tables.predictions import FORMULA, MODEL, MODEL_ID


def _energy(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.FLOAT, unit="eV", doc=doc, rules=(Between(0, 30),))


ACQUISITIONS = Table(
    name="pred.acquisitions",
    doc="Candidates without a structure whose structure is worth fetching or computing next, so that all families are"
    " known in equal diversity.",
    grain="one candidate",
    key=("formula",),
    columns=(
        FORMULA,
        count("rank", "Order in which to fetch.", least=1),
        text("anion", "The group: anions of the compound."),
        number(
            "expected_charge_trans", "Estimated charge-transfer energy (est_charge_trans) expected of it.", unit="eV"
        ),
        number("expected_charge_trans_sd", "Standard deviation of what is expected.", unit="eV"),
    ),
    usage_warnings=("Says what to look at for the sake of the data, not which candidate is the most promising.",),
)

GAPS = Table(
    name="pred.gaps",
    doc="Measured band gap expected of each candidate, fused from calculated gaps and the composition.",
    grain="one candidate and model",
    key=("formula", "model_id"),
    foreign_keys=(MODEL,),
    columns=(
        FORMULA,
        MODEL_ID,
        _energy("gap_eV", "Expected gap, median; 0 is a metal."),
        _energy("gap_sd_eV", "Standard deviation."),
        _energy("gap_low_eV", "Lower end of the 90 % interval."),
        _energy("gap_high_eV", "Upper end of the 90 % interval."),
    ),
    row_rules=(AtMost("gap_low_eV", "gap_eV"), AtMost("gap_eV", "gap_high_eV")),
    usage_warnings=(
        "From the composition: of several polymorphs any may be meant, and the temperature is not known.",
        "Needs the public table of gaps (profile datasets); without it there are no rows.",
    ),
)

TABLES = (ACQUISITIONS, GAPS)
