"""What holds the project together: the floors of the package, and the chapters with their sources and the package."""

import ast
import base64
import io
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import chapters  # noqa: E402  the pipeline is not part of the package

FLOORS = {
    "cells": 0, "backward": 0, "scratch": 0, "checks": 0, "shapes": 0, "tables": 0, "data": 0, "plotting": 0,
    "diagrams": 0, "gru_diagram": 0, "training": 0, "d2l": 0, "layers": 1, "cell_modules": 1, "convert": 1,
    "models": 2, "parity": 2, "bench": 3, "__main__": 4,
}  # fmt: skip
# same floor, one direction
WITHIN = {
    ("diagrams", "plotting"), ("gru_diagram", "diagrams"), ("gru_diagram", "plotting"), ("shapes", "tables"),
    ("shapes", "checks"), ("d2l", "data"),
}  # fmt: skip
LIGHT = {"torch", "numpy", "lstm"}  # all that `import lstm` may need
SOURCES = chapters.sources()
NOTEBOOKS = sorted(ROOT.glob("chapters/*.ipynb"))


def modules():
    for path in sorted((ROOT / "lstm").rglob("*.py")):
        name = path.relative_to(ROOT / "lstm").parts[0].removesuffix(".py")
        yield name, path


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports name the package in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("name", "path"),
    [pytest.param(*m, id=m[1].name) for m in modules() if m[0] != "__init__"],
)
def test_imports_only_point_down(name, path):
    assert name in FLOORS, (
        f"{name} has no floor: give it one here and in CONTRIBUTING.md"
    )
    for module in imported(path):
        package, _, rest = module.partition(".")
        below = rest.split(".")[0]
        if package != "lstm" or below == name:
            continue
        assert below in FLOORS, (
            f"lstm.{name} imports {module}: name the module that is meant"
        )
        down = FLOORS[below] < FLOORS[name] or (name, below) in WITHIN
        assert down, (
            f"lstm.{name} (floor {FLOORS[name]}) imports lstm.{below} (floor {FLOORS[below]})"
        )


def test_import_lstm_needs_torch_and_numpy_and_nothing_else():
    code = (
        "import sys, torch, numpy; before = set(sys.modules); import lstm; "
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    new = {module.split(".")[0] for module in done.stdout.split()} - set(
        sys.stdlib_module_names
    )
    assert {m for m in new if not m.startswith("_")} <= LIGHT


def test_every_public_name_is_exported_and_explained():
    import lstm

    for name in lstm.__all__:
        assert getattr(lstm, name).__doc__, f"lstm.{name} has no docstring"


def test_modules_stay_small():
    for _, path in modules():
        assert len(path.read_text(encoding="utf-8").splitlines()) < 250, (
            f"{path.name} is too long"
        )


# chapters


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert [s.stem for s in SOURCES] == [n.stem for n in NOTEBOOKS]
    assert len(SOURCES) >= 5


def test_every_chapter_is_in_the_book():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = {entry["file"] for part in toc["parts"] for entry in part["chapters"]}
    assert {f"chapters/{s.stem}" for s in SOURCES} <= files


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)
def test_source_and_notebook_hold_the_same_cells(source):
    notebook = nbformat.read(chapters.target(source), as_version=4)
    assert chapters.cells(notebook) == chapters.cells(chapters.read(source)), (
        f"run: make chapters CHAPTER={source.stem}"
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_light_executed_and_clean(path):
    assert path.stat().st_size < 300_000
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count, f"not executed: {cell.source[:60]}"
            assert set(cell.metadata) <= {"tags", "mystnb"}
            tags = set(cell.metadata.get("tags", []))
            assert tags <= {"nbval-ignore-output", "hide-input"}
            assert not any(
                o.output_type == "error" or o.get("name") == "stderr"
                for o in cell.outputs
            )
            assert "image/svg+xml" not in str(
                [list(o.get("data", ())) for o in cell.outputs]
            )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_figure_says_in_words_what_it_shows(path):
    said = []
    for cell in nbformat.read(path, as_version=4).cells:
        if any("image/png" in o.get("data", ()) for o in cell.get("outputs", ())):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) >= 40, f'give the cell an alt="…":\n{cell.source[:200]}'
            said.append(alt)
    assert len(said) == len(set(said)), "two figures are described alike"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_opens_and_closes_as_all_do(path):
    text = [
        c.source
        for c in nbformat.read(path, as_version=4).cells
        if c.cell_type == "markdown"
    ]
    for opening in (
        "**What you will build.**",
        "**What you will learn.**",
        "**What you need.**",
    ):
        assert opening in text[0]
    for closing in ("## Summary", "## Exercises", "## Further reading"):
        assert closing in text[-1]
    exercises = re.findall(r"^\d+\. \*\((easy|medium|hard)\)\*", text[-1], flags=re.M)
    assert 4 <= len(exercises) <= 8
    assert exercises == sorted(exercises, key=["easy", "medium", "hard"].index), (
        "easy ones come first"
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_that_nbval_ignores_are_the_exception_and_assert_nothing(path):
    """What varies is shown in one cell, and the claim made of it asserted in another, which nbval compares."""
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    ignored = [c for c in code if "nbval-ignore-output" in c.metadata.get("tags", [])]
    assert len(ignored) < len(code) / 3
    for cell in ignored:
        assert not re.search(r"^\s*assert", cell.source, flags=re.M)


# mirrors


def definitions(source):
    """What a module or a cell defines: functions and classes with their decorators, constants; name to text.

    A method goes by Class.method, and its text stands at the left margin.
    """
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            found[ast.unparse(node.targets[0])] = text_of(source, node)
        elif hasattr(node, "name"):
            found[node.name] = text_of(source, node)
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if hasattr(part, "name")]
            found |= {f"{node.name}.{m.name}": text_of(source, m) for m in methods}
    return found


