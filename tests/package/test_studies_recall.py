"""The study of recall: what it trains, and what chapter 1 says of its rows."""

import torch

from lstm import studies
from lstm.data import Recall
from lstm.models import SequenceClassifier
from lstm.studies import recall


def test_a_forget_bias_stands_in_the_forget_gate_and_nowhere_else():
    torch.manual_seed(0)
    plain = recall.make("LSTM", 8, 5)
    torch.manual_seed(0)
    opened = recall.make("LSTM, forget bias 3", 8, 5)
    assert (opened.bias_ih_l0[5:10] == 3).all()
    assert (opened.bias_hh_l0[5:10] == 0).all()
    for name, before in plain.named_parameters():
        after = dict(opened.named_parameters())[name]
        same = torch.ones(len(before), dtype=bool)
        if "bias" in name:
            same[5:10] = False
        assert torch.equal(before[same], after[same])


def test_training_stops_once_enough_keys_are_named_or_the_budget_is_spent():
    torch.manual_seed(0)
    model = SequenceClassifier(recall.make("LSTM, forget bias 3", 8, 16), 4)
    found = recall.updates_until(model, Recall(5), lr=1e-2, seed=0)
    assert found["best"] >= recall.NAMED
    assert 25 <= found["updates"] <= 200
    inputs, keys = Recall(5).batch(500)
    named = (model(inputs).argmax(-1) == keys).float().mean()
    assert named > 0.9
    torch.manual_seed(0)
    model = SequenceClassifier(recall.make("LSTM", 8, 16), 4)
    found = recall.updates_until(model, Recall(40), lr=1e-3, seed=0, budget=50)
    assert found["updates"] is None
    assert 0.2 < found["best"] < 0.5


def updates(**wanted):
    """The updates of the rows wanted, those that did not learn as infinitely many."""
    rows = studies.select(studies.load("recall"), **wanted)
    return sorted(row["updates"] or float("inf") for row in rows)


def test_the_open_forget_gate_learns_at_once_everywhere():
    assert updates(layer="LSTM, forget bias 3", length=20)[-1] <= 200
    assert updates(layer="LSTM, forget bias 3", units=32)[-1] <= 350


def test_at_length_20_and_32_units_the_fresh_lstm_is_the_last_at_every_rate():
    for lr in recall.RATES:
        at = {"length": 20, "units": 32, "lr": lr}
        middle = {layer: updates(layer=layer, **at)[1] for layer in recall.LAYERS}
        assert max(middle, key=middle.get) == "LSTM"
        assert updates(layer="LSTM", **at)[0] > 2 * middle["RNN"]
    for lr in (5e-3, 1e-2):
        assert updates(layer="LSTM", length=20, units=32, lr=lr)[0] == float("inf")


def test_its_limits_too_it_learns_at_a_low_rate_and_at_16_units_the_order_turns():
    assert updates(layer="LSTM", length=20, units=32, lr=2e-3)[0] < 3000
    low = {"length": 20, "units": 16, "lr": 1e-3}
    assert updates(layer="LSTM", **low)[1] < updates(layer="RNN", **low)[0]
    assert updates(layer="LSTM", length=20, units=128, lr=1e-2)[0] == 100
