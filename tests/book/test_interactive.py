"""The interactive figures' arithmetic, in Node, is that of the package."""

import itertools
import math

import pytest
import torch

from lstm import shapes
from lstm.steps import lstm_step
from node import FOLDER, call


def step_cases():
    """Arguments of a step, and what torch's layer's weights make of them."""
    torch.manual_seed(0)
    for D, H in ((1, 1), (3, 5), (28, 32)):
        layer = torch.nn.LSTMCell(D, H).double()
        x, h, c = (torch.randn(size).double() for size in (D, H, H))
        names = "w_ih", "w_hh", "b_ih", "b_hh"
        weights = dict(zip(names, layer.parameters(), strict=True))
        listed = {name: w.flatten().tolist() for name, w in weights.items()}
        given = [x.tolist(), [h.tolist(), c.tolist()], listed]
        yield given, lstm_step(x[None], (h[None], c[None]), *weights.values())


def furthest(file):
    """How far a step in JavaScript is from the package's, at most."""
    given, wanted = zip(*step_cases(), strict=True)
    apart = [
        (torch.tensor(found[name]).double() - state[0]).abs().max().item()
        for found, states in zip(call(file, "step", given), wanted, strict=True)
        for name, state in zip("hc", states, strict=True)
    ]
    return max(apart)


def test_a_step_is_lstm_step():
    assert furthest(FOLDER / "lstm.js") < 1e-6


def test_a_step_on_a_letter_is_the_one_on_its_one_hot_vector():
    given, _ = next(case for case in step_cases() if len(case[0][0]) == 3)
    one_hot = [[[0, 0, 1], *given[1:]], [2, *given[1:]]]
    of_vector, of_letter = call(FOLDER / "lstm.js", "step", one_hot)
    assert of_vector == of_letter


@pytest.mark.parametrize(
    ("gate", "other"), [("found.f[u] * c[u]", "found.i[u] * c[u]"),
                        ("found.o[u] * Math", "found.g[u] * Math")]
)  # fmt: skip
def test_an_exchanged_gate_is_seen(tmp_path, gate, other):
    text = (FOLDER / "lstm.js").read_text("utf-8")
    assert gate in text
    (tmp_path / "lstm.js").write_text(text.replace(gate, other), "utf-8")
    assert furthest(tmp_path / "lstm.js") > 1e-3


FORCES = {}, {"F": 0}, {"I": 0}, {"O": 0}, {"F": 1, "I": 0}, {"F": 1, "I": 1, "O": 1}


def test_forced_gates_are_those_of_section_1_11():
    wave = [math.sin(0.4 * t) for t in range(40)]
    found = call(FOLDER / "lstm.js", "forced", [[wave, force] for force in FORCES])
    for force, result in zip(FORCES, found, strict=True):
        c, h = 1.0, 0.0
        for x, cell, hidden in zip(wave, result["C"], result["H"], strict=True):
            gate = 1 / (1 + math.exp(-(x + h)))
            i, f, o = (force.get(name, gate) for name in "IFO")
            c = f * c + i * math.tanh(2 * x + h)
            h = o * math.tanh(c)
            assert (cell, hidden) == pytest.approx((c, h), abs=1e-12)


def test_the_roads_are_those_of_7_7():
    cases = [(0.8, 0.1, 100), (1, 0, 7), (0, 0.5, 3), (0, 0, 2)]
    for (F, q, d), found in zip(
        cases, call(FOLDER / "lstm.js", "roads", cases), strict=True
    ):
        terms = [math.comb(d, m) * F ** (d - m) * q**m for m in range(d + 1)]
        assert found["whole"] == pytest.approx(sum(terms), rel=1e-12)
        assert found["direct"] == pytest.approx(F**d, rel=1e-12)
        if sum(terms):
            assert found["share"] == pytest.approx(terms[0] / sum(terms), rel=1e-12)


OTHERS = "bidirectional", "proj_size", "batch"


def arguments():
    """Many a layer, and a batch or none."""
    every = itertools.product(
        ("LSTM", "GRU", "RNN"), (1, 3), (False, True), (False, True), (False, True),
        (0, 2), (None, 4),
    )  # fmt: skip
    names = "kind", "num_layers", "bias", "batch_first", *OTHERS
    for values in every:
        given = dict(zip(names, values, strict=True))
        if given["kind"] == "LSTM" or not given["proj_size"]:
            yield given | {"input_size": 5, "hidden_size": 7, "length": 6}


def test_shapes_are_those_of_lstm_shapes():
    cases = [*arguments()]
    assert len(cases) == 128
    tensors, parameters = (
        call(FOLDER / "shapes.js", name, [[case] for case in cases])
        for name in ("tensors", "parameters")
    )
    for case, found, weights in zip(cases, tensors, parameters, strict=True):
        own = {k: v for k, v in case.items() if k not in ("length", "batch")}
        wanted = shapes.tensors(**case)
        for got, want in ((found, wanted), (weights, shapes.parameters(**own))):
            assert got == [
                {"name": s.name, "letters": [*s.letters], "sizes": [*s.sizes]}
                for s in want
            ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"input_size": 0}, "input_size"), ({"hidden_size": 2.5}, "hidden_size"),
     ({"length": None}, "length"), ({"batch": -1}, "batch"), ({}, None),
     ({"proj_size": 7}, "smaller than hidden_size"), ({"batch": None}, None),
     ({"kind": "GRU", "proj_size": 1}, "only an LSTM")],
)  # fmt: skip
def test_what_a_layer_refuses_is_said_in_a_sentence(changed, said):
    case = {"kind": "LSTM", "input_size": 5, "hidden_size": 7, "num_layers": 1}
    case |= {"proj_size": 0, "length": 3, "batch": 2}
    [found] = call(FOLDER / "shapes.js", "wrong", [[case | changed]])
    assert (found is None) if said is None else said in found