def text_of(source, node):
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    lines = source.splitlines()[first - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines))


def mirrors():
    """Cells that begin `# lstm/file.py`, or `# lstm/file.py, class Name` where they quote methods of a class."""
    for path in NOTEBOOKS:
        for n, cell in enumerate(nbformat.read(path, as_version=4).cells):
            head, _, body = cell.source.partition("\n")
            if cell.cell_type == "code" and head.startswith("# lstm/"):
                file, _, owner = head.removeprefix("# ").partition(", class ")
                yield pytest.param(ROOT / file, owner, body, id=f"{path.stem}[{n}]")


@pytest.mark.parametrize(("module", "owner", "cell"), list(mirrors()))
def test_a_mirror_cell_quotes_the_package_word_for_word(module, owner, cell):
    package, quoted = definitions(module.read_text(encoding="utf-8")), definitions(cell)
    assert quoted, "a mirror cell defines something"
    if owner:
        quoted = {f"{owner}.{name}": text for name, text in quoted.items()}
    assert quoted == {name: package.get(name) for name in quoted}


def test_there_are_mirrors_to_hold():
    assert len(list(mirrors())) >= 5


# the pipeline itself


@pytest.fixture
def small_project(tmp_path, monkeypatch):
    """A chapters folder of one small chapter; returns its source."""
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "01_small.py"
    source.write_text(
        "# %% [markdown]\n# Hello\n\n# %%\nimport random\nprint(6 * 7, 123.4, 'x')\n"
    )
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path)
    monkeypatch.setattr(chapters, "refuse_stand_ins", lambda: None)
    return source


def make(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["chapters.py", *arguments])
    chapters.main()


def test_a_chapter_is_executed_once_and_its_bytes_are_the_same_when_it_is_executed_again(
    small_project, monkeypatch, capsys
):
    make(monkeypatch)
    path = chapters.target(small_project)
    first = path.read_bytes()
    assert b"42 123.4 x" in first
    stamp = os.stat(path).st_mtime_ns
    make(monkeypatch)
    assert "unchanged" in capsys.readouterr().out
    assert os.stat(path).st_mtime_ns == stamp
    make(monkeypatch, "01")
    assert path.read_bytes() == first


def test_a_failing_cell_is_shown_and_the_notebook_is_left_as_it_was(
    small_project, monkeypatch
):
    make(monkeypatch)
    path = chapters.target(small_project)
    before = path.read_bytes()
    small_project.write_text(
        "# %%\nprint('fine')\n\n# %%\nraise KeyError('the reason')\n"
    )
    with pytest.raises(SystemExit) as caught:
        make(monkeypatch)
    assert "raise KeyError('the reason')" in str(caught.value)
    assert "Traceback" in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["01_small.ipynb", "src"]


def test_a_warning_in_a_cell_is_a_failure(small_project, monkeypatch):
    small_project.write_text("# %%\nimport warnings\nwarnings.warn('mind this')\n")
    with pytest.raises(SystemExit, match="a cell wrote to stderr"):
        make(monkeypatch)
    assert not chapters.target(small_project).exists()


def test_measured_speeds_are_masked(small_project, monkeypatch):
    small_project.write_text(
        "# %%\nprint('perplexity 1.1, 12,345.6 tokens/sec on cpu')\n"
    )
    make(monkeypatch)
    assert (
        "perplexity 1.1, … tokens/sec on …"
        in jupytext.read(chapters.target(small_project)).cells[0].outputs[0].text
    )


def test_a_thin_line_keeps_its_colour_in_the_palette():
    shades = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    shades[..., 1] = shades[..., 2]
    magenta = 170, 68, 153
    shades[150, :200] = magenta
    png = io.BytesIO()
    Image.fromarray(shades).save(png, "PNG")
    slim = chapters.slim(base64.b64encode(png.getvalue()).decode())
    kept = Image.open(io.BytesIO(base64.b64decode(slim))).convert("RGB")
    assert np.abs(np.subtract(kept.getpixel((100, 150)), magenta)).max() <= 12


def test_a_figure_of_few_colours_becomes_small():
    png = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(png, "PNG")
    slim = chapters.slim(base64.b64encode(png.getvalue()).decode())
    assert Image.open(io.BytesIO(base64.b64decode(slim))).mode == "P"


def test_an_unknown_chapter_is_answered_with_the_known(
    small_project, monkeypatch, capsys
):
    with pytest.raises(SystemExit):
        make(monkeypatch, "99")
    assert "no chapter '99': there are 01_small" in capsys.readouterr().err


def test_chapters_are_not_made_from_stand_ins(offline):
    with pytest.raises(SystemExit, match="(?s)made from the real data.*Three ways"):
        chapters.refuse_stand_ins()
