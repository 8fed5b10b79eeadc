"""What the figures of axes, weights, roads and windows show is what the code does."""

import pytest
import torch
from matplotlib.colors import to_hex
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from lstm import data, figures
from lstm.convert import LSTM_NAMES, to_torch
from lstm.figures import plt


def texts(figure):
    """What is written in a figure: (x, y, text)."""
    plt.close("all")
    return [(*t.get_position(), t.get_text()) for t in figure.axes[0].texts]


def lower(layer, count):
    """The first layers of an LSTM, as an LSTM."""
    sizes = layer.input_size, layer.hidden_size, count
    part = nn.LSTM(*sizes, bidirectional=layer.bidirectional)
    part.load_state_dict({n: p for n, p in layer.state_dict().items() if n in dict(
        part.named_parameters())})  # fmt: skip
    return part


@pytest.mark.parametrize("bidirectional", [False, True])
def test_h_n_stands_where_the_grid_says_in_the_output_of_each_layer(bidirectional):
    torch.manual_seed(0)
    layer, x = nn.LSTM(3, 5, 3, bidirectional=bidirectional), torch.randn(4, 2, 3)
    h_n = layer(x)[1][0]
    places = figures.final_states(3, bidirectional)
    assert len(places) == len(h_n)
    for row, (number, direction, step) in zip(h_n, places, strict=True):
        output, _ = lower(layer, number + 1)(x)
        half = output[step, :, 5 * direction : 5 * (direction + 1)]
        torch.testing.assert_close(row, half)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_grid_names_every_row_of_h_n_and_every_step_of_output(bidirectional):
    said = texts(figures.returned(2, 4, bidirectional))
    rows = {t: x for x, _, t in said if t.startswith("h_n")}
    assert set(rows) == {f"h_n[{k}]" for k in range(4 if bidirectional else 2)}
    steps = {t: x for x, _, t in said if t.startswith("output")}
    assert [*steps] == [f"output[{t}]" for t in range(4)]
    ahead = rows[f"h_n[{2 if bidirectional else 1}]"]
    assert ahead > steps["output[3]"]
    if bidirectional:
        assert rows["h_n[3]"] < steps["output[0]"]


def test_in_both_layouts_a_sequence_keeps_its_steps():
    said = texts(figures.layouts(4, 2, 3))
    numbers = [text for *_, text in said if text.isdigit()]
    assert numbers == 2 * ["0"] + 2 * ["1"] + 2 * ["2"] + 2 * ["3"] + 2 * [*"0123"]
    names = [text for *_, text in said if text in ("$L$", "$N$")]
    assert names == ["$L$", "$N$", "$N$", "$L$"]


def test_packed_numbers_are_the_rows_of_packed_data_and_its_batch_sizes():
    lengths = [5, 3, 3, 1]
    sequences = [torch.tensor([10 * n + t for t in range(k)])
                 for n, k in enumerate(lengths)]  # fmt: skip
    packed = pack_padded_sequence(pad_sequence(sequences), torch.tensor(lengths))
    said = texts(figures.packed(lengths))
    rows = {t: 4 - y + 0.8 for _, y, t in said if t.startswith("sequence")}
    inside = {(x, y): int(t) for x, y, t in said if t.isdigit() and y > 1}
    drawn = {(round(4 - y + 0.8), round(x - 3.4)): k for (x, y), k in inside.items()}
    for k, value in enumerate(packed.data.tolist()):
        assert drawn[divmod(value, 10)] == k
    assert len(drawn) == len(packed.data)
    below = [int(t) for _, y, t in said if t.isdigit() and y < 1]
    assert below == packed.batch_sizes.tolist()
    assert sorted(rows.values()) == pytest.approx(range(4))


