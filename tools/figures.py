"""Draw the figures of the book's own pages into book/_static. Run it after a change of lstm/diagrams.py."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "the same bytes each time"

from lstm import diagrams  # noqa: E402  the backend comes first

STATIC = Path(__file__).resolve().parents[1] / "book" / "_static"


def main(folder=STATIC):
    """Write every figure and return the paths."""
    path = folder / "lstm_cell.svg"
    diagrams.lstm_cell("whole").savefig(path, metadata={"Date": None, "Creator": None})
    return [path]


if __name__ == "__main__":
    for written in main():
        print(written)
