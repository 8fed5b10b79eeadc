"""Draw the figures of the book's own pages into book/_static.

Run it after a change in lstm/figures. The network that writes on a page is no drawing:
the commands that make book/_static/interactive/writes_data.js stand at its beginning.
"""

import json
from pathlib import Path

from lstm import studies
from lstm.figures import lstm_cell, plt
from lstm.studies import roads

STATIC = Path(__file__).resolve().parents[1] / "book" / "_static"


def main(folder=STATIC):
    """Write every figure and return the paths."""
    path = folder / "lstm_cell.svg"
    with plt.rc_context({"svg.hashsalt": "the same bytes each time"}):
        drawn = lstm_cell("whole", words=True)
        whole = {"bbox_inches": "tight", "pad_inches": 0.05}
        drawn.savefig(path, metadata={"Date": None, "Creator": None}, **whole)
        preview = path.with_suffix(".png")  # for those who link to the book
        drawn.savefig(preview, dpi=200, metadata={"Software": None}, **whole)
        plt.close(drawn)
    write_roads(folder / "interactive/roads_data.js")
    return [path]


def write_roads(path):
    """Write what the study roads measured of fresh LSTMs, for chapter 7's figure."""
    study = studies.load("roads")
    rows = {}
    for bias in (0, 1, 2):
        name = f"LSTM, forget bias {bias}"
        [row] = studies.select(study, layer=name, updates=0, seed=0)
        rows[bias] = {part: row[part] for part in ("whole", "direct")}
    data = {"distances": roads.DISTANCES, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"// Made by tools/figures.py.\nthis.ROADS = {json.dumps(data)};\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for written in main():
        print(written)
