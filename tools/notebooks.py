"""Run a notebook by nbval in a process of its own, and count what passed."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Outcome:
    """What came of a notebook: cells that ran and gave the committed output, all cells, seconds, and the log."""

    passed: int
    cells: int
    seconds: float
    log: str

    @property
    def good(self):
        return 0 < self.cells == self.passed

    def __str__(self):
        return f"{self.passed:3} of {self.cells:3} cells passed, {self.seconds:4.0f} s"


def chosen(folder, names):
    """The chapters of a folder whose number or name is given, all if none is; raises ValueError where none fits."""
    every = sorted(folder.glob("*.ipynb"))
    found = [n for n in every if not names or n.stem.startswith(tuple(names))]
    if not found:
        known = ", ".join(n.stem for n in every)
        raise ValueError(f"no chapter {' or '.join(names)}: there are {known}")
    return found


def run(notebook, *options, **settings):
    """Run `pytest --nbval` on a notebook; options go to pytest, settings to subprocess.run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--nbval"]
        command += [f"--junitxml={report}", *options, str(notebook)]
        done = subprocess.run(command, capture_output=True, text=True, **settings)
        return Outcome(*counts(report), done.stdout + done.stderr)


def counts(report):
    """Cells passed, cells, and seconds, of a report in JUnit's format; zeros where there is none."""
    if not report.exists():
        return 0, 0, 0.0
    suite = ElementTree.parse(report).find(".//testsuite")
    cells = int(suite.get("tests"))
    bad = sum(int(suite.get(kind)) for kind in ("failures", "errors", "skipped"))
    return cells - bad, cells, float(suite.get("time"))
