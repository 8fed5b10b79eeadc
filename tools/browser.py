"""Chromium, for the tests of the pages and for the PDF: found, installed, started.

Chrome and Edge will do, too. Taken is what the environment variable LSTM_BROWSER names,
else one that is at hand, else Playwright's own download, else, as root on Debian, the
package chromium. LSTM_BROWSER=none means: nothing is tested in a browser.

    python tools/browser.py --can    says at once whether there is a way to one
    python tools/browser.py          finds or installs one, and starts it once

This file needs nothing but Python itself before a browser is started.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMED = "LSTM_BROWSER"
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
PLACES = (  # where macOS and Windows keep them, off the path
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "{ProgramFiles}/Google/Chrome/Application/chrome.exe",
    "{ProgramFiles(x86)}/Google/Chrome/Application/chrome.exe",
    "{ProgramFiles(x86)}/Microsoft/Edge/Application/msedge.exe",
)
CACHES = (  # where Playwright keeps its own
    "~/.cache/ms-playwright",
    "~/Library/Caches/ms-playwright",
    "~/AppData/Local/ms-playwright",
)
DOWNLOADS = os.environ.get("PLAYWRIGHT_DOWNLOAD_HOST", "https://cdn.playwright.dev")
PATIENCE = 4  # seconds to wait for that host to answer at all
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
    "no Chromium, Chrome or Edge was found, and none can be installed from here. "
    "Install one (on Debian: apt-get install chromium), name one in LSTM_BROWSER, or "
    "set LSTM_BROWSER=none to test all but the pages."
)


class NoBrowserError(Exception):
    """There is no browser; the message says what to do."""


def unwanted():
    """Whether nothing is to be tested in a browser."""
    return os.environ.get(NAMED) == "none"


def at_hand():
    """The path of a browser on this machine, or None; raises for a wrong name."""
    if unwanted():
        raise NoBrowserError(NAMED + " is 'none', and this needs a browser")
    named = os.environ.get(NAMED)
    if named:
        path = shutil.which(named)
        if not path:
            raise NoBrowserError(f"{NAMED} names {named!r}, which is no program")
        return path
    settings = {"ProgramFiles": "C:", "ProgramFiles(x86)": "C:", **os.environ}
    places = [place.format_map(settings) for place in PLACES]
    return next(filter(None, map(shutil.which, [*NAMES, *places])), None)


def playwrights():
    """The path of the browser that Playwright has downloaded, or None."""
    with started_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def started_playwright():
    from playwright.sync_api import sync_playwright

    return sync_playwright()


def reachable():
    """Whether the host of Playwright's downloads answers, within some seconds."""
    ask = "import sys, urllib.error as e, urllib.request as r\n"
    ask += "try: r.urlopen(sys.argv[1], timeout=float(sys.argv[2]))\n"
    ask += "except e.HTTPError: pass"  # an answer, too
    command = [sys.executable, "-c", ask, DOWNLOADS, str(PATIENCE)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE + 1)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def is_root_on_debian():
    """Whether packages of Debian's can be installed."""
    release = Path("/etc/os-release")
    debian = release.exists() and "\nID=debian\n" in "\n" + release.read_text()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return debian and root and bool(shutil.which("apt-get"))


def is_possible():
    """Whether there is a way to a browser: one is at hand, or can be installed."""
    kept = [Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/nowhere")]
    kept += map(Path, CACHES)
    if at_hand() or any(list(p.expanduser().glob("chromium-*")) for p in kept):
        return True
    return is_root_on_debian() or reachable()


def install():
    """Install a browser, by Playwright or by Debian's package; returns its path."""
    if reachable():
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        command += ["--no-shell"] + ["--with-deps"] * is_root_on_debian()
        if run(command):
            return playwrights()
    if is_root_on_debian():
        wait = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]
        apt = ["apt-get", "-qq", *wait]
        packages = ["--no-install-recommends", "chromium", "fonts-liberation"]
        run([*apt, "update"])
        if run([*apt, "install", "--yes", *packages]):
            return at_hand()
    return None


def run(command):
    """Run a command and say so; its output is shown only if it fails."""
    print("installing a browser:", " ".join(command), flush=True)
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": quiet}
    done = subprocess.run(command, **options)
    if done.returncode:
        print(done.stdout.decode(errors="replace"), file=sys.stderr)
    return done.returncode == 0


def find():
    """The path of a browser that is here; raises NoBrowserError where there is none."""
    path = at_hand() or playwrights()
    if not path:
        raise NoBrowserError(HELP)
    return path


def launch(playwright, path):
    """Start a browser without a window, with an empty profile."""
    try:
        return playwright.chromium.launch(executable_path=path, args=FLAGS)
    except playwright_error() as error:
        reason = str(error).splitlines()[0]
        raise NoBrowserError(f"{path} does not start: {reason}. {REMEDY}") from error


REMEDY = "Name another in LSTM_BROWSER, or set LSTM_BROWSER=none."


def playwright_error():
    from playwright.sync_api import Error

    return Error


def ensure():
    """Find or install a browser, and start it once; returns its path and version."""
    path = at_hand() or playwrights() or install()
    if not path:
        raise NoBrowserError(HELP)
    with started_playwright() as playwright:
        chromium = launch(playwright, path)
        version = chromium.version
        chromium.close()
    return path, version


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "only say whether there is a way to one"
    parser.add_argument("--can", action="store_true", help=text)
    args = parser.parse_args(argv)
    if unwanted():
        return
    try:
        if not args.can:
            print("browser: {}, {}".format(*ensure()))
        elif not is_possible():
            raise NoBrowserError(HELP)
    except NoBrowserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
