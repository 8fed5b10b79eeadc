"""Figures: every one is drawn; what cannot be drawn is refused."""

from functools import partial

import numpy as np
import pytest
from matplotlib_inline import backend_inline

from lstm import figures
from lstm.figures import plt, style
from lstm.figures.cells import NEW

CURVES = {"a": [1, 2, 3], "b": [3, 2, 1]}
TIMES = {"median": 3.0, "low": 2.0, "high": 5.0}
DRAWN = {
    "training": partial(figures.training, [1, 2], [2.0, 1.0], [2], [1.5]),
    "lines": partial(figures.lines, CURVES, "x", "y", log=True, levels={"two": 2}),
    "crosses": partial(figures.lines, CURVES, "x", "y", crosses=1),
    "states": partial(figures.states, {"t": {"C": [1, 2], "H": [0, 1]}}),
    "updates": partial(
        figures.updates,
        {"a": {"RNN": {5: [25, 50, None]}}, "b": {"RNN": {5: [9]}}},
        "x",
        99,
    ),
    "sweep": partial(
        figures.sweep, {"a": {"GRU": {0.1: [4, 5], 0.2: [9]}}}, "x", "y", (3, 7)
    ),
    "dots": partial(
        figures.dots, {"a": ([1, 2], [25, None])}, "x", "y", 99, [(1, 25, "one")]
    ),
    "bands": partial(
        figures.bands,
        {"a": {"b": [[1, 2], [2, 4]]}, "c": {"b": [[1, 2]]}},
        "x",
        "y",
        [5, 9],
        log=True,
    ),
    "marks": partial(figures.marks, {"a": [1, 2], "b": [2, 2]}, "x"),
    "bars": partial(figures.bars, {"a": 1, "b": 2}, "x", "y"),
    "digit_rows": partial(figures.digit_rows, np.eye(8), 3),
    "confusion": partial(figures.confusion, [[9, 1], [0, 8]], "x", "y"),
    "gallery": partial(figures.gallery, [np.eye(8)] * 3, ["a", "b", "c"]),
    "speeds": partial(figures.speeds, {"a": TIMES, "b": TIMES}, "ms", {"c": 2.0}),
    "growth": partial(figures.growth, {"x": {"a": [(1, 2.0), (8, 9.0)]}}, "ms"),
    "shares": partial(figures.shares, {"a": {"b": 1, "c": 2}}, "ms"),
    "roofline": partial(figures.roofline, {"a": [(0.5, 1e9), (16, 9e10)]}, 1e11, 5e9),
    "letters": partial(figures.letters, "a bc\nd", [1, 0, -2, 0, 3, 1], "c"),
    "gates": partial(figures.gates, "a b", {"i": [0, 1, 0.5], "c": [-2, 0, 1]}),
    "unrolled": figures.unrolled,
    "returned": figures.returned,
    "returned one": partial(figures.returned, 3, 5, bidirectional=False),
    "layouts": figures.layouts,
    "packed": partial(figures.packed, [3, 2, 2]),
    "gate_blocks": figures.gate_blocks,
    "gate_orders": figures.gate_orders,
    "verdicts": partial(
        figures.verdicts,
        ["a", "b"],
        ["c", "d"],
        {("a", "c"): "same", ("b", "c"): "other", ("a", "d"): "fails"},
        {"same": "the same", "fails": "fails"},
    ),
    "truncation": figures.truncation,
    "text_windows": lambda: figures.text_windows("a text of letters", 2, 3)[0],
    "lstm_cell_backward": partial(
        figures.lstm_cell_backward, dict.fromkeys(figures.backward.NEEDED, 0.5)
    ),
    "bidirectional": figures.bidirectional,
    "plane": partial(figures.plane, {"a": [[0, 1]], "b": [[2, 3]]}, [[0, 1], [2, 3]]),
    "processes": figures.processes,
    "checklist": partial(figures.checklist, [("is it?", "this or that")]),
    "influence": partial(figures.influence, {"a": np.ones((2, 3, 2, 3), bool)}),
    "fan": partial(figures.fan, [1, 2], [3, 4], [[2, 2], [3, 3], [4, 5]], "h", "C"),
    "lagging": partial(
        figures.lagging, [1, 2, 3, 2], [1, 1, 2, 3], {0: 0.1, 1: 1}, "d", "C"
    ),
    "packed_pieces": partial(figures.packed_pieces, np.array([[0, 0], [0, 1], [1, 0]])),
    "padded_batch": partial(figures.padded_batch, [3, 1], marked="last"),
}
DRAWN |= {f"lstm_cell {s}": partial(figures.lstm_cell, s) for s in figures.STAGES}
DRAWN |= {f"gru_cell {r}": partial(figures.gru_cell, r) for r in figures.RESETS}


