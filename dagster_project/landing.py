"""How updates of literature get into the warehouse: part by part as they come, and audited once at the end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from schemas.errors import InputError, MatloomError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from dagster_project.settings import Settings
    from etl.http import Client, FetchError
    from etl.sources.update import Update
    from etl.sources.windows import Window
    from warehouse.store import Store, WriteResult


class AuditFailedError(MatloomError):
    """What was written failed a blocking check; readers keep the version before."""


@dataclass
class Landed:
    """What an ingest did.

    Attributes:
        fetched: usable records of the sources.
        new: documents that were not there before.
        changed: documents that were there with other content, or were withdrawn.
        withdrawn: records that a source withdrew.
        rejected: records refused by the connector or by a rule.
        reasons: why records were refused.
        harvests: rows of raw.harvests of the windows that were read; recorded once the audit has passed.
        failures: windows that stopped, and why; what came before is landed.
    """

    fetched: int = 0
    new: int = 0
    changed: int = 0
    withdrawn: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    harvests: "list[pl.DataFrame]" = field(default_factory=list)
    failures: list[MatloomError] = field(default_factory=list)

    def unreachable(self) -> list[str]:
        """A line for each source that could not be asked.

        Raises:
            MatloomError: a window stopped for another reason, such as a broken page.
        """
        from etl.http import FetchError, OversizeError

        others = [f for f in self.failures if not isinstance(f, FetchError) or isinstance(f, OversizeError)]
        Landed(failures=others).complain()
        return [f"not harvested, asked again later: {f}" for f in self.failures]

    def complain(self) -> None:
        """Raises the first failure, and says how many more there are.

        Raises:
            MatloomError: a window stopped.
        """
        if self.failures:
            more = len(self.failures) - 1
            raise type(self.failures[0])(
                f"{self.failures[0]}" + (f" (and {more} more windows stopped)" if more else "")
            )

    def add(self, found: "Update", result: "WriteResult") -> None:
        """Counts one more part."""
        self.fetched += found.documents.height
        self.new, self.changed = self.new + result.inserted, self.changed + result.updated
        self.withdrawn += found.withdrawn.height
        self.rejected += int(found.log["rejected"].sum()) + result.rejected
        self.reasons += found.log["refusals"].drop_nulls().to_list()


def ingest(store: "Store", windows: "Iterable[Window]", *, client: "Client | None", limit: int | None = None) -> Landed:
    """Asks for windows one after the other, and lands what comes in parts; a broken page stops its own window only.

    Args:
        store: the warehouse.
        windows: days of sources.
        client: asks the services; None reads the demonstration corpus instead.
        limit: stop each window after about so many records.

    Returns:
        What happened; `record` writes its harvests.

    Raises:
        AuditFailedError: a blocking check failed; the update is then not to be recorded as harvested.
    """
    from etl.http import FetchError, OversizeError
    from etl.sources.update import stopped

    landed = Landed()
    for window in windows:
        try:
            _ingest(store, window, landed, client=client, limit=limit)
        except (OversizeError, InputError) as error:  # a broken page
            landed.failures.append(error)
            if window.missing(store.current("raw.harvests")):
                landed.harvests.append(stopped(window, store.current("raw.fetch_log").filter(window.chosen())))
        except FetchError as error:  # the service does not answer: it is not asked for the other windows
            landed.failures.append(error)
            break
    settled(store)
    return landed


def ingest_day(store: "Store", source: str, day: date, *, settings: "Settings") -> Landed:
    """A day of a source of the problem, with the days before it that are asked again; see `ingest`.

    Raises:
        InputError: the problem has no such source.
    """
    from etl.http import Client
    from etl.sources.update import DEMO
    from etl.sources.windows import Window
    from schemas.sources import load_sources

    asked = load_sources(settings.problem).named(source)
    if asked is None:
        raise InputError.of(f"no source {source}", f"the sources of {settings.problem}", "add it with its query")
    since = day - timedelta(days=asked.overlap_days)
    live = settings.profile == "live"
    # under another question, so that a day of the demonstration is still missing once the service is asked
    query, url = (asked.query, asked.url) if live else (DEMO, DEMO)
    window = Window(source=source, since=since, until=day, query=query, url=url)
    with Client() as client:
        return ingest(store, [window], client=client if live else None)


def missing_days(store: "Store", *, settings: "Settings", until: date) -> "Iterator[tuple[str, date]]":
    """Days of the sources of the problem that can be asked, oldest first, that no harvest covers yet."""
    harvests = store.read_passed("raw.harvests")
    for window in _enabled(settings, until=until):
        if _no_key(window) is None:
            yield from ((window.source, day) for day in window.missing(harvests))


def keyless(settings: "Settings", *, until: date) -> list[str]:
    """A line for each source of the problem that would be asked if there were a key for it."""
    return [str(error) for window in _enabled(settings, until=until) if (error := _no_key(window)) is not None]


def _no_key(window: "Window") -> "FetchError | None":
    """Why a service cannot be asked, where it wants a key and there is none."""
    from etl.http import FetchError

    variable = window.lacks_key
    return FetchError.of(f"no key for {window.source}", variable, "set it to use this source") if variable else None


def _enabled(settings: "Settings", *, until: date) -> "Iterator[Window]":
    """The enabled sources of the problem, each from its first day on."""
    from etl.sources.update import DEMO, EMBEDDED
    from etl.sources.windows import Window
    from schemas.sources import load_sources

    live = settings.profile == "live"
    for source in load_sources(settings.problem).sources:
        if source.enabled and (live or source.name in EMBEDDED) and source.first_day <= until:
            query = source.query if live else DEMO
            yield Window(source=source.name, since=source.first_day, until=until, query=query)


def read_folder(store: "Store", path: "Path", *, limit: int | None = None) -> Landed:
    """Lands the documents of a folder, audited.

    Raises:
        InputError: no such folder.
        AuditFailedError: a blocking check failed.
    """
    from etl.sources import update

    landed = Landed()
    for part in update.folder_parts(path, limit=limit):
        landed.add(part, put(store, part))
        landed.harvests = [part.summary]
    settled(store)
    return landed


def structures(
    store: "Store", service: str, elements: "Sequence[str]", *, limit: int | None, url: str | None
) -> Landed:
    """Lands structures of a live service, audited; a page that breaks or does not come keeps those before it.

    Args:
        store: the warehouse.
        service: one of `etl.structures.services.SERVICES`.
        elements: symbols that must all be there.
        limit: stop after about so many structures.
        url: another address of the service.

    Raises:
        AuditFailedError: a blocking check failed.
    """
    from etl.http import FetchError
    from etl.structures import services

    landed = Landed()
    try:
        for page in services.fetch(service, elements=elements, url=url):
            result = store.write("raw.structures", page.structures, mode="upsert")
            landed.fetched += page.structures.height
            landed.new, landed.changed = landed.new + result.inserted, landed.changed + result.updated
            landed.rejected += len(page.refused) + result.rejected
            landed.reasons += [f"{which}: {why}" for which, why in page.refused]
            if limit is not None and landed.fetched >= limit:
                break
    except (InputError, FetchError) as error:
        landed.failures.append(error)
    audited(store, ("raw.structures",))
    return landed


def _ingest(store: "Store", window: "Window", landed: Landed, *, client: "Client | None", limit: int | None) -> None:
    from dagster_project.spool import kept
    from etl.sources import update

    if client is not None and (error := _no_key(window)) is not None:
        raise error
    replay = not window.missing(store.current("raw.harvests"))
    known = store.current("raw.fetch_log").filter(window.chosen())
    news, summary = not replay, None
    with kept(client, store.home, window) as (asked, let_go):
        for part in update.batches(window, update.ask(asked, window), known=known, replay=replay, limit=limit):
            result = put(store, part, logged=None if replay else True)
            let_go()
            landed.add(part, result)
            news, summary = news or result.changed, part.summary
    # Days that were harvested before leave no trace where they brought nothing, nor where they were cut short.
    if summary is not None and news and (summary["complete"].item() or not replay):
        landed.harvests.append(summary)


def put(store: "Store", found: "Update", *, logged: bool | None = True) -> "WriteResult":
    """Writes one part: what was refused, the documents, then the log, so that it never names what is not there.

    Args:
        store: the warehouse.
        found: the part.
        logged: whether the log is written; None: only where a document changed.
    """
    import polars as pl

    from etl.sources import update

    ids = pl.concat([found.documents.select("document_id"), found.withdrawn.select("document_id")]).unique()
    stored = store.current("raw.documents", among=ids)
    store.refuse(found.rejections)
    result = store.write("raw.documents", update.merged(found, stored.lazy()), mode="upsert")
    if logged or (logged is None and result.changed):
        store.write("raw.fetch_log", pl.concat([found.closed, found.log]), mode="upsert")
    return result


def record(store: "Store", harvests: "Iterable[pl.DataFrame]") -> None:
    """Records windows as harvested, audited; none changes nothing."""
    import polars as pl

    rows = list(harvests)
    if rows:
        store.write("raw.harvests", pl.concat(rows), mode="upsert")
    audited(store, ("raw.harvests",))


def settled(store: "Store") -> None:
    """Audits documents and log. Where the documents fail, the log that tells of them fails with them.

    Raises:
        AuditFailedError: a blocking check failed.
    """
    try:
        audited(store, ("raw.documents", "raw.fetch_log"))
    except AuditFailedError:
        log = store.version("raw.fetch_log")
        if log is not None and log != store.passed_version("raw.fetch_log"):
            store.record_verdict("raw.fetch_log", log, passed=False)
        raise


def audited(store: "Store", names: Iterable[str]) -> None:
    """Audits the newest versions of tables that no step of a run writes, so that they can be read and published.

    Raises:
        AuditFailedError: a blocking check failed.
    """
    from dagster_project.checks import audit
    from schemas.tables import REGISTRY

    for name in names:
        version = store.version(name)
        if version is None or version == store.passed_version(name):
            continue
        # the fingerprint is of no step, so that the table's own step looks at the new version, too
        results = audit(store, REGISTRY[name], version=version, fingerprint="landed")
        failed = [r.metadata["failed"].value for r in results if not r.passed]
        if failed:
            raise AuditFailedError(f"failed checks ({failed[0]}) in {name} version {version}: see meta.quality_results")
