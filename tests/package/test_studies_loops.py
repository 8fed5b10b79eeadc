"""The study of loops: both train the same model, and ours is not the slower one."""

import statistics

import pytest

from lstm import studies
from lstm.studies import loops


@pytest.mark.parametrize("round", [0, 1])
def test_both_loops_end_with_the_same_weights(monkeypatch, round):
    monkeypatch.setenv("LSTM_DATA", "none")
    row = loops.measure(round, units=16, epochs=2)
    assert row["apart"] < 1e-4  # d2l clips to norm 1, torch to a millionth less
    assert min(row["d2l"], row["fit"]) > 0


def test_the_packages_loop_is_at_least_as_fast_as_d2ls():
    rows = studies.load("loops")
    assert [row["round"] for row in rows] == list(range(loops.ROUNDS))
    assert statistics.median(row["fit"] / row["d2l"] for row in rows) >= 1
    assert max(row["apart"] for row in rows) < 1e-2
