"""lstm.shapes against torch.nn.LSTM, over all combinations of its arguments."""

from itertools import product

import pytest
import torch
from torch import nn

from lstm import Table, shapes

CASES = [
    {
        "num_layers": k,
        "bias": b,
        "batch_first": f,
        "dropout": p,
        "bidirectional": d,
        "proj_size": r,
    }
    for k, b, f, p, d, r in product(
        (1, 2, 3), (True, False), (True, False), (0.0, 0.5), (True, False), (0, 2)
    )
    if not (k == 1 and p)  # torch warns: there is nothing between the layers of one
]


@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("kwargs", CASES, ids=lambda k: "-".join(map(str, k.values())))
def test_every_shape_is_torchs(kwargs, batch):
    layer = nn.LSTM(4, 5, **kwargs)
    assert {s.name: s.sizes for s in shapes.parameters(4, 5, **kwargs)} == {
        name: tuple(p.shape) for name, p in layer.named_parameters()
    }
    assert [s.name for s in shapes.parameters(4, 5, **kwargs)] == [
        name for name, _ in layer.named_parameters()
    ]
    assert shapes.count(4, 5, **kwargs) == sum(p.numel() for p in layer.parameters())
    ours = {
        s.name: s.sizes for s in shapes.tensors(4, 5, **kwargs, length=7, batch=batch)
    }
    output, (h_n, c_n) = layer(
        torch.zeros(ours["input"]), (torch.zeros(ours["h_0"]), torch.zeros(ours["c_0"]))
    )
    assert {
        "output": tuple(output.shape),
        "h_n": tuple(h_n.shape),
        "c_n": tuple(c_n.shape),
    } == {name: ours[name] for name in ("output", "h_n", "c_n")}


def test_letters_say_what_the_numbers_are():
    table = shapes.table(10, 20, 2, bidirectional=True, proj_size=3, length=5, batch=8)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["input"] == ("(L, N, D)", "(5, 8, 10)", "400")
    assert rows["output"] == ("(L, N, 2P)", "(5, 8, 6)", "240")
    assert rows["h_n"] == ("(K, N, P)", "(4, 8, 3)", "96")
    assert rows["weight_ih_l1_reverse"] == ("(4H, 2P)", "(80, 6)", "480")
    assert rows["weight_hr_l0"] == ("(P, H)", "(3, 20)", "60")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"dropout": -0.1}, "dropout must be a probability"),
        ({"proj_size": 5}, r"smaller than hidden_size \(5\), got 5"),
        ({"proj_size": -1}, "proj_size must be at least 0"),
    ],
)
def test_what_torch_refuses_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        shapes.parameters(4, 5, **kwargs)
    with pytest.raises(ValueError):  # noqa: PT011  torch's words are its own
        nn.LSTM(4, 5, **kwargs)


def test_a_table_is_text_in_a_terminal_and_html_in_a_notebook():
    table = Table(("a", "b"), [("x", 1), ("<y>", None)])
    assert str(table).splitlines() == ["a    b", "x    1", "<y>"]
    assert "<td>&lt;y&gt;</td><td></td>" in table._repr_html_()
    with pytest.raises(ValueError, match="expected rows of 2 cells, got one of 1"):
        Table(("a", "b"), [("x",)])
