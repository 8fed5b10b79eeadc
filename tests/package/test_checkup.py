"""The examination: influence, gradients, and where the first NaN is seen."""

import pytest
import torch
from torch import nn

from lstm import LanguageModel, SequenceClassifier, checkup


class Numbers(nn.Module):
    """Numbers in, a score for each step; batches first, or not, by mistake."""

    def __init__(self, batch_first=True, bidirectional=False, dropout=0.0):
        super().__init__()
        how = {"batch_first": batch_first, "bidirectional": bidirectional}
        self.layer = nn.LSTM(2, 4, **how)
        self.head = nn.Linear(8 if bidirectional else 4, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs):
        return self.head(self.dropout(self.layer(inputs)[0]))


def rule(N, L, reads):
    """(N, L, N, L) by a rule of n, t, m, s."""
    n, t, m, s = torch.meshgrid(*map(torch.arange, (N, L, N, L)), indexing="ij")
    return reads(n, t, m, s)


@pytest.mark.parametrize("first", [0, 1, 5])  # a symbol that is 0, 1 or neither
def test_a_language_model_reads_its_own_sequence_up_to_now(first):
    model = LanguageModel(nn.LSTM(6, 4))
    symbols = torch.randint(6, (3, 4))
    symbols[:, 0] = first
    found = checkup.influence(model, symbols)
    wanted = rule(3, 4, lambda n, t, m, s: (n == m) & (s <= t))
    assert torch.equal(found, wanted)


def test_numbers_are_read_likewise_and_both_ways_by_two_directions():
    x = torch.randn(2, 3, 2)
    one = rule(2, 3, lambda n, t, m, s: (n == m) & (s <= t))
    assert torch.equal(checkup.influence(Numbers(), x), one)
    both = rule(2, 3, lambda n, t, m, s: n == m)
    assert torch.equal(checkup.influence(Numbers(bidirectional=True), x), both)


def test_axes_that_are_mixed_up_are_seen():
    found = checkup.influence(Numbers(batch_first=False), torch.randn(2, 3, 2))
    wanted = rule(2, 3, lambda n, t, m, s: (t == s) & (m <= n))
    assert torch.equal(found, wanted)


def test_one_output_to_a_sequence_reads_all_its_steps():
    model = SequenceClassifier(nn.LSTM(2, 4), 3)
    found = checkup.influence(model, torch.randn(2, 3, 2))
    assert torch.equal(found, torch.eye(2, dtype=torch.bool)[..., None].expand(2, 2, 3))


def test_a_dropout_is_switched_off_meanwhile_and_the_mode_kept():
    model = Numbers(dropout=0.5)
    found = checkup.influence(model, torch.randn(2, 3, 2))
    assert not found[0, :, 1].any()
    assert model.training
    assert model.dropout.training
    model.eval()
    checkup.influence(model, torch.randn(2, 3, 2))
    assert not model.training


@pytest.mark.parametrize("inputs", [torch.zeros(3, 2), torch.zeros(2, 3, 2).long()])
def test_inputs_of_another_number_of_axes_are_refused(inputs):
    with pytest.raises(ValueError, match=r"expected inputs \(N, L\).*got \("):
        checkup.influence(Numbers(), inputs)


def batch():
    return torch.randint(6, (3, 4)), torch.randint(6, (3, 4))


def test_gradients_are_those_of_the_loss_by_name_and_none_is_left():
    model = LanguageModel(nn.LSTM(6, 4)).double()
    inputs, targets = batch()
    nn.functional.cross_entropy(
        model(inputs).flatten(0, 1), targets.flatten()
    ).backward()
    wanted = {name: p.grad.norm().item() for name, p in model.named_parameters()}
    for _ in range(2):  # nothing is added up
        assert checkup.gradients(model, inputs, targets) == wanted
    assert all(p.grad is None for p in model.parameters())


def test_a_parameter_that_no_gradient_reaches_has_none():
    class Cut(LanguageModel):
        def forward(self, symbols):
            output, _ = self.layer(nn.functional.one_hot(symbols, 6).float())
            return self.linear(output.detach())

    found = checkup.gradients(Cut(nn.LSTM(6, 4)), *batch())
    assert {name for name, norm in found.items() if norm is None} == {
        f"layer.{kind}_{way}_l0" for kind in ("weight", "bias") for way in ("ih", "hh")
    }


def test_another_loss_is_taken():
    model, x = Numbers(), torch.randn(2, 3, 2)
    zero = checkup.gradients(model, x, None, lambda scores, _: 0 * scores.sum())
    assert set(zero.values()) == {0.0}


def looked(model, x):
    with pytest.raises(FloatingPointError) as caught, checkup.finite(model):
        model(x)
    return str(caught.value)


def test_what_is_finite_passes_and_the_hooks_are_gone_afterwards():
    model, x = Numbers(), torch.randn(2, 3, 2)
    with checkup.finite(model):
        model(x)
    looked(model, x.fill_(torch.nan))
    model(x)
    assert not any(module._forward_hooks for module in model.modules())


def test_the_first_module_is_named_with_the_blame():
    model, x = Numbers(), torch.randn(2, 3, 2)
    x[1, 1] = torch.inf
    x[1, 1] -= torch.inf  # NaN from step 1 of sequence 1 on, in output, h_n and c_n
    said = looked(model, x)
    assert said.startswith(f"layer (LSTM): {2 * 4 + 4 + 4} of {24 + 8 + 8} numbers")
    assert said.endswith("its input was not finite before")
    with torch.no_grad():
        model.head.weight[0, 0] = torch.inf
    said = looked(model, torch.randn(2, 3, 2))
    assert said.startswith("head (Linear): 6 of 6 numbers")
    assert said.endswith("its weights were not finite before")


def test_a_module_that_makes_it_of_finite_things_is_to_blame():
    class Log(nn.Module):
        def forward(self, x):
            return x.log()

    said = looked(nn.Sequential(nn.ReLU(), Log()), torch.tensor([-1.0, 2.0]))
    assert said == (
        "1 (Log): 1 of 2 numbers are not finite; its input and its weights were finite"
    )
