"""make new: a chapter is two files to write, itself and its solutions."""

import nbformat
import pytest

import chapters
import new
import sources


def test_a_new_chapter_and_its_solutions_run_and_are_listed(project, monkeypatch):
    monkeypatch.setattr(chapters, "refuse_stand_ins", lambda: None)
    before = set(project.rglob("*"))
    new.main(["02_large_one"])
    path = project / "chapters/src/02_large_one.py"
    solutions = path.parent / "solutions"
    written = {path, solutions, solutions / path.name}
    assert set(project.rglob("*")) - before == written
    chapters.main(["02"])
    notebook = nbformat.read(sources.target(path), as_version=4)
    assert notebook.cells[0].source.startswith("# 2. Large one\n")
    assert sources.header(path)["part"] == "Begin"  # where the last chapter stands
    listed = (project / "README.md").read_text(encoding="utf-8")
    assert "[2. Large one](chapters/02_large_one.ipynb)" in listed
    solved = nbformat.read(sources.target(solutions / path.name), as_version=4)
    for number in range(1, 5):
        link = f"([solution](solutions/02_large_one.ipynb#Exercise-{number}))"
        assert link in notebook.cells[-1].source
        assert any(c.source.startswith(f"## Exercise {number}\n") for c in solved.cells)
    toc = (project / "_toc.yml").read_text(encoding="utf-8")
    assert "chapters/solutions/02_large_one" in toc


@pytest.mark.parametrize(
    "name", ["", "mnist", "8_mnist", "08", "08_", "08_Mnist", "../08_a"]
)
def test_a_malformed_name_is_refused_and_nothing_is_written(project, name):
    before = set(project.rglob("*"))
    with pytest.raises(SystemExit, match="expected two digits and a word, as 08_mnist"):
        new.main([name])
    assert set(project.rglob("*")) == before


def test_a_number_that_is_taken_is_refused(source):
    before = source.read_bytes()
    for name in ("01_small", "01_other"):
        with pytest.raises(SystemExit, match="chapter 01 is there already: 01_small"):
            new.main([name])
    assert source.read_bytes() == before
