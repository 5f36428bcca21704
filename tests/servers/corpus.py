"""Made-up records for the local literature server: original text, the same for the same seed and index.

Record `i` depends on the seed and `i` alone, so a million of them need no memory. What the services make of a record is
in `protocols`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

FORMULAS = (
    "VO2",
    "V2O3",
    "NdNiO3",
    "SmNiO3",
    "Ti2O3",
    "BaTiO3",
    "LaCoO3",
    "NbO2",
    "TaS2",
    "Ca2RuO4",
    "Sr2IrO4",
    "PrNiO3",
)
NAMES = ("Arden", "Brook", "Castell", "Dorn", "Eskil", "Ferro", "Galen", "Holt", "Ister", "Jora", "Kestrel", "Lund")
_METHODS = (
    "pulsed laser deposition",
    "solid-state reaction",
    "a sol-gel route",
    "flux growth",
    "sputtering",
    "reduction",
)
_PLAIN = (
    "Films of {formula} were made by {method} and looked at with X-rays up to {number} nm of thickness.",
    "We follow how strain of {number} parts in ten thousand changes the lattice of {formula}.",
    "A lamp, a lens and a sheet of {formula} suffice to repeat the measurement within {number} minutes.",
    "The heat capacity of {formula} shows a broad hump near {number} K and nothing else.",
    "Oxygen leaves {formula} above {number} K when the gas is dry.",
    "Numbers from {number} grains agree with what the model of coupled layers of {formula} asks for.",
    "No second phase beside {formula} was seen after {method}, down to {number} ppm.",
    "Phonons of {formula} soften by {number} GHz once the sample is cooled in a field.",
)
_TRANSITION = (
    "The metal-insulator transition of {formula} lies at {number} K and its electrical resistivity jumps there.",
    "A Mott gap opens in {formula} below {number} K, as the optical conductivity shows after {method}.",
    "Charge order in {formula} sets in at a critical temperature of {number} K in crystals from {method}.",
)
_SENTENCES = 2048
_TELLING = 50  # one record in so many speaks of a transition
_GONE = 97  # one record in so many was withdrawn


@dataclass(frozen=True, slots=True)
class Record:
    """One made-up article."""

    index: int
    arxiv_id: str
    doi: str
    title: str
    abstract: str
    author: str
    day: date
    gone: bool

    @property
    def licence(self) -> str | None:
        """Open for two in three, not said for the rest."""
        return None if self.index % 3 == 2 else "http://creativecommons.org/licenses/by/4.0/"


class Corpus:
    """Records in the order of the days on which their service touched them.

    Args:
        records: how many there are; may be raised at any time, new ones get the last day.
        seed: of the text.
        last: day of the newest records.
        per_day: records a day.
    """

    def __init__(self, records: int = 1000, *, seed: int = 0, last: date, per_day: int = 1000) -> None:
        chance = random.Random(seed)
        self.records, self.last, self.per_day, self.seed = records, last, per_day, seed
        self.first = last - timedelta(days=max(0, (records - 1) // per_day))
        self._plain = [_filled(chance, _PLAIN) for _ in range(_SENTENCES)]
        self._telling = [_filled(chance, _TRANSITION) for _ in range(_SENTENCES // 8)]

    def __getitem__(self, index: int) -> Record:
        draw = ((index + 1) * 0x9E3779B97F4A7C15 + self.seed * 0xBF58476D1CE4E5B9) % 2**64 >> 8
        plain, formula = self._plain, FORMULAS[draw % len(FORMULAS)]
        start = (
            self._telling[(draw >> 5) % len(self._telling)]
            if index % _TELLING == 0
            else plain[(draw >> 13) % _SENTENCES]
        )
        rest = " ".join([plain[(draw >> shift) % _SENTENCES] for shift in (0, 9, 18, 27, 36)])
        return Record(
            index=index,
            arxiv_id=f"{2001 + index // 100_000}.{index % 100_000:05d}",
            doi=f"10.5555/matloom.{index}",
            title=f"On sample {index} of {formula}",
            abstract=f"{start} {rest}",
            author=NAMES[(draw >> 5) % len(NAMES)],
            day=self.day(index),
            gone=index % _GONE == _GONE - 1,
        )

    def day(self, index: int) -> date:
        """Day of a record."""
        return min(self.last, self.first + timedelta(days=index // self.per_day))

    def window(self, since: date | None, until: date | None) -> range:
        """Indices of the records of a window of days, both included."""
        low = 0 if since is None else max(0, (since - self.first).days) * self.per_day
        if since is not None and since > self.last:
            return range(0)
        whole = until is None or until >= self.last
        high = self.records if whole else max(0, (until - self.first).days + 1) * self.per_day  # type: ignore[operator]
        return range(min(low, self.records), min(high, self.records))

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(self.records))


def _filled(chance: random.Random, patterns: tuple[str, ...]) -> str:
    pattern, number = chance.choice(patterns), chance.randrange(12, 480)
    return pattern.format(formula=chance.choice(FORMULAS), method=chance.choice(_METHODS), number=number)
