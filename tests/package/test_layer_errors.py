"""Where torch raises, so do we: its type and words, and what was given and expected.

Where torch stumbles into AttributeError, IndexError or KeyError, ours is a TypeError.
"""

import ast
import inspect
import re
import warnings
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.testing import make_tensor

import lstm
import lstm.fast
from lstm import shapes

ZEROS = torch.zeros
BOTH = "LSTM", "GRU"
CELLS = "LSTMCell", "GRUCell"
ERRORS = TypeError, ValueError, RuntimeError

# torch's layers of today check more than those of older versions, in newer words
SOURCE = inspect.getsource(nn.RNNBase)
CHECKS_MORE = "batch_first should be" in SOURCE and "RNN input dtype" in SOURCE

# what torch did not mean to say: Python's errors, products, and calls into C++
ACCIDENTS = [
    "not supported between",
    "cannot be interpreted as an integer",
    "float() argument must be",
    "could not convert string to float",
    "empty(): argument",
    "negative dimension",
    "mat1 and mat2",
    "get_mkldnn_dtype",
    "must match the size of tensor",
    "more hidden states in stacked_rnn",
    "incorrect number of RNN parameters",
    "doesn't match the broadcast shape",
    "expected scalar type Long but found Int",
    "is invalid for input of size",
    "exceeds dimension size",
    "not on the expected device",
    "invalid combination of arguments",
    "expected Tensor as element",
    "must be tuple of Tensors",
    "not subscriptable",
    "not iterable",
    "not callable",
    "unexpected keyword argument",
]


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one, is the question
        call()
    return type(caught.value), str(caught.value)


def compare(name, call, *named, new=False):
    """Our class and torch's of this name err alike, and ours names what it should.

    new: older versions of torch let it pass, or look elsewhere first.
    """
    ours, text = raised(lambda: call(getattr(lstm, name)))
    for part in named:
        assert part in text
    if new and not CHECKS_MORE:
        return
    theirs, words = raised(lambda: call(getattr(nn, name)))
    assert ours is (theirs if theirs in ERRORS else TypeError), (text, words)
    meant = theirs in ERRORS and not any(accident in words for accident in ACCIDENTS)
    if CHECKS_MORE and meant:
        assert text.startswith(words)


def state(kind, *shape, **kwargs):
    h = ZEROS(shape, **kwargs)
    return (h, h) if kind.startswith("LSTM") else h


def packed(*shape, lengths=(7, 5)):
    return pack_padded_sequence(ZEROS(shape), list(lengths))


# arguments of the constructor

POSITIVE = "must be greater than zero, got"
PROBABILITY = (
    "dropout should be a number in range [0, 1] representing the probability of"
)
ARGUMENTS = [
    ({"input_size": 0}, f"input_size {POSITIVE} 0"),
    ({"input_size": -1}, f"input_size {POSITIVE} -1"),
    ({"input_size": 2.0}, "input_size should be of type int, got: float"),
    ({"input_size": "3"}, "input_size should be of type int, got: str"),
    ({"hidden_size": 0}, f"hidden_size {POSITIVE} 0"),
    ({"hidden_size": 2.5}, "hidden_size should be of type int, got: float"),
    ({"num_layers": 0}, f"num_layers {POSITIVE} 0"),
    ({"num_layers": 1.5}, "num_layers should be of type int, got: float"),
    ({"num_layers": "2"}, "num_layers should be of type int, got: str"),
    ({"num_layers": None}, "num_layers should be of type int, got: NoneType"),
    ({"bias": 1}, "bias should be of type bool, got: int"),
    ({"bias": None}, "bias should be of type bool, got: NoneType"),
    ({"batch_first": "yes"}, "batch_first should be of type bool, got: str"),
    ({"dropout": 1.1}, "being zeroed, got 1.1"),
    ({"dropout": -0.1}, "being zeroed, got -0.1"),
    ({"dropout": float("nan")}, "being zeroed, got nan"),
    ({"dropout": True}, "being zeroed, got True"),
    ({"dropout": "0.5"}, "being zeroed, got '0.5'"),
    ({"dropout": "x"}, f"{PROBABILITY} an element being zeroed, got 'x'"),
    ({"dropout": None}, f"{PROBABILITY} an element being zeroed, got None"),
    ({"dropout": [0.5]}, f"{PROBABILITY} an element being zeroed, got [0.5]"),
    ({"dropout": 1j}, f"{PROBABILITY} an element being zeroed, got 1j"),
    ({"dropout": torch.tensor(0.5)}, "being zeroed, got tensor(0.5000)"),
    ({"hiden_size": 5}, "hiden_size"),
]
SMALLER = "proj_size has to be smaller than hidden_size"
ONLY = "proj_size argument is only supported for LSTM, not RNN or GRU, got"
PROJECTIONS = [
    ("LSTM", {"proj_size": -1}, "zero to disable projections, got -1"),
    ("LSTM", {"proj_size": 5}, f"{SMALLER}, got 5 for a hidden_size of 5"),
    ("LSTM", {"proj_size": 6}, f"{SMALLER}, got 6 for a hidden_size of 5"),
    ("LSTM", {"proj_size": 2.0}, "proj_size should be of type int, got: float"),
    ("LSTM", {"proj_size": "2"}, "proj_size should be of type int, got: str"),
    ("GRU", {"proj_size": 2}, f"{ONLY} 2"),
    ("GRU", {"proj_size": 0}, f"{ONLY} 0"),
    ("GRU", {"proj_size": None}, f"{ONLY} None"),
]
EVERY_ARGUMENT = [(kind, *case) for kind in BOTH for case in ARGUMENTS] + PROJECTIONS


