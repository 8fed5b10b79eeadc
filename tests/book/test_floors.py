"""The package's floors: imports point down, modules are small, importing is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = [
    ("ground", {"atomic", "checks", "data", "devices", "tables"}),
    ("equations", {"backward", "forecasts", "pieces", "scratch", "shapes", "steps"}),
    ("layers", {"cells", "convert", "layers"}),
    ("fast layers", {"fast"}),
    ("show", {"figures"}),
    ("use", {"d2l", "models", "training"}),
    (
        "prove and look inside",
        {
            "bench",
            "checkup",
            "forecasters",
            "inside",
            "outside",
            "parity",
            "runs",
            "transforms",
        },
    ),
    ("study", {"export", "studies"}),
    ("command", {"command"}),
    ("door", {"__main__"}),
]
NUMBER = {name: n for n, (_, names) in enumerate(FLOORS) for name in names}
LIGHT = {"torch", "numpy", "lstm"}  # all that `import lstm` may need
FILES = sorted(ROOT.glob("lstm/**/*.py"))


def module(path):
    """The module or package, one below lstm, that a file belongs to."""
    return path.relative_to(ROOT / "lstm").parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports name the package in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def climbs(path, name):
    """What a module imports that does not lie on a floor below its own."""
    for target in imported(path):
        package, _, rest = target.partition(".")
        other = rest.split(".")[0]
        if package != "lstm" or other == name:
            continue
        if NUMBER.get(other, len(FLOORS)) >= NUMBER.get(name, -1):
            yield other


MODULES = [path for path in FILES if path != ROOT / "lstm/__init__.py"]  # the door


@pytest.mark.parametrize("path", MODULES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_imports_only_point_down(path):
    name = module(path)
    assert name in NUMBER, f"{name} has no floor: give it one, in CONTRIBUTING.md, too"
    found = list(climbs(path, name))
    assert not found, f"lstm.{name}, on floor {NUMBER[name]}, imports {found}"


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("from lstm.models import run", ["models"]),
        ("import lstm.scratch", ["scratch"]),
        ("from lstm import scan", ["scan"]),
        ("from lstm import checks", []),
        ("import torch", []),
    ],
)
def test_an_import_upwards_within_a_floor_or_through_the_door_is_seen(
    tmp_path, line, seen
):
    path = tmp_path / "steps.py"
    path.write_text(line, encoding="utf-8")
    assert list(climbs(path, "steps")) == seen


def test_contributing_shows_the_same_floors():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for number, (title, names) in enumerate(FLOORS):
        [row] = [r for r in text.splitlines() if r.startswith(f"| {number} {title} |")]
        for name in names:
            assert f"`{name}`" in row or f"`{name}/`" in row, f"{name} is not in: {row}"


def test_import_lstm_needs_torch_and_numpy_and_nothing_else():
    code = (
        "import sys, torch, numpy; before = set(sys.modules); import lstm; "
        "print(*(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    new = {name.split(".")[0] for name in done.stdout.split()}
    new -= set(sys.stdlib_module_names)
    assert {name for name in new if not name.startswith("_")} <= LIGHT


def test_what_the_package_exports_has_docstrings():
    import lstm

    for name in lstm.__all__:
        assert getattr(lstm, name).__doc__, f"lstm.{name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_module_is_under_250_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 250
