"""Chromium, for the tests of the built pages and for the PDF: where it lies and how it is started."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [  # headless, and no connection of the browser's own
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HELP = (
    "no Chromium found: install it (on Debian: apt-get install chromium), let Playwright bring its own "
    "(.venv/bin/playwright install chromium), or name one in the environment variable LSTM_BROWSER"
)


def find(playwright):
    """The browser to start: LSTM_BROWSER, Playwright's own, or one on the path; raises FileNotFoundError."""
    named = os.environ.get("LSTM_BROWSER")
    own = playwright.chromium.executable_path
    for path in [named] if named else [own, *map(shutil.which, NAMES)]:
        if path and Path(path).exists():
            return path
    raise FileNotFoundError(f"LSTM_BROWSER names {named}, which is not there" if named else HELP)  # fmt: skip


def launch(playwright):
    """Start Chromium without a window, with an empty profile."""
    return playwright.chromium.launch(executable_path=find(playwright), args=FLAGS)
