"""lstm.shapes against torch.nn's layers, over all combinations of their arguments."""

from itertools import product

import pytest
import torch
from torch import nn

from lstm import shapes

NAMES = "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"
CHOICES = (1, 2, 3), (True, False), (True, False), (0.0, 0.5), (True, False), (0, 2)
CASES = [dict(zip(NAMES, values, strict=True)) for values in product(*CHOICES)]
# torch warns of a dropout where there is nothing between the layers of one
CASES = [case for case in CASES if case["num_layers"] > 1 or not case["dropout"]]
REFUSED = [
    ({"num_layers": 0}, "num_layers .* got 0"),
    ({"dropout": -0.1}, "dropout .* got -0.1"),
    ({"proj_size": 5}, "proj_size .* smaller than hidden_size.* got 5"),
    ({"proj_size": -1}, "proj_size .* got -1"),
]


def text(case):
    return "-".join(map(str, case.values()))


def of_parameters(layer):
    return [(name, tuple(p.shape)) for name, p in layer.named_parameters()]


@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("kwargs", CASES, ids=text)
def test_every_shape_and_the_order_of_the_parameters_are_the_lstms(kwargs, batch):
    layer = nn.LSTM(4, 5, **kwargs)
    listed = [(s.name, s.sizes) for s in shapes.parameters(4, 5, **kwargs)]
    assert listed == of_parameters(layer)
    assert shapes.count(4, 5, **kwargs) == sum(p.numel() for p in layer.parameters())
    tensors = shapes.tensors(4, 5, **kwargs, length=7, batch=batch)
    ours = {s.name: s.sizes for s in tensors}
    given, h_0, c_0 = (torch.zeros(ours[name]) for name in ("input", "h_0", "c_0"))
    output, (h_n, c_n) = layer(given, (h_0, c_0))
    got = {"output": output, "h_n": h_n, "c_n": c_n}
    assert {name: tuple(t.shape) for name, t in got.items()} == {
        name: ours[name] for name in got
    }


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("two", [True, False])
def test_other_layers_have_their_own_rows_and_no_cell(kind, batch, two):
    kwargs = {"num_layers": 2, "bidirectional": two, "batch_first": True}
    layer = getattr(nn, kind)(4, 5, **kwargs)
    listed = [(s.name, s.sizes) for s in shapes.parameters(4, 5, **kwargs, kind=kind)]
    assert listed == of_parameters(layer)
    assert shapes.count(4, 5, **kwargs, kind=kind) == sum(
        p.numel() for p in layer.parameters()
    )
    tensors = shapes.tensors(4, 5, **kwargs, length=7, batch=batch, kind=kind)
    ours = {s.name: s.sizes for s in tensors}
    assert list(ours) == ["input", "h_0", "output", "h_n"]
    output, h_n = layer(torch.zeros(ours["input"]), torch.zeros(ours["h_0"]))
    assert (tuple(output.shape), tuple(h_n.shape)) == (ours["output"], ours["h_n"])


def test_letters_say_what_the_numbers_are():
    table = shapes.table(10, 20, 2, bidirectional=True, proj_size=3, length=5, batch=8)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["input"] == ("(L, N, D)", "(5, 8, 10)", "400")
    assert rows["output"] == ("(L, N, 2P)", "(5, 8, 6)", "240")
    assert rows["h_n"] == ("(K, N, P)", "(4, 8, 3)", "96")
    assert rows["c_n"] == ("(K, N, H)", "(4, 8, 20)", "640")
    assert rows["weight_ih_l1_reverse"] == ("(4H, 2P)", "(80, 6)", "480")
    assert rows["weight_hr_l0"] == ("(P, H)", "(3, 20)", "60")


def test_the_tables_last_row_is_the_number_of_parameters():
    table = shapes.table(10, 20, length=5)
    count = f"{shapes.count(10, 20):,}"
    assert table.rows[-1] == ("all parameters", "", "", count)


def test_the_letters_of_an_rnns_weights_name_no_gates():
    weights = {s.name: s.letters for s in shapes.parameters(4, 5, kind="RNN")}
    assert weights["weight_ih_l0"] == ("H", "D")


def test_an_unknown_layer_is_answered_with_the_known():
    with pytest.raises(ValueError, match="'LSTMM': expected one of RNN, GRU, LSTM"):
        shapes.count(4, 5, kind="LSTMM")


@pytest.mark.parametrize(("kwargs", "message"), REFUSED)
def test_what_torch_refuses_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        shapes.parameters(4, 5, **kwargs)
    with pytest.raises(ValueError, match=message):
        shapes.tensors(4, 5, length=7, **kwargs)
    with pytest.raises(ValueError):  # noqa: PT011  torch's words are its own
        nn.LSTM(4, 5, **kwargs)


@pytest.mark.parametrize("kwargs", [{"dropout": 1}, {"proj_size": 4}])
def test_the_last_value_that_torch_takes_is_taken(kwargs):
    layer = nn.LSTM(4, 5, 2, **kwargs)
    listed = [(s.name, s.sizes) for s in shapes.parameters(4, 5, 2, **kwargs)]
    assert listed == of_parameters(layer)


def test_a_projection_of_anything_but_an_lstm_is_refused():
    with pytest.raises(ValueError, match="proj_size"):
        shapes.parameters(4, 5, proj_size=2, kind="GRU")


def test_no_steps_and_a_negative_batch_are_refused_and_an_empty_batch_is_not():
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        shapes.tensors(4, 5, length=0)
    with pytest.raises(ValueError, match="batch must be at least 0, got -1"):
        shapes.tensors(4, 5, length=1, batch=-1)
    assert shapes.tensors(4, 5, length=1, batch=0)[0].sizes == (1, 0, 4)
