"""Chapters are chosen in one place; a notebook's cells are counted rightly."""

from pathlib import Path

import nbformat
import pytest

import gpu
import notebooks

FILES = [Path(f"{name}.ipynb") for name in ("01_theory", "02_scratch", "05_shapes")]


@pytest.mark.parametrize("names", [["99"], ["xx", "yy"], ["01", "99"], ["1_"], [""]])
def test_an_unknown_chapter_is_answered_with_the_known(names):
    with pytest.raises(ValueError, match=r"no chapter '.*': there are 01_theory, 02_"):
        notebooks.chosen(FILES, names)


def test_chapters_are_chosen_by_number_or_name_and_all_if_none_is_given():
    def stems(*names):
        return [path.stem for path in notebooks.chosen(FILES, names)]

    assert stems("5", "02") == ["02_scratch", "05_shapes"]
    assert stems("05_sh", "05") == ["05_shapes"]
    assert stems() == ["01_theory", "02_scratch", "05_shapes"]


def test_chapters_come_first_then_their_solutions(tmp_path):
    (tmp_path / "chapters/solutions").mkdir(parents=True)
    for name in ("02_b", "solutions/01_a", "01_a", "notes"):
        (tmp_path / f"chapters/{name}.ipynb").touch()
    found = notebooks.files(tmp_path)
    assert [notebooks.name(p) for p in found] == ["01_a", "02_b", "solutions/01_a"]
    chosen = notebooks.chosen(found, ["1"])
    assert [notebooks.name(p) for p in chosen] == ["01_a", "solutions/01_a"]


def notebook_of(folder, *cells):
    """A notebook of cells and the outputs that it claims."""
    made = []
    for n, (text, out) in enumerate(cells, 1):
        outputs = [nbformat.v4.new_output("stream", text=out)]
        cell = nbformat.v4.new_code_cell(text, execution_count=n, outputs=outputs)
        made.append(cell)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    path = folder / "book.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def run(path, **settings):
    here = {"cwd": path.parent} | settings
    return notebooks.run(path.name, "--nbval-current-env", **here)


def test_a_notebooks_cells_are_counted_those_that_differ_too(tmp_path):
    outcome = run(notebook_of(tmp_path, ("print(1)", "1\n"), ("print(2)", "3\n")))
    assert (outcome.passed, outcome.cells) == (1, 2)
    assert not outcome.good
    assert "3" in outcome.log


def test_a_run_that_collects_nothing_is_not_good(tmp_path):
    outcome = run(tmp_path / "missing.ipynb")
    assert outcome.cells == 0
    assert not outcome.good


def test_kernels_of_the_gpu_run_use_deterministic_algorithms_and_no_new_names(tmp_path):
    ask = "import torch\nprint(torch.are_deterministic_algorithms_enabled())"
    cells = ("print('torch' in globals())", "False\n"), (ask, "True\n")
    with gpu.deterministic("cpu") as settings:
        outcome = run(notebook_of(tmp_path, *cells), env=settings)
    assert outcome.good, outcome.log