def test_the_blocks_of_gates_lie_as_to_torch_stacks_them():
    D, H = 3, 4
    shapes = {"W_x": (D, H), "W_h": (H, H), "b_": (H,)}
    gates = {"i": "input", "f": "forget", "o": "output", "c": "candidate"}
    params = [
        torch.full(shapes[name[:-1]], float("ifoc".index(name[-1])))
        for name in LSTM_NAMES[:12]
    ]
    params += [torch.zeros(H, D), torch.zeros(D)]
    rows = to_torch(params)[0]["weight_ih_l0"][::H, 0].int().tolist()
    wanted = [figures.COLORS[gates["ifoc"[k]]].lower() for k in rows]
    figure = figures.gate_blocks(D, H)
    plt.close("all")
    unit = figures.weights.UNIT
    blocks = figure.axes[0].patches[12:]
    assert len(figure.axes[0].patches) == 12 + 4 * 4
    for patches, columns in zip(
        (blocks[k : k + 4] for k in range(0, 16, 4)), (D, H, 1, 1), strict=True
    ):
        assert [to_hex(p.get_edgecolor()) for p in patches] == wanted
        tops = [p.get_y() for p in patches]
        assert tops == sorted(tops, reverse=True)
        for p in patches:
            size = p.get_width(), p.get_height()
            assert size == pytest.approx((columns * unit, H * unit))


def test_the_notes_tensors_have_their_shapes_in_the_figure():
    figure = figures.gate_blocks(3, 4)
    plt.close("all")
    unit = figures.weights.UNIT
    sizes = [(round(p.get_height() / unit), round(p.get_width() / unit))
             for p in figure.axes[0].patches[:12]]  # fmt: skip
    assert sizes == 4 * [(3, 4), (4, 4), (1, 4)]


def test_a_loss_sees_as_far_back_as_the_figure_says():
    steps, window = 8, 3
    torch.manual_seed(0)
    layer, state = nn.LSTMCell(2, 3), (torch.zeros(1, 3), torch.zeros(1, 3))
    xs = [torch.randn(1, 2, requires_grad=True) for _ in range(steps)]
    seen = []
    for t, x in enumerate(xs):
        if t % window == 0:
            state = tuple(s.detach() for s in state)
        state = layer(x, state)
        every = torch.autograd.grad(
            state[0].sum(), xs, retain_graph=True, allow_unused=True
        )
        seen.append(sum(g is not None for g in every) - 1)
    assert seen == figures.reach(steps, window)
    said = texts(figures.truncation(steps, window))
    assert [int(t) for *_, t in said if t.isdigit()] == seen
    assert sum(t == "detach" for *_, t in said) == (steps - 1) // window


def test_windows_of_text_are_those_of_streams():
    text = "the time machine by h g wells i the time traveller"
    vocab = data.Vocab(text)
    symbols = vocab.encode(text)
    _, shown = figures.text_windows(text, 3, 5)
    plt.close("all")
    streams = [x for x, _ in data.Streams(symbols, 3, 5)]
    for windows, x in zip(shown, streams, strict=False):
        assert windows == ["".join(vocab.decode(row.tolist())) for row in x]
    assert len(shown) >= 3


NUMBERS = dict.fromkeys(
    ("d_h", "d_c", "d_c_all", "d_i", "d_f", "d_g", "d_o", "d_c_old", "d_h_old"), -0.25
)


def test_a_step_back_shows_every_number_that_it_is_given():
    given = {name: n / 16 for n, name in enumerate(NUMBERS)}
    said = {text for *_, text in texts(figures.lstm_cell_backward(given))}
    assert {f"{value:.4f}" for value in [*given.values()][2:]} <= said
    assert "−0.2500" in {t for *_, t in texts(figures.lstm_cell_backward(NUMBERS))}


@pytest.mark.parametrize(
    ("draw", "given", "said"),
    [(figures.lstm_cell_backward, ({"d_h": 1},), "lack d_c, d_c_all"),
     (figures.packed, ([2, 3],), r"not rise, got \[2, 3\]"),
     (figures.packed, ([],), r"got \[\]"),
     (figures.packed, ([2, 0],), r"at least 1 and not rise, got \[2, 0\]"),
     (figures.returned, (0, 4), "at least 1 layer and 2 steps, got 0 and 4"),
     (figures.returned, (1, 1), "got 1 and 1"),
     (figures.truncation, (5, 0), "windows of 1, got 5, 0"),
     (figures.text_windows, ("abc", 2, 5), "3 letters from 0 on make no 2 rows of 5"),
     (figures.text_windows, ("abcdefgh", 2, 2, -1), "from -1 on")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(draw, given, said):
    with pytest.raises(ValueError, match=said):
        draw(*given)
