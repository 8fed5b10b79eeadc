"""One browser for the tests of the pages, closed before the notebooks run: their kernels want the event loop."""

import functools
import sys

import pages
import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(pages.ROOT / "tools"))
import browser


@pytest.fixture(scope="module")
def chromium():
    """Chromium; where there is none, the error says what to install."""
    with sync_playwright() as playwright:
        started = browser.launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def site():
    """The address at which the built book is served."""
    assert pages.names(), f"no pages in {pages.HTML}: run `make book` first"
    with pages.served(pages.HTML) as base:
        yield base


@pytest.fixture(scope="module")
def read(chromium, site):
    """What a page of the book holds; each is loaded once, when it is first asked for."""
    assert pages.AXE.exists(), "axe-core is missing: run `npm ci --prefix tests/node`"
    axe = pages.AXE.read_text(encoding="utf-8")
    return functools.cache(
        lambda name: pages.read(chromium, site, pages.HTML, name, axe)
    )
