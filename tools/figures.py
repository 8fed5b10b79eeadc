"""Draw the figures of the book's own pages into book/_static.

Run it after a change in lstm/figures.
"""

from pathlib import Path

from lstm.figures import lstm_cell, plt

STATIC = Path(__file__).resolve().parents[1] / "book" / "_static"


def main(folder=STATIC):
    """Write every figure and return the paths."""
    path = folder / "lstm_cell.svg"
    with plt.rc_context({"svg.hashsalt": "the same bytes each time"}):
        drawn = lstm_cell("whole", words=True)
        drawn.savefig(path, metadata={"Date": None, "Creator": None})
        preview = path.with_suffix(".png")  # for those who link to the book
        drawn.savefig(preview, dpi=200, metadata={"Software": None})
        plt.close(drawn)
    return [path]


if __name__ == "__main__":
    for written in main():
        print(written)
