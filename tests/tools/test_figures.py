"""The pages' own figures are what the code draws."""

import re

from PIL import Image

import figures


def drawing(path):
    """The lines and letters of a figure: numbers to a tenth of a point, no ids."""
    text = re.sub(r'(id|href|clip-path)="[^"]*"', "", path.read_text(encoding="utf-8"))
    text = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", text, flags=re.S)
    return re.sub(r"-?\d+\.\d+", lambda n: f"{float(n[0]):.1f}", text).split()


def size(path):
    """The pixels of the picture beside a drawing."""
    with Image.open(path.with_suffix(".png")) as picture:
        return picture.size


def test_the_committed_figures_are_those_that_the_code_draws(tmp_path):
    for path in figures.main(tmp_path):
        again = f"{path.name} is behind: run tools/figures.py"
        assert drawing(path) == drawing(figures.STATIC / path.name), again
        assert size(path) == size(figures.STATIC / path.name), again


def test_the_measured_roads_are_those_of_the_study(tmp_path):
    figures.write_roads(tmp_path / "roads_data.js")
    committed = figures.STATIC / "interactive/roads_data.js"
    assert committed.read_text() == (tmp_path / "roads_data.js").read_text()


def test_another_stage_is_another_drawing(tmp_path, monkeypatch):
    [path] = figures.main(tmp_path)
    before = drawing(path)
    draw = figures.lstm_cell
    monkeypatch.setattr(figures, "lstm_cell", lambda stage, words: draw("gates"))
    figures.main(tmp_path)
    assert drawing(path) != before
