"""One browser for the tests of the pages; with LSTM_BROWSER=none, none."""

import functools
import sys

import pytest

import browser
import pages

if browser.unwanted():
    collect_ignore_glob = ["test_*.py"]


def pytest_unconfigure():
    if browser.unwanted():
        sys.stdout.write("LSTM_BROWSER=none: the pages were not tested\n")


@pytest.fixture(scope="module")
def chromium():
    """A browser, closed before the notebooks run: their kernels want the event loop."""
    path = browser.find()
    with browser.started_playwright() as playwright:
        started = browser.launch(playwright, path)
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
    """What a page of the book holds; each is loaded once, when first asked for."""
    axe = pages.axe()
    one = functools.partial(pages.read, chromium, site, pages.HTML, axe=axe)
    return functools.cache(one)
