"""What a chapter's source says besides its cells: header and options."""

import pytest

import sources


@pytest.mark.parametrize("key", sources.KEYS)
def test_a_header_without_one_of_its_keys_is_refused_by_name(source, key):
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    left = [line for line in lines if not line.startswith(f"# {key}:")]
    source.write_text("".join(left), encoding="utf-8")
    with pytest.raises(ValueError, match=f"01_small.py: its header needs '{key}'"):
        sources.read(source)


def test_a_source_without_a_header_is_refused(source):
    source.write_text("# %%\n1 + 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"01_small.py does not begin with a header"):
        sources.read(source)


def test_a_figures_words_leave_the_cell_and_go_to_its_metadata(source, rewrite):
    rewrite("# %%\n1\n\n# %%\n#| fig-alt: >-\n#|   A line: it\n#|   rises.\nx = 1\n")
    cell = sources.read(source).cells[-1]
    assert cell.source == "x = 1"
    assert cell.metadata.mystnb.image == {"alt": "A line: it rises."}
    assert cell.metadata.mystnb.code_prompt_show == sources.FIGURE
    assert cell.metadata.tags == ["hide-input"]


def test_a_check_is_folded_under_its_claim_which_a_notebook_says_too(source, rewrite):
    claim = "One and one: " + "they are " * 12 + "two."
    rewrite(f"# %%\n1\n\n# %%\n#| check: >-\n#|   {claim}\nassert 1 + 1 == 2\n")
    cell = sources.read(source).cells[-1]
    *said, code = cell.source.split("\n")
    assert code == "assert 1 + 1 == 2"
    assert " ".join(line.removeprefix("# ") for line in said) == f"Check: {claim}"
    assert max(map(len, said)) <= 88
    assert cell.metadata.mystnb.code_prompt_show == f"Check: {claim}"
    assert cell.metadata.tags == ["hide-input"]


def test_other_plumbing_is_folded_under_its_line_and_keeps_its_tags(source, rewrite):
    tags = 'tags=["nbval-ignore-output"]'
    rewrite(f"# %%\n1\n\n# %% {tags}\n#| fold: The table\nprint(2)\n")
    cell = sources.read(source).cells[-1]
    assert cell.source == "print(2)"
    assert cell.metadata.mystnb.code_prompt_hide == "The table"
    assert cell.metadata.tags == ["nbval-ignore-output", "hide-input"]


def test_solutions_lie_beside_their_chapter_and_say_the_minutes_only(source):
    solution = source.parent / "solutions/01_small.py"
    solution.parent.mkdir()
    cells = "# %% [markdown]\n# # Solutions\n\n# %%\n1\n"
    solution.write_text(f"# ---\n# minutes: 0.1\n# ---\n{cells}", encoding="utf-8")
    assert sources.solutions() == [solution]
    there = source.parents[1] / "solutions/01_small.ipynb"
    assert sources.target(solution) == there
    assert sources.read(solution).cells[-1].source == "1"
    solution.write_text(f"# ---\n# part: x\n# ---\n{cells}", encoding="utf-8")
    with pytest.raises(ValueError, match="01_small.py: its header needs 'minutes'"):
        sources.read(solution)


def test_an_unknown_option_of_a_cell_is_named(source, rewrite):
    rewrite("# %%\n1\n\n# %%\n#| fig-cap: no such thing\nx = 1\n")
    with pytest.raises(ValueError, match="unknown option of a cell: fig-cap"):
        sources.read(source)
