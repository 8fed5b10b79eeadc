"""Find and choose notebooks, and run one by nbval in a process of its own."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Outcome:
    """What came of a notebook: cells that gave the committed output, all cells, ..."""

    passed: int
    cells: int
    seconds: float
    log: str

    @property
    def good(self):
        return 0 < self.cells == self.passed

    def __str__(self):
        passed = f"{self.passed:3} of {self.cells:3} cells passed"
        return f"{passed}, {self.seconds:4.0f} s"


def files(root):
    """The notebooks of a tree: the chapters, then their solutions."""
    folders = root / "chapters", root / "chapters/solutions"
    return [path for f in folders for path in sorted(f.glob("[0-9][0-9]_*.ipynb"))]


def name(notebook):
    """A notebook's name below chapters, without its suffix."""
    return f"{notebook.parent.name}/{notebook.stem}".removeprefix("chapters/")


def chosen(files, names):
    """The chapters among files whose number or name is given, all if none is.

    names: as 2, 02 or 02_scratch; raises ValueError for one that fits no chapter.
    """
    files, found = list(files), []
    for name in names:
        fitting = [f for f in files if f.stem.startswith(name.zfill(2))]
        if not fitting:
            known = ", ".join(dict.fromkeys(f.stem for f in files))
            raise ValueError(f"no chapter {name!r}: there are {known}")
        found += fitting
    return [f for f in files if f in found] if names else files


def run(notebook, *options, **settings):
    """Run `pytest --nbval` on a notebook; settings go to subprocess.run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--nbval"]
        command += [f"--junitxml={report}", *options, str(notebook)]
        done = subprocess.run(command, capture_output=True, text=True, **settings)
        return Outcome(*counts(report), done.stdout + done.stderr)


def counts(report):
    """Cells passed, cells, and seconds of a JUnit report; zeros where there is none."""
    if not report.exists():
        return 0, 0, 0.0
    suite = ElementTree.parse(report).find(".//testsuite")
    cells = int(suite.get("tests"))
    bad = sum(int(suite.get(kind)) for kind in ("failures", "errors", "skipped"))
    return cells - bad, cells, float(suite.get("time"))
