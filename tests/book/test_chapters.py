"""The chapters hold together: sources, notebooks, lists of contents, quoted code."""

import ast
import re
import textwrap
from pathlib import Path

import nbformat
import pytest

import contents
import notebooks
import sources

ROOT = Path(__file__).parents[2]
WIDTH = 88  # what a page shows without scrolling sideways
SOURCES = [*sources.files(), *sources.solutions()]
NOTEBOOKS = notebooks.files(ROOT)
CHAPTERS = [path for path in NOTEBOOKS if path.parent.name == "chapters"]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=notebooks.name)
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=notebooks.name)
each_source = pytest.mark.parametrize(
    "source", SOURCES, ids=lambda s: notebooks.name(sources.target(s))
)


def read(path):
    return nbformat.read(path, as_version=4)


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert [sources.target(s) for s in SOURCES] == NOTEBOOKS != []


@each_source
def test_source_and_notebook_hold_the_same_cells(source):
    made = sources.cells(read(sources.target(source)))
    again = f"run: make chapters CHAPTER={source.stem}"
    assert made == sources.cells(sources.read(source)), again


def test_table_of_contents_map_and_readme_are_made_from_the_headers():
    for path, text in contents.pages().items():
        again = f"{path.name} is behind: run make chapters"
        assert path.read_text(encoding="utf-8") == text, again


@each_source
def test_a_source_is_no_wider_than_a_page_but_for_rows_of_tables_and_links(source):
    """A row of a table, and a link without a space in it, cannot be broken."""
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        whole = line.startswith("| ") or len(line.split()) == 1
        assert len(line) <= WIDTH or whole, f"{source.name}:{number}: {line}"


@each
def test_a_notebook_is_light_executed_and_clean(path):
    # two fifths of it text; pictures have twice the pixels of their place on the page
    assert path.stat().st_size < 600_000
    notebook = read(path)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count, f"not executed: {cell.source[:60]}"
            assert set(cell.metadata) <= {"tags", "mystnb"}
            tags = set(cell.metadata.get("tags", []))
            assert tags <= {"nbval-ignore-output", "hide-input"}
            for output in cell.outputs:
                assert output.output_type != "error"
                assert output.get("name") != "stderr"
                assert "image/svg+xml" not in output.get("data", ())


@each
def test_every_figure_says_in_words_what_it_shows(path):
    said = []
    for cell in read(path).cells:
        if any("image/png" in o.get("data", ()) for o in cell.get("outputs", ())):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) >= 40, f"give the cell a fig-alt:\n{cell.source[:200]}"
            said.append(alt)
    assert len(said) == len(set(said)), "two figures are described alike"


@each_chapter
def test_a_chapter_opens_and_closes_as_all_do(path):
    text = [c.source for c in read(path).cells if c.cell_type == "markdown"]
    for opening in ("will build", "will learn", "need"):
        assert f"**What you {opening}.**" in text[0]
    for closing in ("## Summary", "## Exercises", "## Further reading"):
        assert closing in text[-1]
    exercises = re.findall(r"^\d+\. \*\((easy|medium|hard)\)\*", text[-1], flags=re.M)
    assert 4 <= len(exercises) <= 8
    easy_first = sorted(exercises, key=["easy", "medium", "hard"].index)
    assert exercises == easy_first


@each_chapter
def test_every_exercise_has_its_solution_and_they_lead_to_each_other(path):
    """Number by number; what a solution shows ends in an assertion."""
    exercises = [c.source for c in read(path).cells][-1]
    numbers = re.findall(r"^(\d+)\. \*\(", exercises, flags=re.M)
    leading = re.findall(
        r"\(\[solution\]\(solutions/(\S+)#Exercise-(\d+)\)\)", exercises
    )
    assert leading == [(path.name, number) for number in numbers]

    cells = read(path.parent / "solutions" / path.name).cells
    assert f"](../{path.name}#Exercises)" in cells[0].source
    solved, current = {}, None
    for cell in cells:
        if found := re.search(r"^## Exercise (\d+)$", cell.source, flags=re.M):
            current = found[1]
            solved[current] = []
        elif current and cell.cell_type == "code":
            solved[current].append(cell.source)
    assert list(solved) == numbers
    for number, code in solved.items():
        assert re.search(r"^\s*assert", code[-1], flags=re.M), f"exercise {number}"


@each
def test_a_cell_that_only_asserts_is_folded_under_its_claim(path):
    for cell in read(path).cells:
        if cell.cell_type == "code" and "hide-input" not in cell.metadata.get(
            "tags", []
        ):
            statements = ast.parse(cell.source).body
            only = statements and all(isinstance(s, ast.Assert) for s in statements)
            assert not only, f"make it a check:\n{cell.source[:200]}"


@each_chapter
def test_cells_that_nbval_ignores_are_the_exception_and_assert_nothing(path):
    """What varies is shown in one cell; another asserts the claim made of it."""
    code = [c for c in read(path).cells if c.cell_type == "code"]
    ignored = [c for c in code if "nbval-ignore-output" in c.metadata.get("tags", [])]
    assert len(ignored) < len(code) / 3
    for cell in ignored:
        assert not re.search(r"^\s*assert", cell.source, flags=re.M)


# mirrors


def definitions(source):
    """What a module or a cell defines, functions, classes, constants: name to text.

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
    """Cells that begin `# lstm/file.py`; `…, class Name` where they quote methods."""
    for path in NOTEBOOKS:
        for n, cell in enumerate(read(path).cells):
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


@each_source
def test_no_quoted_cell_names_what_is_private(source):
    """A reader who changes a quoted cell meets public names only."""
    for cell in sources.read(source).cells:
        if cell.source.startswith("# lstm/"):
            nodes = list(ast.walk(ast.parse(cell.source)))
            named = {getattr(n, "id", getattr(n, "attr", "")) for n in nodes}
            private = [name for name in named if re.match("_[a-z]", name)]
            assert private == [], cell.source[:60]
