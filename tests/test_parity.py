"""The parity table: every combination is compared, within rounding, and a difference would show."""

import subprocess
import sys

import pytest
import torch

from lstm import parity
from lstm.layers import LSTM


@pytest.fixture(scope="module")
def measured():
    return parity.measure("cpu")


def test_every_combination_agrees_within_rounding(measured):
    assert 0 < parity.worst(measured) < parity.BOUND
    assert len(measured) == 24 + 12 + 4
    assert {kind for kind, _ in measured} == set(parity.OURS)
    for (kind, _), forms in measured.items():
        assert tuple(forms) == (parity.FORMS[:2] if "Cell" in kind else parity.FORMS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_every_combination_agrees_on_a_gpu():
    assert 0 < parity.worst(parity.measure("cuda")) < parity.BOUND


def test_the_table_has_a_row_for_each_and_blanks_where_a_cell_takes_no_sequence(
    measured,
):
    rows = parity.table(measured).rows
    assert len(rows) == len(measured)
    assert all(row[2] and row[3] for row in rows)
    assert {row[4:] for row in rows if "Cell" in row[0]} == {("", "", "")}


def test_the_random_numbers_of_the_caller_are_left_alone():
    torch.manual_seed(5)
    want = torch.randn(3)
    torch.manual_seed(5)
    parity.measure("cpu")
    assert torch.equal(torch.randn(3), want)


@pytest.mark.parametrize("form", parity.FORMS)
def test_a_fault_shows_in_every_form(form, monkeypatch):
    monkeypatch.setattr(LSTM, "_step", staticmethod(faulty_step))
    first = {"batch_first": True} if form == "batch first" else {}
    layers = parity.pair("LSTM", {"num_layers": 1} | first)
    assert parity.difference(*layers, form, True) > 1e-3


def faulty_step(x, state, w_ih, w_hh, b_ih, b_hh):
    h, c = state
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=-1)
    c = i.sigmoid() * c + f.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def test_what_is_no_number_is_no_agreement():
    """NaN is farther off than anything."""
    ours, theirs = parity.pair("LSTM", {"num_layers": 1})
    with torch.no_grad():
        ours.bias_hh_l0[0] = float("nan")
    assert parity.difference(ours, theirs, "batched", False) == float("inf")


def test_the_command_prints_the_table_and_its_largest_entry():
    command = [sys.executable, "-m", "lstm", "parity", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "num_layers=3, bidirectional=True, bias=False, dropout=0.5, proj_size=2" in done.stdout  # fmt: skip
    assert "largest difference of outputs, states and gradients: " in done.stdout


def test_the_command_fails_when_a_difference_is_more_than_rounding(monkeypatch, capsys):
    from lstm import __main__ as main

    monkeypatch.setattr(parity, "BOUND", 1e-20)
    with pytest.raises(SystemExit) as caught:
        main.main(["parity", "--device", "cpu"])
    assert caught.value.code == 1
    assert "this is not rounding" in capsys.readouterr().err
