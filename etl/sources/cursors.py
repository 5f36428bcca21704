"""Lists that come page by page: following cursors to the end, and no further; JSON answers as objects.

What a page holds is the business of each source.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from etl.addresses import NO_SECRETS, Secrets
from etl.sources import markup, records
from etl.sources.records import Page, Parsed
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

# control characters and surrogates, which valid JSON holds only so
_ESCAPED = re.compile(rb"\\u(?:00[01]|007f|d[89a-f]|fff[ef])", re.IGNORECASE)


def walk(ask: Callable[[str | None], Page], *, resume: str | None, steady: bool = False) -> Iterator[Page]:
    """Pages of a list from its start, or from a token on, guarded against lists that go in circles or end early.

    Args:
        ask: gives the page of a token; None is the first.
        resume: token to start with.
        steady: the service may give the same token for every page; else a token that comes back is an error.

    Raises:
        InputError: a token or a page that came before, or a list that ends before its last known length (which is
            not asked of a resumed one).
    """
    token, seen, received, promised = resume, {resume}, 0, 0
    previous: list[str] = []
    while True:
        page = ask(token)
        parsed, held = page.parsed, page.parsed.documents["document_id"].to_list()
        if held and held == previous:
            raise InputError.of("the same page twice", page.name, "start the window again")
        received, previous = received + parsed.received, held
        promised = promised if parsed.total is None else parsed.total
        token = parsed.token
        if token is None and resume is None and received < promised:
            said = f"{received} of {promised} records at the end of the list"
            raise InputError.of(said, page.name, "harvest it again")
        if token is not None and token in seen and not steady:
            raise InputError.of(
                "a token that came before: the list goes in circles", page.name, "start the window again"
            )
        yield page
        if token is None:
            return
        seen.add(token)


def starred(
    client: "Client",
    url: str,
    asked: Mapping[str, str],
    parse: Callable[..., Parsed],
    *,
    since: date,
    until: date,
    resume: str | None,
    cursor: str = "cursor",
    steady: bool = False,
    secrets: Secrets = NO_SECRETS,
) -> Iterator[Page]:
    """Pages of a service whose first cursor is a star, named by their number and window; guarded as by `walk`.

    Args:
        client: asks the service.
        url: address of the list.
        asked: parameters of every page.
        parse: reads a page, given its content and `where`.
        since, until: first and last day of the window.
        resume, steady: as of `walk`.
        cursor: parameter of the cursor.
        secrets: what no page name may show.

    Raises:
        InputError: as `walk`, and a page that `parse` refuses.
    """
    numbers = itertools.count()

    def ask(token: str | None) -> Page:
        name = f"{url} page {next(numbers)} from {since} until {until}" + (" resumed" if resume else "")
        data = client.get(url, {**asked, cursor: token or "*"}, secrets=secrets)
        return Page(name, data, parse(data, where=name))

    return walk(ask, resume=resume, steady=steady)


def gathered(items: Iterable[Any], row: Callable[[Any], dict[str, Any] | str], *, named: str) -> Parsed:
    """The rows of a page's records; one that gives a reason instead is refused with its JSON.

    Args:
        items: records of the page.
        row: the row of a record, or why there is none.
        named: what a record is called in refusals.
    """
    rows, refusals = [], records.Refusals()
    for number, item in enumerate(items):
        made = row(item)
        if isinstance(made, str):
            refusals.add(f"{named} {number}", made, json.dumps(item, ensure_ascii=False).encode())
        else:
            rows.append(made)
    return refusals.parsed(records.frame(rows))


def json_object(data: bytes, *, where: str) -> dict[str, Any]:
    """The object that an answer holds; its strings have no characters that cannot be stored.

    Raises:
        InputError: no JSON, no UTF-8, nested beyond reason, or no object.
    """
    found = json_value(data, where=where)
    if not isinstance(found, dict):
        raise InputError.of(f"{type(found).__name__} instead of an object", where, "check the address of the service")
    return found


def json_value(data: bytes, *, where: str) -> Any:
    """What an answer holds, as for `json_object`, whatever it is.

    Raises:
        InputError: no JSON, no UTF-8, or nested beyond reason.
    """
    try:
        found = json.loads(data.decode("utf-8-sig"))
        return markup.storable(found) if _ESCAPED.search(data) else found
    except (ValueError, RecursionError) as error:
        said = str(error).splitlines()[0][:120] if isinstance(error, ValueError) else "nested too deeply"
        raise InputError.of(f"no JSON ({said})", where, "fetch it again") from error


def part(answer: dict[str, Any], name: str, kind: type, *, where: str) -> Any:
    """A named part of an answer, which must be of that kind.

    Raises:
        InputError: it is missing or another kind.
    """
    found = answer.get(name)
    if not isinstance(found, kind):
        raise InputError.of(f"no {name!r} as {kind.__name__}", where, "check the address of the service")
    return found
