"""The comparison with torch: whole, within rounding, and a difference would show."""

from collections import Counter

import pytest
import torch

from lstm import parity, shapes
from lstm.layers import LSTM


@pytest.fixture(scope="module")
def measured():
    return parity.measure("cpu")


def test_all_combinations_and_forms_agree_within_rounding(measured):
    assert 0 < parity.worst(measured) < parity.BOUND
    # an LSTM has a projection or none; a GRU has none
    layers = {"LSTM": 24, "GRU": 12, "LSTMCell": 2, "GRUCell": 2}
    assert Counter(kind for kind, _ in measured) == layers
    for (kind, _), forms in measured.items():
        assert tuple(forms) == (parity.FORMS[:2] if "Cell" in kind else parity.FORMS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_all_combinations_and_forms_agree_on_a_gpu():
    assert 0 < parity.worst(parity.measure("cuda")) < parity.BOUND


def test_the_table_has_a_row_for_each_and_blanks_where_a_cell_takes_no_sequence(
    measured,
):
    rows = parity.table(measured).rows
    assert [row[:2] for row in rows] == list(measured)
    assert all(row[2] and row[3] for row in rows)
    assert {row[4:] for row in rows if "Cell" in row[0]} == {("", "", "")}


def test_the_random_numbers_of_the_caller_are_left_alone(monkeypatch):
    one = [("LSTM", {"num_layers": 1})]
    monkeypatch.setattr(parity, "combinations", lambda dropout: one)
    torch.manual_seed(5)
    want = torch.randn(3)
    torch.manual_seed(5)
    assert len(parity.measure("cpu")) == 1
    assert torch.equal(torch.randn(3), want)


@pytest.mark.parametrize("form", parity.FORMS)
def test_a_fault_shows_in_every_form(form, monkeypatch):
    def gates_exchanged(x, state, w_ih, w_hh, b_ih, b_hh):
        h, c = state
        i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=-1)
        c = i.sigmoid() * c + f.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    monkeypatch.setattr("lstm.layers.lstm_step", gates_exchanged)
    first = {"batch_first": True} if form == "batch first" else {}
    layers = parity.pair("LSTM", {"num_layers": 1} | first)
    assert isinstance(layers[0], LSTM)
    assert parity.difference(*layers, form, True) > 1e-3


def test_what_is_no_number_is_no_agreement():
    """NaN is farther off than anything."""
    ours, theirs = parity.pair("LSTM", {"num_layers": 1})
    with torch.no_grad():
        ours.bias_hh_l0[0] = float("nan")
    assert parity.difference(ours, theirs, "batched", False) == float("inf")


# the shapes that lstm.shapes announces


@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_shapes_that_are_torchs_give_no_difference(kind, batch):
    arguments = {"num_layers": 2, "bidirectional": True, "kind": kind}
    if kind == "LSTM":
        arguments["proj_size"] = 2
    assert parity.shape_differences(4, 5, **arguments, length=7, batch=batch) == []


def test_a_parameter_that_is_another_in_torch_is_named(monkeypatch):
    right = shapes.parameters(4, 5)
    invented = shapes.Shape("weight_hr_l0", ("P", "H"), (7, 9))
    for listed, named in (
        ([*right, invented], ["weight_hr_l0"]),
        (right[:-1], ["bias_hh_l0"]),
        (right[::-1], ["their order"]),
    ):
        monkeypatch.setattr(shapes, "parameters", lambda *a, listed=listed, **k: listed)
        assert parity.shape_differences(4, 5, length=7) == named


def test_rows_of_another_number_than_torchs_are_named(monkeypatch):
    monkeypatch.setitem(shapes.GATES, "GRU", 4)
    wrong = parity.shape_differences(4, 5, bias=False, kind="GRU", length=7)
    assert wrong == ["weight_hh_l0", "weight_ih_l0"]


def test_an_output_of_another_shape_than_torchs_is_named(monkeypatch):
    tensors = shapes.tensors

    def wrong(*args, **kwargs):
        swapped = tensors(*args, **kwargs)
        output = swapped[3]
        swapped[3] = shapes.Shape("output", output.letters, output.sizes[::-1])
        return swapped

    monkeypatch.setattr(shapes, "tensors", wrong)
    assert parity.shape_differences(4, 5, length=7, batch=6) == ["output"]
