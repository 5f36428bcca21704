"""A real browser without a window, and what tests ask of it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 10


@contextmanager
def opened() -> Iterator[Any]:
    """The browser; a test that finds none is skipped and says so."""
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
    try:
        yield found
    finally:
        found.quit()


def until(browser: Any, script: str) -> Any:
    """What a script returns, once that is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT_S).until(lambda b: b.execute_script(f"return {script}"))


def errors(browser: Any) -> list[str]:
    """What the browser complained of."""
    return [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]


def many(report: Path, copy: Path) -> str:
    """The address of the list of a copy of a report, its rows repeated to thirty thousand."""
    shutil.copytree(report, copy)
    grow = """
        const d = window.MATLOOM_CANDIDATES, n = d.formula.length;
        for (const k of Object.keys(d)) if (k !== 'families') d[k] = Array.from({length: 30000}, (_, i) => d[k][i % n]);
    """
    with (copy / "candidates-data.js").open("a") as data:
        data.write(grow)
    return (copy / "candidates.html").as_uri()
