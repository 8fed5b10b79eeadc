"""Cutting sequences at their resets: what lies where, against loops that say it."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.func import vmap
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


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_layer_that_is_reset_can_be_transformed_and_differentiated_again(kind):
    layer, mask = getattr(lstm, kind)(2, 3).double(), torch.rand(5, 2) < 0.5
    x = randn(4, 5, 2, 2)
    of = lambda x: layer(x, None, mask)[0]
    assert_close(vmap(of)(x), torch.stack([of(one) for one in x]))
    assert torch.autograd.gradgradcheck(of, x[0].detach().requires_grad_())
