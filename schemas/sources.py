"""Literature sources of a problem: what each service is asked, from which day on. One YAML file a problem.

How a service is spoken to is in `etl.sources`, when it is asked in `dagster_project`.
"""

from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schemas.errors import InputError
from schemas.problem import FOLDER

# modules of `etl.sources` that ask a service
CONNECTORS = ("arxiv_oai", "arxiv_atom", "crossref", "openalex", "europepmc")
EARLIEST = date(2020, 1, 1)
"""First day that the schedule can ask for; `matloom ingest` asks for any."""


class Source(BaseModel):
    """One service, and what it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    query: str = Field("", description="set, search or filter in the service's language")
    url: str | None = Field(None, description="another address of the service, such as a mirror")
    first_day: date = Field(ge=EARLIEST, description="the schedule asks for this day and all later ones")
    overlap_days: int = Field(1, ge=0, description="days before a window that are asked again: services date late")
    enabled: bool = True

    @field_validator("name")
    @classmethod
    def _name_is_known(cls, given: str) -> str:
        if given not in CONNECTORS:
            raise ValueError(f"no source {given!r}; use one of {', '.join(CONNECTORS)}")
        return given


class Sources(BaseModel):
    """The sources of a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Source, ...] = Field(min_length=1)

    def named(self, name: str) -> Source | None:
        """The source of that name; None where the problem has none."""
        return next((s for s in self.sources if s.name == name), None)


def load_sources(problem: str) -> Sources:
    """Reads the sources of a problem.

    Args:
        problem: name of a shipped problem, or path of a keyword list kept elsewhere: its sources lie beside it, in
            ``<name>_sources.yaml``.

    Raises:
        InputError: no such file, not YAML, or an entry that is not valid.
    """
    given = Path(problem)
    name = f"{given.stem.removesuffix('_keywords').removesuffix('_sources')}_sources.yaml"
    path = given.with_name(name) if given.suffix in {".yaml", ".yml"} else FOLDER / name
    try:
        return Sources.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of("no list of literature sources", path, "write one like mit_sources.yaml") from error
    except yaml.YAMLError as error:
        raise InputError.of(f"YAML that cannot be read ({str(error)[:80]})", path, "mend the file") from error
    except ValidationError as error:
        raise InputError.invalid(error.errors(), path, "mend the entry") from error
