"""Publishing: one address is stamped into a copy, and what a run on Colab or a GPU reports."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import torch
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import browser  # noqa: E402
import colab  # noqa: E402
import gpu  # noqa: E402
import notebooks  # noqa: E402
import publish  # noqa: E402
import stamp  # noqa: E402

REPOSITORY = "https://github.com/someone/some.where"
REVISION = "0123456789abcdef0123456789abcdef01234567"
STAMPED = ["_config.yml", "README.md", "book/intro.md"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A stamped copy of the book."""
    folder = tmp_path_factory.mktemp("stamped")
    for path in [*STAMPED, *map(str, files())]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((ROOT / path).read_bytes())
    stamp.stamp(folder, REPOSITORY, REVISION)
    return folder


def files():
    for path in [*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("chapters/src/*.py")]:
        yield path.relative_to(ROOT)


@pytest.mark.parametrize("given", [REPOSITORY, REPOSITORY + "/", REPOSITORY + ".git"])
def test_an_address_is_taken_as_people_write_it(given):
    assert stamp.github(given) == REPOSITORY


@pytest.mark.parametrize(
    "given",
    ["", "someone/somewhere", "https://example.org/a/b", stamp.PLACEHOLDER,
     "https://github.com/someone", "https://github.com/a/b/tree/main", 'https://github.com/a/b"; import os'],
)  # fmt: skip
def test_any_other_is_refused_and_named(given):
    with pytest.raises(ValueError, match=re.escape(repr(given))):
        stamp.github(given)


def test_the_repository_itself_holds_no_address():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert "repository" not in config
    assert "launch_buttons" not in config


