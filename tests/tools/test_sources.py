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
    assert cell.metadata == {"mystnb": {"image": {"alt": "A line: it rises."}}}


def test_an_unknown_option_of_a_cell_is_named(source, rewrite):
    rewrite("# %%\n1\n\n# %%\n#| fig-cap: no such thing\nx = 1\n")
    with pytest.raises(ValueError, match="unknown option of a cell: fig-cap"):
        sources.read(source)
