"""The live structure services by name, and how each is asked for the structures that hold some elements."""

from collections.abc import Iterator, Sequence

from etl.structures import cod, mp, optimade
from etl.structures.found import Found

SERVICES = ("oqmd", "alexandria", "cod", "mp")
SOURCES = frozenset({cod.SOURCE, mp.SOURCE, *(p.source for p in optimade.PROVIDERS.values())})
"""What their structures are called in the column `source` of raw.structures."""


def fetch(service: str, *, elements: Sequence[str], url: str | None = None) -> Iterator[Found]:
    """Structures of a service, page by page.

    Args:
        service: one of `SERVICES`.
        elements: symbols that must all be there.
        url: another address of the service.

    Raises:
        InputError: no element, an unknown one, a missing key, or an answer that is none.
        FetchError: the service did not answer.
    """
    from etl.http import Client

    if service == "mp":
        yield mp.fetch(elements=elements, endpoint=url)
        return
    with Client() as client:
        if service == "cod":
            yield from cod.fetch(client, elements=elements, url=url or cod.URL)
        else:
            yield from optimade.fetch(client, optimade.PROVIDERS[service], query=optimade.holding(elements), url=url)