@pytest.mark.parametrize(("kind", "arguments", "message"), EVERY_ARGUMENT, ids=str)
def test_the_constructor_refuses_what_torchs_refuses(kind, arguments, message):
    wrong = {"input_size": 3, "hidden_size": 5} | arguments
    new = bool(arguments.keys() & {"input_size", "bias", "batch_first"})
    compare(kind, lambda layer: layer(**wrong), message, new=new)


@pytest.mark.parametrize("kind", BOTH)
def test_of_two_wrong_arguments_torchs_first_is_named(kind):
    faults = [
        ("dropout", 2),
        ("bias", 1),
        ("batch_first", 1),
        ("input_size", 0),
        ("hidden_size", 2.5),
        ("num_layers", 0),
        ("proj_size", -1),
    ]
    if kind == "GRU":
        faults = [faults[-1], *faults[:-1]]
    for first, second in pairwise(faults):
        wrong = {"input_size": 3, "hidden_size": 5} | dict([second, first])
        compare(kind, lambda layer, wrong=wrong: layer(**wrong), first[0], new=True)


def test_shapes_alone_have_no_projection_either_for_a_gru():
    with pytest.raises(ValueError, match=f"^{ONLY} 2$"):
        shapes.parameters(3, 5, proj_size=2, kind="GRU")


@pytest.mark.parametrize("kind", BOTH)
def test_dropout_with_one_layer_warns_in_torchs_words_where_the_caller_stands(kind):
    found = []
    for package in (lstm, nn):
        with warnings.catch_warnings(record=True, action="always") as caught:
            getattr(package, kind)(3, 5, dropout=0.5)
        found += caught
    ours, theirs = found
    assert ours.category is theirs.category is UserWarning
    assert str(ours.message) == str(theirs.message)
    assert ours.filename == __file__


# what a layer is given to read

X = ZEROS(7, 2, 3)
TENSOR = "input should be of type Tensor or PackedSequence, got:"
FLOAT = "does not match weight dtype (torch.float32)"
INPUTS = {
    "no axes": (ZEROS(()), "expected shape (..., 3), got ()"),
    "one axis": (ZEROS(3), "expected shape (..., 3), got (3,)"),
    "four axes": (ZEROS(1, 7, 2, 3), "expected shape (..., 3), got (1, 7, 2, 3)"),
    "features": (ZEROS(7, 2, 4), "expected shape (..., 3), got (7, 2, 4)"),
    "unbatched features": (ZEROS(7, 4), "expected shape (..., 3), got (7, 4)"),
    "no steps": (ZEROS(0, 2, 3), "larger than 0 in RNN", "got an input", "(0, 2, 3)"),
    "no steps, unbatched": (ZEROS(0, 3), "larger than 0 in RNN", "(0, 3)"),
    "a list": ([1.0, 2.0], f"{TENSOR} list"),
    "nothing": (None, f"{TENSOR} NoneType"),
    "numpy": (X.numpy(), f"{TENSOR} ndarray"),
    "double": (X.double(), "input dtype (torch.float64)", FLOAT, "float64)"),
    "integers": (X.long(), "input dtype (torch.int64)", FLOAT),
    "packed features": (packed(7, 2, 4), "expected shape (..., 3), got (12, 4)"),
    "packed double": (packed(7, 2, 3).double(), "(torch.float64)", FLOAT),
    "packed axes": (packed(7, 2, 4, 3), "shape (steps, 3), got (12, 4, 3)"),
}


