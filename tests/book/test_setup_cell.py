"""The cell that every chapter opens with: it installs two packages and moves none."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

import colab
import notebooks
import sources
import stamp

ROOT = Path(__file__).parents[2]
NOTEBOOKS = notebooks.files(ROOT)
CELL = sources.setup_cell().source
ADDRESS = "git+https://github.com/someone/somewhere@0123"
STAMPED = CELL.replace(stamp.UNSTAMPED, f'SOURCE = "{ADDRESS}"')
OPTIONAL = "onnx", "onnxscript", "onnxruntime", "jax"
INSTALLED = {"d2l": "0.17.6", "lstm-book": "0.1.0"}
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def calls(monkeypatch):
    """What the cell would have run."""
    made = []
    monkeypatch.setattr("subprocess.run", lambda *a, **k: made.append((a[0], k)))
    return made


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebooks.name)
def test_every_chapter_opens_with_the_same_set_up_cell(path):
    cell = nbformat.read(path, as_version=4).cells[1]
    assert cell.cell_type == "code"
    assert cell.source == CELL
    assert cell.outputs == []
    assert "nbval-ignore-output" not in cell.metadata.tags


@pytest.mark.parametrize("text", [CELL, STAMPED], ids=["as committed", "published"])
def test_where_the_package_is_there_the_cell_does_nothing(text, calls):
    exec(text, {})
    assert calls == []


def test_what_runs_models_outside_of_pytorch_is_not_brought_to_colab():
    assert {"d2l", "lstm-book"} == colab.ADDED
    assert "onnx" not in CELL
    versions = colab.VERSIONS.read_text(encoding="utf-8")
    assert not {*OPTIONAL} & {line.split("==")[0] for line in versions.splitlines()}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebooks.name)
def test_what_colab_lacks_is_imported_only_where_it_was_looked_for(path):
    """Never at a cell's left margin: there it stands under an `if`, or in a function"""
    for cell in nbformat.read(path, as_version=4).cells:
        body = ast.parse(cell.source).body if cell.cell_type == "code" else ()
        for node in body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            roots = {name.partition(".")[0] for name in names}
            assert not roots & {*OPTIONAL}, f"not everybody has it: {cell.source[:80]}"


@pytest.mark.usefixtures("missing")
def test_a_copy_that_was_not_published_says_what_to_do(calls):
    with pytest.raises(ModuleNotFoundError, match=r"--editable .*git\+https"):
        exec(CELL, {})
    assert calls == []


@pytest.mark.usefixtures("missing")
def test_a_published_copy_installs_the_package_and_d2l_and_nothing_they_depend_on(
    calls,
):
    exec(STAMPED, {})
    [(command, options)] = calls
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert "--no-deps" in command
    assert command[-2:] == ["d2l==0.17.6", ADDRESS]
    assert options == {"check": True}


def wheel(folder, name, version, *requires):
    """A wheel with nothing in it but a module and what it says it needs."""
    module = name.replace("-", "_")
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    about += "".join(f"Requires-Dist: {r}\n" for r in requires)
    texts = {"METADATA": about, "WHEEL": WHEEL, "RECORD": ""}
    files = {f"{module}-{version}.dist-info/{file}": t for file, t in texts.items()}
    files[f"{module}.py"] = ""
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A Python with an old numpy; pip sees wheels alone, where d2l asks for another."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    python = folder / "env" / inside
    wheels = folder / "wheels"
    wheels.mkdir()
    wheel(wheels, "numpy", "1.21.5")
    old = wheel(wheels, "numpy", "2.1.3")
    wheel(wheels, "d2l", "0.17.6", "numpy==1.21.5")
    ours = wheel(wheels, "lstm-book", "0.1.0", "torch>=2.5", "numpy>=1.26")
    pip = [python, "-m", "pip", "install", "-qq", "--no-index", old]
    subprocess.run(pip, check=True)
    lonely = colab.clean() | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    return str(python), ours, lonely


def run(bare, text):
    """Run a set-up cell in the bare Python. Returns the packages before and after."""
    python, ours, environment = bare
    before = colab.packages(python)
    # the wheel's file name stands for its module: find_spec("lstm") finds nothing there
    text = text.replace(stamp.UNSTAMPED, f"SOURCE = {json.dumps(str(ours))}")
    options = {"cwd": ours.parent, "env": environment, "text": True}
    done = subprocess.run([python, "-c", text], capture_output=True, **options)
    after = colab.packages(python)
    if done.returncode == 0:
        colab.remove(python)
    return done, before, after


def test_the_cell_adds_two_packages_and_moves_none(bare):
    done, before, after = run(bare, CELL)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
    assert colab.moved(before, after) == []
    assert after == before | INSTALLED


def test_with_what_they_depend_on_it_would_not_work(bare):
    done, before, after = run(bare, CELL.replace(', "--no-deps"', ""))
    assert done.returncode != 0
    assert after == before


def test_chapter_16_asks_for_the_versions_that_made_the_page():
    text = (ROOT / "chapters/src/16_leaving.py").read_text(encoding="utf-8")
    (line,) = re.findall(r"^%pip install (.*)$", text, re.MULTILINE)
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert line.split()
    assert set(line.split()) <= set(pinned)