def test_set_up_cells_launch_buttons_badges_and_links_come_from_the_one_value(tree):
    for path in sorted(tree.glob("chapters/*.ipynb")):
        cell = nbformat.read(path, as_version=4).cells[1].source
        assert f'SOURCE = "git+{REPOSITORY}@{REVISION}"' in cell
        compile(cell, path.name, "exec")
    config = yaml.safe_load((tree / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"] == {"url": REPOSITORY, "branch": "colab"}
    assert config["html"]["baseurl"] == "https://someone.github.io/some.where/"
    readme = (tree / "README.md").read_text(encoding="utf-8")
    for path in sorted(tree.glob("chapters/*.ipynb")):
        place = f"someone/some.where/blob/colab/chapters/{path.name}"
        assert f"https://colab.research.google.com/github/{place}" in readme
    intro = (tree / "book/intro.md").read_text(encoding="utf-8")
    assert f"https://someone.github.io/some.where/{publish.PDF}" in intro
    assert f"https://someone.github.io/some.where/{publish.ZIP}" in intro
    assert stamp.PLACEHOLDER not in readme + intro


def test_nothing_else_of_a_chapter_changes(tree):
    for path in files():
        after = (tree / path).read_text(encoding="utf-8")
        before = (ROOT / path).read_text(encoding="utf-8")
        assert after != before
        source = f"git+{REPOSITORY}@{REVISION}"
        if path.suffix == ".ipynb":
            source = source.join(['\\"', '\\"'])
            assert after.replace(source, '\\"\\"') == before
        else:
            assert after.replace(f'"{source}"', '""') == before


def test_the_site_of_a_repository_is_its_pages_address():
    assert stamp.site("https://github.com/Someone/book") == "https://someone.github.io/book/"  # fmt: skip
    assert stamp.site("https://github.com/me/me.github.io") == "https://me.github.io/"


def test_a_chapter_without_its_set_up_cell_is_not_stamped_in_silence(tmp_path):
    (tmp_path / "chapters").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(notebook, tmp_path / "chapters/01.ipynb")
    with pytest.raises(ValueError, match=r"01\.ipynb has 0 cells with SOURCE"):
        stamp.stamp_chapters(tmp_path, "git+somewhere")


def test_what_is_committed_is_what_is_exported(tmp_path):
    git = ["git", "-c", "user.name=n", "-c", "user.email=e"]
    root = tmp_path / "root"
    root.mkdir()
    for command in (["init", "-q"], ["add", "a"], ["commit", "-q", "-m", "a"]):
        (root / "a").write_text("committed", encoding="utf-8")
        subprocess.run([*git, *command], cwd=root, check=True)
    assert stamp.changes(root) == []
    (root / "a").write_text("changed", encoding="utf-8")
    stamp.export(tmp_path / "out", root)
    assert (tmp_path / "out/a").read_text(encoding="utf-8") == "committed"
    assert stamp.changes(root) == [" M a"]
    assert re.fullmatch("[0-9a-f]{40}", stamp.commit(root))


def test_a_zip_of_the_same_pages_is_the_same_file(tmp_path):
    pages = tmp_path / "pages"
    (pages / "sub").mkdir(parents=True)
    (pages / "index.html").write_text("hello", encoding="utf-8")
    (pages / "sub/page.html").write_text("world", encoding="utf-8")
    publish.pack(pages, tmp_path / "a.zip")
    (pages / "index.html").touch()
    publish.pack(pages, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["lstm-book/index.html", "lstm-book/sub/page.html"]
        assert archive.testzip() is None
    assert not list(tmp_path.glob("*.partial"))


def call(tool, *arguments, **settings):
    return subprocess.run([sys.executable, ROOT / "tools" / tool, *arguments],
                          capture_output=True, text=True, **settings)  # fmt: skip


@pytest.mark.parametrize("tool", ["colab.py", "gpu.py", "publish.py", "stamp.py", "chapters.py"])  # fmt: skip
def test_every_tool_says_what_it_does(tool):
    done = call(tool, "--help")
    assert done.returncode == 0
    assert "usage:" in done.stdout


@pytest.mark.parametrize("names", [["99"], ["xx", "yy"]])
def test_an_unknown_chapter_is_answered_with_the_known(names):
    with pytest.raises(ValueError, match=r"no chapter .*: there are 01_theory"):
        notebooks.chosen(ROOT / "chapters", names)


def test_chapters_are_chosen_by_number_or_name_and_all_if_none_is_given():
    folder = ROOT / "chapters"
    assert [n.stem for n in notebooks.chosen(folder, ["02", "05_sh"])] == ["02_scratch", "05_shapes"]  # fmt: skip
    assert notebooks.chosen(folder, []) == sorted(folder.glob("*.ipynb"))


def test_publishing_without_an_address_asks_for_one():
    done = call("publish.py")
    assert done.returncode == 1
    assert "REPOSITORY is ''" in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_the_gpu_run_says_so_and_fails():
    done = call("gpu.py")
    assert done.returncode == 1
    assert "no GPU" in done.stderr


def test_a_machine_is_described_with_its_versions():
    facts = gpu.machine("cpu")
    assert facts["torch"] == torch.__version__
    assert "rehearsal" in facts["device"]


def test_a_missing_browser_is_asked_for(monkeypatch):
    nowhere = SimpleNamespace(chromium=SimpleNamespace(executable_path="/nowhere"))
    monkeypatch.setenv("LSTM_BROWSER", "/not/there")
    with pytest.raises(FileNotFoundError, match="LSTM_BROWSER names /not/there"):
        browser.find(nowhere)
    monkeypatch.delenv("LSTM_BROWSER")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="apt-get install chromium"):
        browser.find(nowhere)


def test_a_python_that_is_nowhere_is_asked_for(monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no python3\.99 found"):
        colab.find_python((3, 99))


def notebook_of(folder, *cells):
    """A notebook of cells and the outputs that it claims."""
    made = [
        nbformat.v4.new_code_cell(
            text,
            execution_count=n,
            outputs=[nbformat.v4.new_output("stream", text=out)],
        )
        for n, (text, out) in enumerate(cells, 1)
    ]
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    path = folder / "book.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def test_a_notebooks_cells_are_counted_those_that_differ_too(tmp_path):
    path = notebook_of(tmp_path, ("print(1)", "1\n"), ("print(2)", "3\n"))
    outcome = notebooks.run(path.name, "--nbval-current-env", cwd=tmp_path)
    assert (outcome.passed, outcome.cells) == (1, 2)
    assert not outcome.good
    assert "3" in outcome.log


def test_a_run_that_collects_nothing_is_not_good(tmp_path):
    outcome = notebooks.run("missing.ipynb", cwd=tmp_path)
    assert outcome.cells == 0
    assert not outcome.good


def test_kernels_of_the_gpu_run_use_deterministic_algorithms_and_no_new_names(tmp_path):
    text = "import torch\nprint(torch.are_deterministic_algorithms_enabled())"
    path = notebook_of(tmp_path, ("print('torch' in globals())", "False\n"), (text, "True\n"))  # fmt: skip
    with gpu.deterministic("cpu") as settings:
        outcome = notebooks.run(
            path.name, "--nbval-current-env", cwd=tmp_path, env=settings
        )
    assert outcome.good, outcome.log


def test_a_kernel_of_another_python_is_described_for_jupyter(tmp_path):
    colab.install_kernel("/some/python", tmp_path)
    [path] = tmp_path.glob("kernels/*/kernel.json")
    assert json.loads(path.read_text(encoding="utf-8"))["argv"][0] == "/some/python"