@pytest.fixture(scope="module")
def pixels():
    """Every figure, drawn."""
    found = {}
    for name, draw in DRAWN.items():
        figure = draw()
        figure.canvas.draw()
        found[name] = np.array(figure.canvas.buffer_rgba())
        plt.close(figure)
    return found


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn_on_paper_of_its_own_with_ink_on_it(name, pixels):
    assert (pixels[name][0, 0] == 255).all()  # white, opaque: legible on a dark page
    assert (pixels[name][..., :3].min(axis=-1) < 128).mean() > 0.002


def test_every_public_drawing_is_among_those_drawn_here():
    style = {"Pen", "canvas", "figure", "looks", "plt", "final_states", "reach"}
    drawings = {n for n in figures.__all__ if not n.isupper()} - style
    assert drawings <= {name.split()[0] for name in DRAWN}


def test_the_stages_of_the_lstms_cell_and_the_resets_of_the_grus_differ(pixels):
    cells = [p.tobytes() for name, p in pixels.items() if "_cell " in name]
    assert len(set(cells)) == len(figures.STAGES) + len(figures.RESETS)


def test_a_model_has_its_colour_whatever_stands_beside_it():
    alone = figures.looks(["GRU"])["GRU"]["color"]
    among = figures.looks(["widths", "GRU, unchanged", "LSTM, matched", "rates"])
    assert among["GRU, unchanged"]["color"] == alone == figures.MODELS["GRU"][0]
    assert among["LSTM, matched"]["color"] == figures.MODELS["LSTM"][0]
    assert len({look["color"] for look in among.values()}) == 4
    assert len({look["marker"] for look in among.values()}) == 4


def test_dashes_say_that_a_network_is_fresh():
    found = figures.looks(["LSTM", "untrained LSTM", "fresh", "200 updates"])
    assert [look["linestyle"] for look in found.values()] == ["-", "--", "--", "-"]
    assert found["LSTM"]["color"] == found["untrained LSTM"]["color"]


def test_two_curves_of_one_model_are_told_apart():
    found = figures.looks(["the LSTM, epoch 230", "the LSTM, epoch 500"])
    first, second = (look["color"] for look in found.values())
    assert first == figures.MODELS["LSTM"][0] != second


def test_a_model_is_known_by_its_longest_name_and_no_two_models_look_alike():
    found = figures.looks(["BI-LSTM", "LSTM, forget bias 3", "lstm.fast.LSTM"])
    wanted = [figures.MODELS[name] for name in found]
    assert [(look["color"], look["marker"]) for look in found.values()] == wanted
    same = {"one direction", "two directions", "LSTM, forget bias 0"}
    own = [look for name, look in figures.MODELS.items() if name not in same]
    assert len(set(own)) == len(own)
    assert len({color for color, _ in own}) == len(own)


def test_in_a_notebook_a_figure_has_twice_its_pixels(monkeypatch):
    asked = []
    monkeypatch.setattr(style, "get_backend", lambda: "module://inline")
    monkeypatch.setattr(backend_inline, "set_matplotlib_formats", asked.append)
    for draw in (figures.unrolled, partial(figures.bars, {"a": 1}, "x", "y")):
        draw()
        plt.close("all")
    assert asked == ["retina", "retina"]


def test_axes_are_named():
    axis = figures.lines({"a": [1, 2, 3]}, "epoch", "loss").axes[0]
    plt.close("all")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "loss")


def test_on_the_way_up_to_the_candidate_the_reset_stands_behind_the_matrix_or_before():
    def way(reset):
        texts = figures.gru_cell(reset).axes[0].texts
        plt.close("all")
        places = [(*text.get_position(), text.get_text()) for text in texts]
        return [text for x, _, text in sorted(places) if x == NEW and text]

    reset, matrix = r"$\times$", r"$\cdot\,\mathbf{W}_{hn} + \mathbf{b}_{hn}$"
    candidate = r"$\tilde{\mathbf{H}}_t$ tanh"
    assert way("after") == [matrix, reset, candidate]
    assert way("before") == [reset, matrix, candidate]


WRONG = [
    (figures.lstm_cell, "stage 'gate'", "gates, candidate, cell, hidden, whole"),
    (figures.gru_cell, "reset 'gate'", "after, before"),
]


@pytest.mark.parametrize(("draw", "what", "known"), WRONG)
def test_what_cannot_be_drawn_is_answered_with_what_can(draw, what, known):
    with pytest.raises(ValueError, match=f"unknown {what}: expected one of {known}"):
        draw("gate")
