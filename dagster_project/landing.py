"""How an update of a literature source gets into the warehouse: written together, and audited at once."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from schemas.errors import MatloomError

if TYPE_CHECKING:
    from etl.sources.update import Update
    from warehouse.store import Store, WriteResult


class AuditFailedError(MatloomError):
    """What was written failed a blocking check; readers keep the version before."""


def land(store: "Store", found: "Update") -> "WriteResult":
    """Puts an update into raw.documents and raw.fetch_log, marks what its source withdrew, and audits both.

    What could not be read is kept in meta.rejections.

    Returns:
        What happened to raw.documents.

    Raises:
        AuditFailedError: a blocking check failed; the update is then not to be recorded as harvested.
    """
    from etl.sources import update

    store.refuse(found.rejections)
    store.write("raw.fetch_log", found.log, mode="upsert")
    result = store.write("raw.documents", update.merged(found, store.scan("raw.documents")), mode="upsert")
    audited(store, ("raw.fetch_log", "raw.documents"))
    return result


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
