"""Settings of a run, from the environment: where the home is, which profile, where data sets lie.

Secrets stay in the environment and are read by the connector that needs them, never kept here.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import InputError

PROFILES = ("embedded", "datasets", "live")
EXTRACTORS = ("rules", "llm")
EXECUTORS = ("local", "slurm")
DEFAULT_HOME = Path(__file__).resolve().parents[1] / "warehouse" / "data"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run depends on besides its tables.

    Attributes:
        home: folder of tables, catalog, models and Dagster's own storage.
        profile: one of `PROFILES`. ``embedded`` reads what ships with the project; ``datasets`` adds public data sets
            on disk; ``live`` reads what ``embedded`` reads, but the asset raw.harvests asks the literature services
            of the problem instead of the demonstration corpus. What was harvested or ingested stays under every
            profile; structures are fetched by `matloom ingest` only.
        datasets: folder with registered public data sets; needed by the profile ``datasets``.
        problem: name of a file in `schemas/problems`.
        seed: seed of everything random.
        extractor: one of `EXTRACTORS`. ``llm`` asks the language model of MATLOOM_LLM_URL (`etl.text.llm`) for what
            openly licensed documents say; it is off unless set.
        executor: one of `EXECUTORS`, where calculations run; None: what needs calculations waits.
        running: calculations at once.
        hours: wall time that one attempt at a calculation may take.
        total_hours: wall time that all attempts together may take; None for no limit.
    """

    home: Path
    profile: str = "embedded"
    datasets: Path | None = None
    problem: str = "mit"
    seed: int = 0
    extractor: str = "rules"
    executor: str | None = None
    running: int = 1
    hours: float = 24.0
    total_hours: float | None = None

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads MATLOOM_HOME, _PROFILE and so on, one variable an attribute.

        Raises:
            InputError: an unknown profile, extractor or executor, a number that is none, or no data set folder where
                one is needed.
        """
        environment = os.environ
        profile = environment.get("MATLOOM_PROFILE", "embedded")
        if profile not in PROFILES:
            raise InputError.of(f"unknown profile {profile!r}", "MATLOOM_PROFILE", f"use one of {', '.join(PROFILES)}")
        extractor = environment.get("MATLOOM_EXTRACTOR", "rules")
        if extractor not in EXTRACTORS:
            raise InputError.of(
                f"unknown extractor {extractor!r}", "MATLOOM_EXTRACTOR", f"use one of {', '.join(EXTRACTORS)}"
            )
        executor = environment.get("MATLOOM_EXECUTOR") or None
        if executor is not None and executor not in EXECUTORS:
            raise InputError.of(
                f"unknown executor {executor!r}", "MATLOOM_EXECUTOR", f"use one of {', '.join(EXECUTORS)}"
            )
        seed = environment.get("MATLOOM_SEED", "0")
        if not seed.isdigit():
            raise InputError.of(f"seed {seed!r} is no whole number", "MATLOOM_SEED", "use 0, 1, 2 ...")
        folder = environment.get("MATLOOM_DATASETS")
        datasets = Path(folder).resolve() if folder else None
        if profile == "datasets" and (datasets is None or not datasets.is_dir()):
            raise InputError.of("no data set folder", "MATLOOM_DATASETS", "point it to the registered data sets")
        return cls(
            home=Path(environment.get("MATLOOM_HOME") or DEFAULT_HOME).resolve(),
            profile=profile,
            datasets=datasets,
            problem=environment.get("MATLOOM_PROBLEM", "mit"),
            seed=int(seed),
            extractor=extractor,
            executor=executor,
            running=int(_positive("MATLOOM_RUNNING", 1.0) or 1),
            hours=_positive("MATLOOM_HOURS", 24.0) or 24.0,
            total_hours=_positive("MATLOOM_TOTAL_HOURS", None),
        )


def _positive(name: str, default: float | None) -> float | None:
    """A number above zero from the environment.

    Raises:
        InputError: something else.
    """
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise InputError.of(f"{text!r}", name, "give a number above 0")
    return value
