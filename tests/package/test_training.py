"""The trainer trains, measures, keeps, and objects."""

import math
import sys
import types

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

from lstm import LanguageModel, SequenceClassifier, TrainConfig, evaluate, fit, score
from tensors import Elsewhere

ROUNDING = {"rtol": 1e-5, "atol": 1e-6}


def classifier():
    return SequenceClassifier(nn.LSTM(5, 8, batch_first=True), 2)


def batches(size=64):
    x = torch.randn(size, 6, 5, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0, 0] > 0).long()  # what the first step was: it has to be remembered
    order = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(x, y), 16, shuffle=True, generator=order)


@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 2e-2), ("sgd", 0.5)])
def test_fit_learns_and_gives_one_loss_a_step(optimizer, lr):
    config = TrainConfig(steps=150, lr=lr, optimizer=optimizer)
    losses = fit(classifier(), batches(), config).losses
    assert len(losses) == 150
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_one_step_is_training_too():
    assert len(fit(classifier(), batches(), TrainConfig(steps=1)).losses) == 1


def test_fit_with_sgd_is_the_loop_that_anyone_would_write_clipping_and_all():
    ours, theirs = classifier(), classifier()
    theirs.load_state_dict(ours.state_dict())
    data = list(batches())
    config = TrainConfig(steps=6, lr=0.1, clip=0.01, optimizer="sgd")
    losses = fit(ours.eval(), data, config).losses
    assert ours.training
    for n in range(6):
        x, y = data[n % len(data)]
        loss = nn.functional.cross_entropy(theirs(x), y)
        gradients = torch.autograd.grad(loss, list(theirs.parameters()))
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        assert norm > 0.01  # or nothing would be clipped
        with torch.no_grad():
            for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient * 0.01 / (norm + 1e-6)
        assert_close(loss.item(), losses[n], **ROUNDING)
    assert_close(dict(ours.state_dict()), dict(theirs.state_dict()), **ROUNDING)


def test_the_first_step_of_adam_moves_every_weight_by_the_learning_rate():
    model, data = nn.Linear(3, 2), [(torch.randn(4, 3), torch.tensor([0, 1, 1, 0]))]
    before = [p.detach().clone() for p in model.parameters()]
    fit(model, data, TrainConfig(steps=1, lr=0.01))
    for new, old in zip(model.parameters(), before, strict=True):
        assert_close((new - old).abs(), torch.full_like(old, 0.01), rtol=1e-3, atol=0)


def test_batches_are_moved_to_the_models_device():
    model = nn.Linear(3, 2)
    batch = Elsewhere(torch.randn(4, 3)), Elsewhere(torch.tensor([0, 1, 1, 0]))
    assert len(fit(model, [batch], TrainConfig(steps=1)).losses) == 1
    assert evaluate(model, [batch]).count == 4
    assert [tensor.device for tensor in batch] == [model.weight.device] * 2


def test_any_loss_may_be_given_and_is_the_one_that_falls():
    model, data = nn.Linear(3, 1), [(torch.randn(8, 3), torch.randn(8, 1))]
    config = TrainConfig(steps=40, lr=0.1)
    losses = fit(model, data, config, loss=nn.functional.mse_loss).losses
    assert losses[-1] < losses[0]
    want = nn.functional.mse_loss(model(data[0][0]), data[0][1]).item()
    assert want == pytest.approx(losses[-1], rel=0.5)


def test_score_is_the_mean_over_the_targets_that_count_at_any_number_of_axes():
    scores = torch.tensor([[[2.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [0.0, 9.0]]])
    targets = torch.tensor([[0, 0], [1, -100]])
    want = sum(math.log1p(math.exp(x)) for x in (-2, 1, 3)) / 3
    assert score(scores, targets).item() == pytest.approx(want)


def test_a_language_model_is_trained_and_measured_like_any_other():
    x = torch.randint(5, (8, 6))
    model = LanguageModel(nn.LSTM(5, 8, batch_first=True))
    losses = fit(model, [(x[:, :-1], x[:, 1:])], TrainConfig(steps=60, lr=3e-2)).losses
    assert losses[-1] < 0.7 * losses[0]
    assert evaluate(model, [(x[:, :-1], x[:, 1:])]).count == 40


# measuring


class Given(nn.Module):
    """Gives the scores that it is handed, dropped out in training."""

    def __init__(self):
        super().__init__()
        self.dropout, self.p = nn.Dropout(0.5), nn.Parameter(torch.ones(()))
        self.recorded = []

    def forward(self, x):
        scores = self.dropout(x) * self.p
        self.recorded.append(scores.requires_grad)
        return scores


def test_evaluate_is_the_mean_over_all_targets_of_all_batches_that_count():
    scores = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    data = [(scores, torch.tensor([0, 0, -100])), (scores[:1], torch.tensor([0]))]
    model = Given()
    result = evaluate(model, data)
    assert (result.count, result.accuracy) == (3, 2 / 3)
    want = (2 * math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 3
    assert result.loss == pytest.approx(want)
    assert result.perplexity == pytest.approx(math.exp(want))
    assert model.recorded == [False, False]  # nothing, for autograd


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_hands_the_model_back_in_its_mode_even_after_an_error(training):
    model = Given().train(training)
    evaluate(model, [(torch.zeros(1, 2), torch.tensor([0]))])
    assert model.training == training
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        evaluate(model, [(torch.zeros(1, 2), torch.tensor([5]))])
    assert model.training == training


# objections


def test_no_batches_or_batches_that_run_out_are_named():
    with pytest.raises(ValueError, match="there are no batches to train on"):
        fit(classifier(), [])
    once = iter(list(batches()))  # four batches, then no more
    with pytest.raises(ValueError, match="gone through only once"):
        fit(classifier(), once, TrainConfig(steps=5))


@pytest.mark.parametrize("targets", [[], [-100]])
def test_nothing_to_evaluate_is_named(targets):
    data = [(torch.zeros(1, 2), torch.tensor([target])) for target in targets]
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(Given(), data)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_training_before_it_does_harm(number):
    model, data = nn.Linear(1, 1), [(torch.zeros(1, 1), torch.zeros(1, 1))]
    before = [p.detach().clone() for p in model.parameters()]
    loss = lambda scores, targets: scores.sum() * 0 + number
    wrong = f"the loss became {number} at step 1, learning rate 0.5, gradient norm 0 "
    with pytest.raises(FloatingPointError, match=wrong):
        fit(model, data, TrainConfig(lr=0.5), loss)
    assert_close([p.detach() for p in model.parameters()], before, rtol=0, atol=0)


WRONG = [
    ({"optimizer": "adm"}, "unknown optimizer 'adm': expected one of adam, sgd"),
    ({"steps": 0}, "at least 1, got 0"),
]


@pytest.mark.parametrize(("kwargs", "message"), WRONG)
def test_a_config_that_makes_no_sense_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**kwargs)


# the progress bar


def test_the_bar_bears_the_label_and_counts_the_steps(monkeypatch):
    bars = []

    def tqdm(steps, desc, total, leave):
        bars.append((len(steps), desc))
        return steps

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=tqdm))
    fit(classifier(), batches(), TrainConfig(steps=3), label="a model")
    assert bars == [(3, "a model")]


def test_without_tqdm_training_goes_on_without_a_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(fit(classifier(), batches(), TrainConfig(steps=3)).losses) == 3
