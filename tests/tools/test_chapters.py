"""make chapters: a source is executed into its notebook, whole or not at all."""

import base64
import io
import os

import nbformat
import numpy as np
import pytest
from PIL import Image

import chapters
import sources


@pytest.fixture(autouse=True)
def _any_data(monkeypatch):
    monkeypatch.setattr(chapters, "refuse_stand_ins", lambda: None)


def test_a_chapter_is_executed_once_and_the_second_time_to_the_same_bytes(
    source, capsys
):
    chapters.main([])
    path = sources.target(source)
    first = path.read_bytes()
    assert b"42 123.4 x" in first
    stamp = os.stat(path).st_mtime_ns
    chapters.main([])
    assert "unchanged" in capsys.readouterr().out
    assert os.stat(path).st_mtime_ns == stamp
    chapters.main(["1"])
    assert path.read_bytes() == first


def test_a_notebook_opens_with_the_set_up_cell_behind_its_title(source):
    chapters.main([])
    first, second, *_ = nbformat.read(sources.target(source), as_version=4).cells
    assert first.source == "# 1. Small"
    assert second.source == sources.setup_cell().source
    assert second.metadata.tags == ["hide-input"]


def test_executing_brings_the_lists_of_chapters_up_to_date(project, capsys):
    chapters.main([])
    said = capsys.readouterr().out
    for name in ("_toc.yml", "README.md", "book/intro.md"):
        assert f"{name}: brought up to date" in said
    chapters.main([])
    assert "brought up to date" not in capsys.readouterr().out


def test_a_failing_cell_is_shown_and_the_notebook_is_left_as_it_was(source, rewrite):
    chapters.main([])
    path = sources.target(source)
    before = path.read_bytes()
    rewrite("# %%\nprint('fine')\n\n# %%\nraise KeyError('the reason')\n")
    with pytest.raises(SystemExit) as caught:
        chapters.main([])
    assert "raise KeyError('the reason')" in str(caught.value)
    assert "Traceback" in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["01_small.ipynb", "src"]


def test_a_warning_in_a_cell_is_a_failure(source, rewrite):
    rewrite("# %%\nimport warnings\nwarnings.warn('mind this')\n")
    with pytest.raises(SystemExit, match="a cell wrote to stderr"):
        chapters.main([])
    assert not sources.target(source).exists()


def test_text_that_is_printed_in_pieces_is_one_output(source, rewrite):
    pieces = "for n in range(3):\n    print(n, flush=True)\n    time.sleep(0.3)\n"
    rewrite(f"# %%\n1\n\n# %%\nimport time\n{pieces}")
    chapters.main([])
    cell = nbformat.read(sources.target(source), as_version=4).cells[-1]
    assert [output.text for output in cell.outputs] == ["0\n1\n2\n"]


def test_measured_speeds_are_masked(source, rewrite):
    rewrite("# %%\nprint('perplexity 1.1, 12,345.6 tokens/sec on cpu')\n")
    chapters.main([])
    made = sources.target(source).read_text(encoding="utf-8")
    assert "perplexity 1.1, … tokens/sec on …" in made


def test_a_header_far_from_the_time_it_takes_is_named(source, capsys):
    text = source.read_text(encoding="utf-8").replace("0.05", "30")
    source.write_text(text, encoding="utf-8")
    chapters.main([])
    assert "note: its header says 30 minutes" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["99", "xx", "", "1_"])
def test_an_unknown_chapter_is_answered_with_the_known(source, name):
    with pytest.raises(SystemExit, match=f"no chapter '{name}': there are 01_small"):
        chapters.main([name])
    assert not sources.target(source).exists()


def test_a_thin_line_keeps_its_colour_in_the_palette():
    shades = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    shades[..., 1] = shades[..., 2]
    magenta = 170, 68, 153
    shades[150, :200] = magenta
    kept = slimmed(Image.fromarray(shades)).convert("RGB")
    assert np.abs(np.subtract(kept.getpixel((100, 150)), magenta)).max() <= 12


def test_a_figure_of_few_colours_becomes_small():
    assert slimmed(Image.new("RGB", (300, 300), "white")).mode == "P"


def slimmed(image):
    """An image through the pipeline's palette."""
    png = io.BytesIO()
    image.save(png, "PNG")
    slim = chapters.slim(base64.b64encode(png.getvalue()).decode())
    return Image.open(io.BytesIO(base64.b64decode(slim)))
