"""lstm.shapes against torch.nn.LSTM, over all combinations of its arguments."""

import subprocess
import sys
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


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("two", [True, False])
def test_other_layers_have_their_own_rows_and_no_cell(kind, batch, two):
    layer = getattr(nn, kind)(4, 5, 2, bidirectional=two, batch_first=True)
    kwargs = {"num_layers": 2, "bidirectional": two, "batch_first": True, "kind": kind}
    assert {s.name: s.sizes for s in shapes.parameters(4, 5, **kwargs)} == {
        name: tuple(p.shape) for name, p in layer.named_parameters()
    }
    ours = {
        s.name: s.sizes for s in shapes.tensors(4, 5, **kwargs, length=7, batch=batch)
    }
    assert list(ours) == ["input", "h_0", "output", "h_n"]
    output, h_n = layer(torch.zeros(ours["input"]), torch.zeros(ours["h_0"]))
    assert tuple(output.shape) == ours["output"]
    assert tuple(h_n.shape) == ours["h_n"]
    gates = {"RNN": 1, "GRU": 3}[kind]
    assert 4 * shapes.count(4, 5, **kwargs) == gates * shapes.count(4, 5, 2, bidirectional=two)  # fmt: skip


def test_a_shape_that_is_another_in_torch_is_named(monkeypatch):
    arguments = {"num_layers": 2, "bidirectional": True, "proj_size": 2}
    assert shapes.differences(4, 5, **arguments, length=7, batch=6) == []
    assert shapes.differences(4, 5, kind="GRU", length=7) == []
    right = shapes.parameters(4, 5)
    invented = shapes.Shape("weight_hr_l0", ("P", "H"), (7, 9))
    for listed, named in (
        ([*right, invented], ["weight_hr_l0"]),
        (right[:-1], ["bias_hh_l0"]),
        (right[::-1], ["their order"]),
    ):
        monkeypatch.setattr(shapes, "parameters", lambda *a, listed=listed, **k: listed)
        assert shapes.differences(4, 5, length=7) == named
    monkeypatch.undo()
    monkeypatch.setitem(shapes.GATES, "GRU", 4)
    assert shapes.differences(4, 5, bias=False, kind="GRU", length=7) == [
        "weight_hh_l0",
        "weight_ih_l0",
    ]


def test_an_output_of_another_shape_than_torchs_is_named(monkeypatch):
    tensors = shapes.tensors

    def wrong(*args, **kwargs):
        swapped = tensors(*args, **kwargs)
        output = swapped[3]
        swapped[3] = shapes.Shape("output", output.letters, output.sizes[::-1])
        return swapped

    monkeypatch.setattr(shapes, "tensors", wrong)
    assert shapes.differences(4, 5, length=7, batch=6) == ["output"]


def test_the_command_answers_at_once_for_long_sequences_and_refuses_absurd_sizes():
    done = command("shapes", "LSTM", "--input-size", "4", "--hidden-size", "5", "--length", "1000000")  # fmt: skip
    assert "(1000000, 8, 5)" in done.stdout
    huge = str(10**15)
    done = command("shapes", "LSTM", "--input-size", huge, "--hidden-size", huge)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_the_command_prints_every_tensor_the_count_and_that_torch_agrees():
    words = (
        "shapes LSTM --input-size 10 --hidden-size 20 --num-layers 2 --bidirectional"
    )
    done = command(*words.split())
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    layer = nn.LSTM(10, 20, 2, bidirectional=True)
    for name, parameter in layer.named_parameters():
        size = ", ".join(map(str, parameter.shape))
        assert f"({size})  " in lines[name]
    assert lines["output"].split() == ["output", "(L,", "N,", "2H)", "(5,", "8,", "40)", "1,600"]  # fmt: skip
    total = sum(p.numel() for p in layer.parameters())
    assert lines["all"].split() == ["all", "parameters", f"{total:,}"]
    assert "checked against torch.nn.LSTM" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("GRU --input-size 4 --hidden-size 5 --proj-size 2", "only an LSTM has"),
        ("LSTM --input-size 0 --hidden-size 5", "input_size must be at least 1, got 0"),
        ("LSTM --input-size 4 --hidden-size 5 --length 0", "length must be at least 1"),
        ("LSTM --input-size 4 --hidden-size 5 --batch -1", "batch must be at least 0"),
        ("LSTMM --input-size 4 --hidden-size 5", "invalid choice: 'LSTMM'"),
        ("LSTM --input-size 4", "required: --hidden-size"),
    ],
)
def test_the_command_refuses_what_makes_no_layer(words, message):
    done = command("shapes", *words.split())
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def command(*words):
    words = [sys.executable, "-m", "lstm", *words]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_an_unknown_layer_is_answered_with_the_known():
    with pytest.raises(ValueError, match="'LSTMM': expected one of RNN, GRU, LSTM"):
        shapes.count(4, 5, kind="LSTMM")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"dropout": -0.1}, "dropout must be a number"),
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
