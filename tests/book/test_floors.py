"""The package's floors: imports point down, modules are small, importing is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = [
    ("ground", {"atomic", "checks", "data", "devices", "tables"}),
    ("equations", {"backward", "scratch", "shapes", "steps"}),
    ("layers", {"cells", "convert", "layers"}),
    ("use and show", {"d2l", "figures", "models", "training"}),
    ("prove", {"bench", "parity"}),
    ("command", {"__main__"}),
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


def below(path):
    """The modules of the package that a file imports, but for its own package's."""
    for name in imported(path):
        package, _, rest = name.partition(".")
        if package == "lstm" and (other := rest.split(".")[0]) != module(path):
            yield other


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_imports_only_point_down(path):
    if path == ROOT / "lstm/__init__.py":
        return  # the whole package's door
    name = module(path)
    assert name in NUMBER, f"{name} has no floor: give it one, in CONTRIBUTING.md, too"
    for other in below(path):
        assert other in NUMBER, f"lstm.{name} imports lstm.{other}: name the module"
        floors = f"floor {NUMBER[name]}, {NUMBER[other]}"
        assert NUMBER[other] < NUMBER[name], f"lstm.{name} imports {other}: {floors}"


def test_an_import_within_a_floor_or_upwards_would_be_seen(tmp_path):
    (tmp_path / "steps.py").write_text(
        "from lstm.models import run\nimport lstm.scratch"
    )
    assert set(imported(tmp_path / "steps.py")) == {"lstm.models.run", "lstm.scratch"}
    assert not NUMBER["models"] < NUMBER["steps"]
    assert not NUMBER["scratch"] < NUMBER["steps"]


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
