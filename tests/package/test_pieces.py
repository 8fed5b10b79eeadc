"""Cutting sequences at their resets: what lies where, against loops that say it."""

from functools import partial

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.testing import assert_close

import lstm
from lstm import pieces
from tensors import gradients, randn

MASKS = st.integers(1, 8).flatmap(
    lambda steps: st.lists(
        st.lists(st.booleans(), min_size=steps, max_size=steps), min_size=1, max_size=5
    )
)


def listed(mask):
    """The pieces of a mask (N, L), sequence by sequence: (sequence, from, to)."""
    found = []
    for n, begins in enumerate(mask):
        starts = sorted({0} | {t for t, new in enumerate(begins) if new})
        ends = [*starts[1:], len(begins)]
        found += [(n, a, b) for a, b in zip(starts, ends, strict=True)]
    return sorted(found, key=lambda piece: piece[1] - piece[2])  # stable: longest first


def test_a_small_batch_is_cut_and_packed_as_on_paper():
    reset = torch.tensor([[0, 1], [0, 0], [1, 0], [0, 0], [0, 1]]).bool()  # (L, N)
    # sequence 0: two steps, then three; sequence 1: four steps, then one
    cut = pieces.cut(reset)
    assert cut.batch_sizes == [4, 3, 2, 1]
    assert cut.rows.tolist() == [1, 4, 0, 9, 3, 6, 2, 5, 8, 7]
    assert cut.origin.tolist() == [2, 2, 0, 2]  # only sequence 0 goes on from its state
    assert cut.last.tolist() == [1, 3]


@given(mask=MASKS)
@example(mask=[[True]])
@example(mask=[[False, False], [False, True]])
def test_every_packed_step_holds_that_step_of_every_piece_that_has_it(mask):
    cut, N = pieces.cut(torch.tensor(mask).T), len(mask)
    wanted = listed(mask)
    steps = range(wanted[0][2] - wanted[0][1])
    packed = [[(a + t) * N + n for n, a, b in wanted if a + t < b] for t in steps]
    assert cut.batch_sizes == [len(step) for step in packed]
    assert cut.rows.tolist() == [row for step in packed for row in step]
    assert torch.equal(cut.rows[cut.back], torch.arange(len(cut.rows)))
    carried = [n if a == 0 and not mask[n][0] else N for n, a, _ in wanted]
    assert cut.origin.tolist() == carried
    ends = [(n, b) for n, _, b in wanted]
    assert cut.last.tolist() == [ends.index((n, len(mask[0]))) for n in range(N)]


@given(mask=MASKS)
def test_a_piece_begins_with_its_sequences_state_or_zeros_and_gradients_say_so(mask):
    cut, N = pieces.cut(torch.tensor(mask).T), len(mask)
    state = randn(2, N, 3), randn(2, N, 4)
    first = pieces.first_states(state, cut)
    for tensor, given_state in zip(first, state, strict=True):
        for q, n in enumerate(cut.origin.tolist()):
            want = torch.zeros(2, tensor.shape[-1]) if n == N else given_state[:, n]
            assert_close(tensor[:, q], want.double())
    for slope, reset in zip(
        gradients(first, state)[0].transpose(0, 1), mask, strict=True
    ):
        assert bool(slope.any()) != reset[0]


@given(mask=MASKS)
def test_a_sequence_ends_with_the_state_of_its_last_piece(mask):
    cut, wanted = pieces.cut(torch.tensor(mask).T), listed(mask)
    state = (torch.arange(2.0 * len(wanted)).view(2, -1, 1),)
    (last,) = pieces.last_states(state, cut)
    for n, begins in enumerate(mask):
        [q] = [q for q, (m, _, b) in enumerate(wanted) if (m, b) == (n, len(begins))]
        assert last[:, n, 0].tolist() == [q, q + len(wanted)]


def test_an_order_is_undone_by_its_inverse():
    order = torch.randperm(50)
    assert torch.equal(pieces.inverse(order)[order], torch.arange(50))


# a layer that takes packed sequences, and its pieces


def leaves_of(state):
    return (state,) if isinstance(state, torch.Tensor) else tuple(state)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_torchs_layer_in_pieces_equals_ours_that_is_reset(kind, batch_first, given):
    torch.manual_seed(0)
    options = {"num_layers": 2, "batch_first": batch_first}
    theirs = getattr(torch.nn, kind)(3, 5, **options).double()
    ours = getattr(lstm, kind)(3, 5, **options).double()
    ours.load_state_dict(theirs.state_dict())
    x, mask = randn(4, 7, 3), torch.rand(4, 7) < 0.3
    state = [randn(2, 4 if batch_first else 7, 5) for _ in range(2)]
    hx = (tuple(state) if kind == "LSTM" else state[0]) if given else None
    found = []
    for layer, run in ((ours, ours), (theirs, partial(pieces.run, theirs))):
        output, last = run(x, hx, mask)
        assert type(last) is (tuple if kind == "LSTM" else torch.Tensor)
        results = output, *leaves_of(last)
        leaves = [x, *layer.parameters(), *(leaves_of(hx) if given else ())]
        found.append([*results, *gradients(results, leaves)])
    assert_close(*found, rtol=0, atol=1e-12)


def test_without_a_reset_the_layer_runs_as_it_is():
    layer, x = torch.nn.LSTM(3, 5), torch.randn(7, 2, 3)
    got, want = pieces.run(layer, x, None, torch.zeros(7, 2).bool()), layer(x)
    assert_close(got, want, rtol=0, atol=0)


def test_what_cannot_be_cut_is_refused():
    layer, both = torch.nn.LSTM(3, 5), torch.nn.LSTM(3, 5, bidirectional=True)
    x, mask = torch.zeros(7, 2, 3), torch.ones(7, 2).bool()
    with pytest.raises(ValueError, match=r"\(L, N, D\), got \(7, 3\)"):
        pieces.run(layer, x[:, 0], None, mask[:, 0])
    with pytest.raises(RuntimeError, match=r"expected shape \(7, 2\), got \(2, 7\)"):
        pieces.run(layer, x, None, mask.T)
    with pytest.raises(ValueError, match="bidirectional=True"):
        pieces.run(both, x, None, mask)
    with pytest.raises(TypeError, match="x should be of type Tensor, got: list"):
        pieces.run(layer, [x], None, mask)
    with pytest.raises(RuntimeError, match=r"Expected 3, got 4.*\(7, 2, 4\)"):
        pieces.run(layer, torch.zeros(7, 2, 4), None, mask)


@pytest.mark.parametrize("count", [1, 3])
def test_a_state_of_fewer_or_more_sequences_is_refused(count):
    x, mask = torch.zeros(7, 2, 3), torch.ones(7, 2).bool()
    state = torch.zeros(1, count, 5)
    message = rf"expected shape \(layers, 2, units\), got \(1, {count}, 5\)"
    with pytest.raises(RuntimeError, match=message):
        pieces.run(torch.nn.LSTM(3, 5), x, (state, state), mask)
    with pytest.raises(TypeError, match="hx should be of type Tensor, got: tuple"):
        pieces.run(torch.nn.GRU(3, 5), x, (state, state), mask)