@pytest.mark.parametrize("case", INPUTS)
@pytest.mark.parametrize("kind", BOTH)
def test_an_input_that_torch_refuses_is_refused(kind, case):
    given, *named = INPUTS[case]
    compare(kind, lambda layer: layer(3, 5)(given), *named)


@pytest.mark.parametrize("kind", BOTH)
def test_no_steps_are_seen_where_the_batch_comes_first(kind):
    for x in (ZEROS(2, 0, 3), ZEROS(0, 3)):
        shape = str(tuple(x.shape))
        compare(kind, lambda layer, x=x: layer(3, 5, batch_first=True)(x), shape)


# sizes, and data that torch refuses for them
PACKINGS = {
    "rising": ([1, 2, 2], torch.int64),
    "int32": ([2, 2, 1], torch.int32),
    "too many": ([3, 3], torch.int64),
    "below zero": ([6, -1], torch.int64),
}


@pytest.mark.parametrize("case", PACKINGS)
@pytest.mark.parametrize("kind", BOTH)
def test_a_packing_made_wrong_by_hand_is_refused(kind, case):
    sizes, dtype = PACKINGS[case]
    wrong = PackedSequence(ZEROS(5, 3), torch.tensor(sizes, dtype=dtype))
    wanted, found = "int64 numbers that never rise, 5 in all", f"{sizes} in {dtype}"
    compare(kind, lambda layer: layer(3, 5)(wrong), wanted, f"got {found}")


@pytest.mark.parametrize("kind", BOTH)
def test_a_packing_that_torch_cuts_or_stumbles_over_is_refused(kind):
    for sizes in ([2, 2], []):
        wrong = PackedSequence(ZEROS(5, 3), torch.tensor(sizes, dtype=torch.int64))
        with pytest.raises(
            RuntimeError, match=f"5 in all, got {re.escape(str(sizes))}"
        ):
            getattr(lstm, kind)(3, 5)(wrong)


# the state that a layer is given

STATES = {
    "batch": (X, (1, 3, 5), "size (1, 2, 5), got [1, 3, 5]"),
    "batch of one": (X, (1, 1, 5), "size (1, 2, 5), got [1, 1, 5]"),
    "size": (X, (1, 2, 4), "size (1, 2, 5), got [1, 2, 4]"),
    "layers": (X, (2, 2, 5), "size (1, 2, 5), got [2, 2, 5]"),
    "axes": (X, (2, 5), "expected shapes ((1, 2, 5),", "got ((2, 5),"),
    "more axes": (X, (1, 1, 2, 5), "expected shapes ((1, 2, 5),", "got ((1, 1, 2, 5),"),
    "unbatched, axes": (X[:, 0], (1, 1, 5), "shapes ((1, 5),", "got ((1, 1, 5),"),
    "unbatched, one axis": (X[:, 0], (5,), "shapes ((1, 5),", "got ((5,),"),
    "unbatched, size": (X[:, 0], (1, 4), "a batch, expected (1, 5), got (1, 4)"),
    "unbatched, layers": (X[:, 0], (2, 5), "a batch, expected (1, 5), got (2, 5)"),
    "packed, batch": (packed(7, 2, 3), (1, 3, 5), "size (1, 2, 5), got [1, 3, 5]"),
    "packed, size": (packed(7, 2, 3), (1, 2, 4), "size (1, 2, 5), got [1, 2, 4]"),
    # torch takes more layers than it has, from a packed LSTM, not fewer
    "packed, layers": (packed(7, 2, 3), (0, 2, 5), "size (1, 2, 5), got [0, 2, 5]"),
}


