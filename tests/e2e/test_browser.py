"""The site of candidates in a real browser, from the file system and from the server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import browsing, screened
from tests.servers.browsing import errors, until


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing.opened() as found:
        yield found


@pytest.fixture(scope="module")
def places(home: Path, at: str) -> dict[str, str]:
    """The address of the list by way of reading it."""
    return {"files": (home / "report" / "candidates.html").as_uri(), "server": f"{at}/site/candidates.html"}


def formulas(browser: Any) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#rows th')].map(e => e.textContent)"
    )
    return found


def column(browser: Any, number: int) -> list[str]:
    script = f"return [...document.querySelectorAll('#rows tr')].map(r => r.children[{number}].textContent)"
    found: list[str] = browser.execute_script(script)
    return found


def fill(browser: Any, name: str, text: str) -> None:
    field = browser.find_element("name", name)
    field.clear()
    field.send_keys(text)


def choose(browser: Any, name: str, value: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("name", name)).select_by_value(value)


@pytest.mark.parametrize("way", ["files", "server"])
def test_candidates_are_found_filtered_sorted_and_drawn(browser: Any, places: dict[str, str], way: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(places[way] + "#funnel=all")
    until(browser, "document.querySelectorAll('#rows tr').length > 10")
    assert screened.HOSTILE in formulas(browser)  # shown as text: no picture came of it
    assert browser.execute_script("return document.querySelectorAll('#rows img').length") == 0

    fill(browser, "has", "V, O")
    until(browser, "[...document.querySelectorAll('#rows th')].every(e => /V/.test(e.textContent))")
    assert {"VO2", "V2O3", screened.HOSTILE} <= set(formulas(browser))
    assert all("V" in f and "O" in f for f in formulas(browser))
    fill(browser, "not", "Nd, Si")
    fill(browser, "q", "vo2")
    browser.find_element("name", "known").send_keys("MIT")
    until(browser, "document.getElementById('count').textContent.includes('of 1 found')")
    assert formulas(browser) == ["VO2"]
    assert "known=mit" in browser.current_url

    browser.find_element("css selector", "button[type=reset]").click()
    until(browser, "document.querySelectorAll('#rows tr').length === 1")
    choose(browser, "funnel", "all")
    until(browser, "document.querySelectorAll('#rows tr').length > 10")
    p = [float(x) for x in column(browser, 3)]
    assert p == sorted(p, reverse=True)
    head = browser.find_element("css selector", "th[data-by=p_mit] button")
    head.send_keys(Keys.ENTER)  # by keyboard alone
    until(browser, "document.querySelector('th[data-by=p_mit]').ariaSort === 'ascending'")
    p = [float(x) for x in column(browser, 3)]
    assert p == sorted(p)

    browser.get(places[way] + "#q=VO2&known=mit&funnel=all")
    browser.refresh()
    until(browser, "document.querySelectorAll('#rows tr').length === 1")
    browser.find_element("link text", "VO2").click()
    until(browser, "document.querySelector('canvas')?.dataset.drawn")
    before = _ink(browser)
    assert before > 500
    canvas = browser.find_element("tag name", "canvas")
    picture = browser.execute_script("return arguments[0].toDataURL()", canvas)
    canvas.send_keys(Keys.ARROW_LEFT)
    assert browser.execute_script("return arguments[0].toDataURL()", canvas) != picture
    assert browser.find_element("tag name", "h1").text == "VO2"
    # corners and centre of rutile: nine V, and six O, of which four lie on the two faces
    assert browser.execute_script("return arguments[0].dataset.drawn", canvas) == "15"
    assert errors(browser) == []


def test_at_first_the_list_shows_what_the_funnel_kept_and_known_transitions_are_switched_on(
    browser: Any, places: dict[str, str]
) -> None:
    browser.get("about:blank")
    browser.get(places["files"])
    until(browser, "document.querySelectorAll('#rows tr').length > 0")
    assert column(browser, 0) == ["1"]
    choose(browser, "known", "mit")  # which the funnel took out: the page says where they are
    until(browser, "/^None .* matches; [0-9]+ of all screened.$/.test(document.getElementById('count').textContent)")
    choose(browser, "known", "any")
    browser.find_element("name", "old").click()
    until(browser, "document.querySelectorAll('#rows tr').length > 10")
    known = browser.execute_script("return [...document.querySelectorAll('#rows tr.known th')].map(e => e.textContent)")
    assert "NdNiO3" in known
    assert len(known) == len(formulas(browser)) - 1
    assert {said for said in column(browser, 8) if said != "–"} == {"known: mit"}
    assert "old=1" in browser.current_url
    choose(browser, "funnel", "novel")  # labelled compounds leave there, whatever the model says
    until(browser, "[...document.querySelectorAll('#rows tr')].every(r => /out at: novel/.test(r.textContent))")
    assert len(formulas(browser)) > 10
    fill(browser, "q", "NiO₃")
    until(browser, "[...document.querySelectorAll('#rows th')].every(e => e.textContent.includes('NiO3'))")
    assert "NdNiO3" in formulas(browser)
    assert errors(browser) == []


def _ink(browser: Any) -> int:
    """Pixels of the canvas that are drawn on."""
    script = """
        const c = document.querySelector('canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n;"""
    return int(browser.execute_script(script))


def test_thousands_of_candidates_are_listed_and_found(browser: Any, tmp_path: Path, home: Path) -> None:
    browser.get(browsing.many(home / "report", tmp_path / "site"))
    until(browser, "document.getElementById('count').textContent.includes('30,000 listed')")
    fill(browser, "q", "nothing")
    until(browser, "document.getElementById('count').textContent === 'None of 30,000 listed candidates matches.'")
    assert errors(browser) == []
