"""The site of candidates in a real browser, from the file system and from the server."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import screened

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 10


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    binary = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no chromium with chromedriver: `make browser` installs them where apt-get is permitted")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    # a container has neither a user namespace nor much shared memory
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1200,900",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def places(home: Path, at: str) -> dict[str, str]:
    """The address of the list by way of reading it."""
    return {"files": (home / "report" / "candidates.html").as_uri(), "server": f"{at}/site/candidates.html"}


def until(browser: Any, script: str) -> Any:
    """What a script returns, once that is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT_S).until(lambda b: b.execute_script(f"return {script}"))


def formulas(browser: Any) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#rows th')].map(e => e.textContent)"
    )
    return found


def column(browser: Any, number: int) -> list[str]:
    script = f"return [...document.querySelectorAll('#rows tr')].map(r => r.children[{number}].textContent)"
    found: list[str] = browser.execute_script(script)
    return found


def errors(browser: Any) -> list[str]:
    return [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]


def fill(browser: Any, name: str, text: str) -> None:
    field = browser.find_element("name", name)
    field.clear()
    field.send_keys(text)


@pytest.mark.parametrize("way", ["files", "server"])
def test_candidates_are_found_filtered_sorted_and_drawn(browser: Any, places: dict[str, str], way: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(places[way])
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
    until(browser, "document.querySelectorAll('#rows tr').length > 10")
    p = [float(x) for x in column(browser, 2)]
    assert p == sorted(p, reverse=True)
    head = browser.find_element("css selector", "th[data-by=p_mit] button")
    head.send_keys(Keys.ENTER)  # by keyboard alone
    until(browser, "document.querySelector('th[data-by=p_mit]').ariaSort === 'ascending'")
    p = [float(x) for x in column(browser, 2)]
    assert p == sorted(p)

    browser.get(places[way] + "#q=VO2&known=mit")
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


def _ink(browser: Any) -> int:
    """Pixels of the canvas that are drawn on."""
    script = """
        const c = document.querySelector('canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n;"""
    return int(browser.execute_script(script))


def test_thousands_of_candidates_do_not_freeze_the_list(browser: Any, tmp_path: Path, home: Path) -> None:
    """Thirty thousand rows are shown, and filtered again within a second."""
    copy = tmp_path / "site"
    shutil.copytree(home / "report", copy)
    grow = """
        const d = window.MATLOOM_CANDIDATES, n = d.formula.length;
        for (const k of Object.keys(d)) if (k !== 'families') d[k] = Array.from({length: 30000}, (_, i) => d[k][i % n]);
    """
    with (copy / "candidates-data.js").open("a") as data:
        data.write(grow)
    browser.get((copy / "candidates.html").as_uri())
    until(browser, "document.getElementById('count').textContent.includes('30,000 listed')")
    took = browser.execute_script("const t = performance.now(); find(); return performance.now() - t")
    assert took < 1000
    assert errors(browser) == []