@pytest.mark.parametrize("case", STATES)
@pytest.mark.parametrize("kind", BOTH)
def test_a_state_that_does_not_fit_is_named_with_both_shapes(kind, case):
    x, shape, *named = STATES[case]
    compare(kind, lambda layer: layer(3, 5)(x, state(kind, *shape)), *named)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("x", [X, packed(7, 2, 3)], ids=["padded", "packed"])
def test_a_state_of_another_number_type_is_named(kind, x):
    double = state(kind, 1, 2, 5, dtype=torch.float64)
    named = "hidden dtype (torch.float64)", FLOAT
    compare(kind, lambda layer: layer(3, 5)(x, double), *named)


H = ZEROS(1, 2, 5)
NO_PAIR = "hx should be of type tuple, a pair (h, c), got:"
PAIRS = {
    "size of c": ((H, ZEROS(1, 2, 4)), "hidden[1] size (1, 2, 5), got [1, 2, 4]"),
    "axes of c": ((H, ZEROS(2, 5)), "((1, 2, 5), (1, 2, 5)), got ((1, 2, 5), (2, 5))"),
    "type of c": ((H, H.double()), "hidden dtype (torch.float64)", FLOAT),
    "three": ((H, H, H), "lstm expects two hidden states, got 3"),
    "a number": (3, f"{NO_PAIR} int"),
}
# torch's types depend on the packing here, or are none of the three
NO_PAIRS = {
    "one tensor": (H, f"{NO_PAIR} Tensor"),
    "rows of a tensor": (ZEROS(2, 2, 5), f"{NO_PAIR} Tensor"),
    "one in a tuple": ((H,), "lstm expects two hidden states, got 1"),
    "one in a list": ([H], "lstm expects two hidden states, got 1"),
    "an empty tuple": ((), "lstm expects two hidden states, got 0"),
    "nothing in it": ((None, None), "hx[0] should be of type Tensor, got: NoneType"),
    "nothing for c": ((H, None), "hx[1] should be of type Tensor, got: NoneType"),
    "a text": ("ab", f"{NO_PAIR} str"),
    "a dictionary": ({"h": H}, f"{NO_PAIR} dict"),
    "numpy": (np.zeros((2, 1, 2, 5)), f"{NO_PAIR} ndarray"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_an_lstms_state_is_a_pair(case):
    given, *named = PAIRS[case]
    compare("LSTM", lambda layer: layer(3, 5)(X, given), *named)


@pytest.mark.parametrize("case", ["type of c", "three", "a number"])
def test_an_lstms_state_is_a_pair_for_a_packed_batch_too(case):
    given, *named = PAIRS[case]
    compare("LSTM", lambda layer: layer(3, 5)(packed(7, 2, 3), given), *named)


@pytest.mark.parametrize("case", NO_PAIRS)
@pytest.mark.parametrize("x", [X, packed(7, 2, 3)], ids=["padded", "packed"])
def test_what_is_no_pair_is_a_type_error_packed_or_not(x, case):
    given, message = NO_PAIRS[case]
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        lstm.LSTM(3, 5)(x, given)
    theirs, _ = raised(lambda: nn.LSTM(3, 5)(x, given))
    assert theirs in (*ERRORS, AttributeError, IndexError, KeyError)


@pytest.mark.parametrize("given", [(H,), [H], (H, H), "h", 3, (None,), {}, H.numpy()])
def test_a_grus_state_is_one_tensor(given):
    message = f"hx should be of type Tensor, got: {type(given).__name__}"
    for x in (X, packed(7, 2, 3)):
        compare("GRU", lambda layer, x=x: layer(3, 5)(x, given), message)


def test_a_projection_shortens_h_and_not_c():
    p, h = ZEROS(1, 2, 2), ZEROS(1, 2, 5)
    for package in (nn, lstm):
        package.LSTM(3, 5, proj_size=2)(X, (p, h))
    for wrong, message in (
        ((h, h), "hidden[0] size (1, 2, 2), got [1, 2, 5]"),
        ((p, p), "hidden[1] size (1, 2, 5), got [1, 2, 2]"),
    ):
        call = lambda layer, wrong=wrong: layer(3, 5, proj_size=2)(X, wrong)
        compare("LSTM", call, message)


# devices

META = {"device": "meta"}
DEVICES = {
    "input": (X.to("meta"), None, "input tensor at meta and parameter tensor at cpu"),
    "state": (X, META, "input tensor at cpu and hidden tensor at meta"),
    "both": (X.to("meta"), META, "input tensor at meta and parameter tensor at cpu"),
    "not the state": (
        X.to("meta"),
        {},
        "input tensor at meta and hidden tensor at cpu",
    ),
}


@pytest.mark.parametrize("case", DEVICES)
@pytest.mark.parametrize("kind", BOTH)
def test_what_lies_on_another_device_is_named_with_both(kind, case):
    x, where, *named = DEVICES[case]
    hx = None if where is None else state(kind, 1, 2, 5, **where)
    compare(kind, lambda layer: layer(3, 5)(x, hx), *named)


@pytest.mark.parametrize("case", DEVICES)
@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_names_both_devices_too(kind, case):
    x, where, *named = DEVICES[case]
    hx = None if where is None else state(kind, 2, 5, **where)
    compare(kind, lambda cell: cell(3, 5)(x[0], hx), *named)


# two faults at once: the first is the one that torch finds first

DOUBLE = {"dtype": torch.float64}
SENTENCES = {
    "axes": "Expected input to be 2D or 3D, got 4D",
    "state's axes": "3-D but got",
    "type": "RNN input dtype",
    "features": "input.size(-1) must be",
    "state's size": "Expected hidden",
    "device": "not at the same device",
    "steps": "larger than 0",
}
TWO_FAULTS = [
    ("axes", X[None].double(), (1, 2, 5), {}),
    ("axes", X[None], (2, 5), {}),
    ("axes", ZEROS(1, 7, 2, 4), (1, 2, 5), {}),
    ("state's axes", X.double(), (2, 5), {}),
    ("state's axes", ZEROS(7, 2, 4), (2, 5), {}),
    ("state's axes", X, (2, 5), DOUBLE),
    ("type", ZEROS(7, 2, 4).double(), (1, 2, 5), {}),
    ("type", X.double(), (1, 2, 4), {}),
    ("type", X.double().to("meta"), (1, 2, 5), {}),
    ("features", ZEROS(7, 2, 4), (1, 2, 4), {}),
    ("features", ZEROS(7, 2, 4, device="meta"), (1, 2, 5), {}),
    ("state's size", X, (1, 2, 4), DOUBLE),
    ("state's size", X, (1, 2, 4), META),
    ("state's size", ZEROS(0, 2, 3), (1, 2, 4), {}),
    ("state's size", X.to("meta"), (1, 2, 4), {}),
    ("device", X, (1, 2, 5), DOUBLE | META),
    ("device", ZEROS(0, 2, 3, device="meta"), (1, 2, 5), {}),
    ("steps", ZEROS(0, 2, 3), (1, 2, 5), DOUBLE),
]


@pytest.mark.parametrize(("first", "x", "shape", "where"), TWO_FAULTS)
@pytest.mark.parametrize("kind", BOTH)
def test_of_two_faults_a_layer_names_torchs_first(kind, first, x, shape, where):
    hx = state(kind, *shape, **where)
    compare(kind, lambda layer: layer(3, 5)(x, hx), SENTENCES[first], new=True)


Y = ZEROS(2, 3)
TWO_FAULTS_OF_A_CELL = [
    ("Expected input to be 1D or 2D", Y[None].double(), (2, 5), {}),
    ("Expected input to be 1D or 2D", Y[None], (1, 2, 5), {}),
    ("to be 1D or 2D, got 3D", Y.double(), (1, 2, 5), {}),
    ("to be 1D or 2D, got 3D", ZEROS(2, 4), (1, 2, 5), {}),
    ("inconsistent input_size", ZEROS(2, 4), (2, 4), {}),
    ("inconsistent input_size", ZEROS(2, 4), (3, 5), {}),
    ("inconsistent input_size", ZEROS(2, 4).double(), (2, 5), {}),
    ("Input batch size 2", Y, (3, 4), {}),
    ("inconsistent hidden_size", Y, (2, 4), DOUBLE),
    ("inconsistent hidden_size", Y.double(), (2, 4), {}),
    ("inconsistent hidden_size", Y.to("meta"), (2, 4), {}),
]


@pytest.mark.parametrize(("first", "x", "shape", "where"), TWO_FAULTS_OF_A_CELL)
@pytest.mark.parametrize("kind", CELLS)
def test_of_two_faults_a_cell_names_torchs_first(kind, first, x, shape, where):
    hx = state(kind, *shape, **where)
    compare(kind, lambda cell: cell(3, 5)(x, hx), first, new=True)


# where torch looks away, or stumbles over a shape


def test_where_torch_drops_a_sequences_state_in_silence_we_say_so():
    """torch sorts the states of a packed batch unchecked: one of three is lost."""
    given = pack_padded_sequence(ZEROS(7, 2, 3), [5, 7], enforce_sorted=False)
    for kind in BOTH:
        getattr(nn, kind)(3, 5)(given, state(kind, 1, 3, 5))
        with pytest.raises(RuntimeError, match=r"size \(1, 2, 5\), got \[1, 3, 5\]"):
            getattr(lstm, kind)(3, 5)(given, state(kind, 1, 3, 5))


def test_where_torch_takes_a_wrong_number_of_features_we_say_so():
    """torch.nn.LSTM checks no packed input: sequences of one length pass with four."""
    given = packed(7, 2, 4, lengths=(7, 7))
    with pytest.raises(RuntimeError, match=r"shape \(\.\.\., 3\), got \(14, 4\)"):
        lstm.LSTM(3, 5)(given)


def test_a_packed_state_without_its_axes_is_an_error_of_shape():
    """torch.nn.LSTM makes an IndexError of it, torch.nn.GRU this."""
    for kind in BOTH:
        with pytest.raises(RuntimeError, match=r"size \(1, 2, 5\), got \[2, 5\]"):
            getattr(lstm, kind)(3, 5)(packed(7, 2, 3), state(kind, 2, 5))


# cells

CELL_ARGUMENTS = [
    ({"input_size": -1}, "input_size must not be below zero, got -1"),
    ({"hidden_size": -1}, "hidden_size must not be below zero, got -1"),
    ({"input_size": 2.5}, "input_size should be of type int, got: float"),
    ({"hidden_size": "5"}, "hidden_size should be of type int, got: str"),
    ({"hiden_size": 5}, "hiden_size"),
]


@pytest.mark.parametrize(("arguments", "message"), CELL_ARGUMENTS, ids=str)
@pytest.mark.parametrize("kind", CELLS)
def test_a_cells_constructor_refuses_what_torchs_refuses(kind, arguments, message):
    wrong = {"input_size": 3, "hidden_size": 5} | arguments
    compare(kind, lambda cell: cell(**wrong), message)


CELL_INPUTS = {
    "three axes": (ZEROS(2, 2, 3), "expected shape (..., 3), got (2, 2, 3)"),
    "no axes": (ZEROS(()), "expected shape (..., 3), got ()"),
    "features": (ZEROS(2, 4), "expected shape (..., 3), got (2, 4)"),
    "unbatched features": (ZEROS(4), "expected shape (..., 3), got (4,)"),
    "double": (Y.double(), "input dtype (torch.float64)", FLOAT),
    "integers": (Y.long(), "input dtype (torch.int64)", FLOAT),
    "a list": ([1.0], "input should be of type Tensor, got: list"),
    "nothing": (None, "input should be of type Tensor, got: NoneType"),
}


@pytest.mark.parametrize("case", CELL_INPUTS)
@pytest.mark.parametrize("kind", CELLS)
def test_a_cells_input_that_torch_refuses_is_refused(kind, case):
    given, *named = CELL_INPUTS[case]
    compare(kind, lambda cell: cell(3, 5)(given), *named)


CELL_STATES = {
    "three axes": (Y, (1, 2, 5), "expected shape (2, 5), got (1, 2, 5)"),
    "no axes": (Y, (), "expected shape (2, 5), got ()"),
    "batch": (Y, (3, 5), "expected shape (2, 5), got (3, 5)"),
    "batch of one": (Y, (1, 5), "expected shape (2, 5), got (1, 5)"),
    "size": (Y, (2, 4), "expected shape (2, 5), got (2, 4)"),
    "one axis": (Y, (5,), "expected shape (2, 5), got (5,)"),
    "unbatched, axes": (Y[0], (1, 5), "expected shape (5,), got (1, 5)"),
    "unbatched, size": (Y[0], (4,), "expected shape (5,), got (4,)"),
}


@pytest.mark.parametrize("case", CELL_STATES)
@pytest.mark.parametrize("kind", CELLS)
def test_a_cells_state_that_does_not_fit_is_named_with_both_shapes(kind, case):
    x, shape, *named = CELL_STATES[case]
    compare(kind, lambda cell: cell(3, 5)(x, state(kind, *shape)), *named)


@pytest.mark.parametrize("kind", CELLS)
def test_a_cells_state_of_another_number_type_is_named(kind):
    double = state(kind, 2, 5, dtype=torch.float64)
    compare(kind, lambda cell: cell(3, 5)(Y, double), "hidden dtype (torch.float64)")


@pytest.mark.parametrize("kind", CELLS)
def test_a_cells_state_of_one_axis_for_two_is_an_error_of_shape(kind):
    """If it is as long as the batch, torch makes an IndexError of it."""
    with pytest.raises(RuntimeError, match=r"expected shape \(2, 5\), got \(2,\)"):
        getattr(lstm, kind)(3, 5)(Y, state(kind, 2))


G = ZEROS(2, 5)
CELL_PAIRS = {
    "size of c": ((G, ZEROS(2, 4)), "hidden1", "expected shape (2, 5), got (2, 4)"),
    "batch of c": ((G, ZEROS(1, 5)), "hidden1", "expected shape (2, 5), got (1, 5)"),
    "axes of c": ((G, ZEROS(1, 2, 5)), "hx[1]", "shape (2, 5), got (1, 2, 5)"),
    "one tensor": (G, f"{NO_PAIR} Tensor"),
    "one in a tuple": ((G,), "lstm_cell expects two hidden states, got 1"),
    "an empty tuple": ((), "lstm_cell expects two hidden states, got 0"),
    "three": ((G, G, G), "lstm_cell expects two hidden states, got 3"),
    "a number": (3, f"{NO_PAIR} int"),
    "a dictionary": ({"h": G}, f"{NO_PAIR} dict"),
    "nothing in it": ((None, None), "hx[0] should be of type Tensor, got: NoneType"),
}


@pytest.mark.parametrize("case", CELL_PAIRS)
def test_an_lstm_cells_state_is_a_pair(case):
    given, *named = CELL_PAIRS[case]
    compare("LSTMCell", lambda cell: cell(3, 5)(Y, given), *named)


@pytest.mark.parametrize("given", [(G,), [G], 3, {}, G.numpy()])
def test_a_gru_cells_state_is_one_tensor(given):
    message = f"hx should be of type Tensor, got: {type(given).__name__}"
    compare("GRUCell", lambda cell: cell(3, 5)(Y, given), message)


# where sequences begin anew: an argument that torch has not

BEGINS = ZEROS(7, 2, dtype=torch.bool)
RESETS = [
    ([[True]], TypeError, "reset should be of type Tensor of bool, got: list"),
    (1, TypeError, "reset should be of type Tensor of bool, got: int"),
    (
        BEGINS.float(),
        TypeError,
        r"bool, got: torch.float32. Convert reset: reset.bool\(\)",
    ),
    (BEGINS.long(), TypeError, "reset should be a Tensor of bool, got: torch.int64"),
    (BEGINS.T, RuntimeError, r"expected shape \(7, 2\), got \(2, 7\)"),
    (BEGINS[:, 0], RuntimeError, r"expected shape \(7, 2\), got \(7,\)"),
    (BEGINS[..., None], RuntimeError, r"expected shape \(7, 2\), got \(7, 2, 1\)"),
    (BEGINS[:6], RuntimeError, r"one truth value for each step .*got \(6, 2\)"),
    (BEGINS.to("meta"), RuntimeError, "found input at cpu and reset at meta"),
]


@pytest.mark.parametrize(("given", "error", "message"), RESETS)
@pytest.mark.parametrize("kind", BOTH)
def test_a_reset_that_does_not_fit_is_named_with_what_would(
    kind, given, error, message
):
    layer = getattr(lstm, kind)(3, 5)
    with pytest.raises(error, match=message):
        layer(ZEROS(7, 2, 3), None, given)
    if hasattr(layer, "look_up"):
        with pytest.raises(error, match=message):
            layer.look_up(ZEROS(7, 2, dtype=torch.int64), None, given)


@pytest.mark.parametrize("kind", BOTH)
def test_a_resets_shape_follows_the_axes_of_the_input(kind):
    first, layer = (
        getattr(lstm, kind)(3, 5, batch_first=True),
        getattr(lstm, kind)(3, 5),
    )
    with pytest.raises(RuntimeError, match=r"expected shape \(2, 7\), got \(7, 2\)"):
        first(ZEROS(2, 7, 3), None, BEGINS)
    with pytest.raises(RuntimeError, match=r"expected shape \(7,\), got \(7, 2\)"):
        layer(ZEROS(7, 3), None, BEGINS)


@pytest.mark.parametrize("kind", BOTH)
def test_a_reset_of_what_is_packed_or_read_in_two_directions_is_refused(kind):
    with pytest.raises(ValueError, match="reset cannot be had with a PackedSequence"):
        getattr(lstm, kind)(3, 5)(packed(7, 2, 3), None, BEGINS)
    both = getattr(lstm, kind)(3, 5, bidirectional=True)
    with pytest.raises(ValueError, match="one direction, got bidirectional=True"):
        both(ZEROS(7, 2, 3), None, BEGINS)


@pytest.mark.filterwarnings("ignore")  # of tracing
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("module", [lstm, lstm.fast])
def test_a_layer_is_not_traced_with_a_reset_which_the_trace_would_keep(kind, module):
    layer, x = getattr(module, kind)(3, 5), torch.zeros(7, 2, 3)
    with pytest.raises(RuntimeError, match="cannot be traced with a reset"):
        torch.jit.trace(lambda x: layer(x, None, BEGINS)[0], x)


# the mistakes that torch's own tests of its modules make


def mistakes(name):
    """Call a function of torch.testing._internal.common_modules; return its list.

    Its text is taken, not the module: that needs packages and changes settings.
    """
    internal = Path(find_spec("torch.testing._internal").origin).parent
    tree = ast.parse((internal / "common_modules.py").read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if getattr(node, "name", "") == name]
    stages = SimpleNamespace(CONSTRUCTION_ERROR="made", FORWARD_ERROR="called")
    scope = {"torch": torch, "partial": partial, "make_tensor": make_tensor}
    scope |= {"ErrorModuleInput": lambda given, **kwargs: (given, kwargs)}
    scope |= {"ModuleInput": dict, "ModuleErrorEnum": stages}
    scope |= {"FunctionInput": lambda *args, **kwargs: (args, kwargs)}
    exec(compile(tree, name, "exec"), scope)
    return scope[name](None, "cpu", torch.float32, requires_grad=False, training=True)


@pytest.mark.skipif(not CHECKS_MORE, reason="an older torch says it in other words")
@pytest.mark.parametrize(
    ("kind", "ending", "number"),
    [
        ("GRUCell", "RNN_GRU_Cell", 6),
        ("LSTMCell", "LSTMCell", 4),
        ("GRU", "RNN_GRU", 14),
        ("LSTM", "RNN_GRU", 14),  # torch's list for the LSTM is the GRU's
    ],
)
def test_torchs_own_list_of_mistakes_is_refused_in_its_words(kind, ending, number):
    found = mistakes(f"module_error_inputs_torch_nn_{ending}")
    assert len(found) >= number
    for given, expected in found:
        args, kwargs = given["constructor_input"]
        make = partial(getattr(lstm, kind), *args, **kwargs)
        call = make
        if expected["error_on"] == "called":
            inputs, _ = given["forward_input"]
            call = partial(make(), *inputs)
        with pytest.raises(expected["error_type"], match=expected["error_regex"]):
            call()
