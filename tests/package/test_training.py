"""The trainer trains, measures, keeps, and objects."""

import math
import re
import sys
import types

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

from lstm import (
    LSTM,
    LanguageModel,
    SequenceClassifier,
    TrainConfig,
    evaluate,
    fit,
    score,
)
from lstm.training import tensorboard
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
    ({"optimizer": "adm"}, "unknown optimizer 'adm': expected one of adam, adamw, sgd"),
    ({"schedule": "line"}, "unknown schedule 'line': expected one of constant, cosine"),
    ({"state": "keep"}, "unknown state 'keep': expected one of reset, carry"),
    ({"precision": "int8"}, "unknown precision 'int8': expected one of float32"),
    ({"steps": 0}, "steps must be at least 1, got 0"),
    ({"patience": 0}, "patience must be at least 1, got 0"),
    ({"lr": 0.0}, "lr must be more than 0, got 0.0"),
    ({"clip": -1.0}, "clip must be more than 0, got -1.0"),
]


@pytest.mark.parametrize(("kwargs", "message"), WRONG)
def test_a_config_that_makes_no_sense_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**kwargs)


# the progress bar


def test_the_bar_bears_the_label_and_counts_the_steps(monkeypatch):
    bars = []

    class Tqdm:
        disable, n = False, 0

        def __init__(self, total, desc, initial, leave):
            bars.append([total, desc, initial])

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def set_postfix(self, facts, refresh):
            bars[-1].append(facts)

        def update(self, steps):
            self.n += steps

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Tqdm))
    losses = fit(classifier(), batches(), TrainConfig(steps=3), label="a model").losses
    [[total, label, begin, *facts]] = bars
    assert (total, label, begin) == (3, "a model", 0)
    assert [fact["loss"] for fact in facts] == [f"{loss:.3f}" for loss in losses]
    assert all(re.fullmatch(r"[\d,]+/s", fact["speed"]) for fact in facts)


def test_without_tqdm_training_goes_on_without_a_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(fit(classifier(), batches(), TrainConfig(steps=3)).losses) == 3


# schedules, precision, state, validation


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_a_schedule_ends_far_below_its_highest_rate(schedule):
    config = TrainConfig(steps=20, lr=0.1, schedule=schedule)
    rates = fit(classifier(), batches(), config).column("lr")
    assert max(rates) == pytest.approx(0.1, rel=0.01)
    assert rates[-1] < 0.01
    assert (rates[0] < 0.01) == (schedule == "one-cycle")


def test_torchs_own_optimiser_and_schedule_may_be_given():
    model, data = classifier(), list(batches())
    other = classifier()
    other.load_state_dict(model.state_dict())
    config = TrainConfig(steps=6, clip=None)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    history = fit(model, data, config, optimizer=optimizer, schedule=schedule)
    assert history.column("lr") == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]
    optimizer = torch.optim.RMSprop(other.parameters(), lr=0.01)
    for n in range(6):
        x, y = data[n % len(data)]
        optimizer.param_groups[0]["lr"] = history.column("lr")[n]
        optimizer.zero_grad()
        score(other(x), y).backward()
        optimizer.step()
    assert_close(dict(model.state_dict()), dict(other.state_dict()), rtol=0, atol=0)


def test_without_a_clip_the_gradient_stays_as_it_is_and_its_norm_is_told():
    model, (x, y) = classifier(), next(iter(batches()))
    score(model(x), y).backward()
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    config = TrainConfig(steps=1, lr=0.1, clip=None, optimizer="sgd")
    [told] = fit(model, [(x, y)], config).column("norm")
    assert told == pytest.approx(norm, rel=1e-5)
    for name, parameter in model.named_parameters():
        assert_close(parameter.detach(), before[name] - 0.1 * gradients[name])


def test_in_bfloat16_products_are_rounded_and_it_still_learns():
    # torch's own layer has no bfloat16 on a processor without AVX-512
    full, half = (SequenceClassifier(LSTM(5, 8, batch_first=True), 2) for _ in range(2))
    half.load_state_dict(full.state_dict())
    data, settings = list(batches()), {"steps": 60, "lr": 2e-2}
    exact = fit(full, data, TrainConfig(**settings)).losses
    rounded = fit(half, data, TrainConfig(**settings, precision="bfloat16")).losses
    assert 0 < abs(exact[0] - rounded[0]) < 1e-2
    assert sum(rounded[-10:]) < 0.8 * sum(rounded[:10])


def test_a_processor_without_such_products_is_named():
    class Refusing(nn.Linear):
        def forward(self, inputs):
            raise RuntimeError("could not create a primitive descriptor for the LSTM")

    model = SequenceClassifier(nn.LSTM(5, 8, batch_first=True), 2)
    model.linear = Refusing(8, 2)
    with pytest.raises(RuntimeError, match="no bfloat16 on this processor"):
        fit(model, list(batches()), TrainConfig(steps=1, precision="bfloat16"))
    with pytest.raises(RuntimeError, match="could not create a primitive"):
        fit(model, list(batches()), TrainConfig(steps=1))


class Remembering(nn.Module):
    """Scores by a state that counts the steps since the beginning of the text."""

    def __init__(self):
        super().__init__()
        self.scale, self.seen = nn.Parameter(torch.ones(2)), []

    def step(self, inputs, state=None):
        self.seen.append(None if state is None else float(state))
        assert state is None or not state.requires_grad
        state = (0 if state is None else state) + self.scale.sum() * 0 + 1
        return self.scale.expand(*inputs.shape, 2), state


def test_a_carried_state_is_the_last_minibatchs_detached_and_none_in_a_new_pass():
    model, data = Remembering(), [(torch.zeros(1, 3), torch.ones(1, 3).long())] * 3
    fit(model, data, TrainConfig(steps=5, state="carry"))
    assert model.seen == [None, 1.0, 2.0, None, 1.0]


def test_evaluate_carries_the_state_too():
    model, data = Remembering(), [(torch.zeros(1, 3), torch.ones(1, 3).long())] * 3
    evaluate(model, data, state="carry")
    assert model.seen == [None, 1.0, 2.0]


def test_validation_comes_after_each_pass_or_every_so_many_steps_and_at_the_end():
    held_out = [next(iter(batches()))]
    each = fit(classifier(), batches(), TrainConfig(steps=10), validation=held_out)
    assert each.steps("validation_loss") == [4, 8, 10]  # four batches to a pass
    config = TrainConfig(steps=10, validate_every=3)
    model = classifier()
    every = fit(model, batches(), config, validation=held_out)
    assert every.steps("validation_loss") == [3, 6, 9, 10]
    want = evaluate(model, held_out).loss
    assert every.column("validation_loss")[-1] == pytest.approx(want)


def test_patience_ends_a_training_with_the_weights_that_were_best():
    inputs, targets = next(iter(batches()))
    held_out = [(inputs, 1 - targets)]  # the better on one, the worse on the other
    config = TrainConfig(steps=400, lr=2e-2, patience=5)
    model = classifier()
    history = fit(model, [(inputs, targets)], config, validation=held_out)
    losses = history.column("validation_loss")
    assert len(losses) == losses.index(min(losses)) + 6 < 400
    assert evaluate(model, held_out).loss == pytest.approx(min(losses))


def test_a_watcher_is_handed_every_row_once():
    rows = []
    history = fit(classifier(), batches(), TrainConfig(steps=6), watch=rows.append)
    assert rows == history.rows


def test_the_history_draws_itself():
    history = fit(classifier(), batches(), TrainConfig(steps=60), validation=batches())
    [axis] = history.plot().axes
    names = [line.get_label() for line in axis.lines]
    assert names == ["each step", "held out"]
    assert list(axis.lines[0].get_ydata()) == history.losses
    assert list(axis.lines[-1].get_ydata()) == history.column("validation_loss")


def test_a_gradient_that_is_not_finite_stops_the_training_too():
    model = nn.Linear(1, 1, bias=False)
    loss = lambda scores, targets: (scores * 0).sqrt().sum()  # finite; its slope is not
    with pytest.raises(FloatingPointError, match="gradient norm (nan|inf)"):
        fit(model, [(torch.ones(1, 1), torch.ones(1, 1))], loss=loss)


def test_tensorboard_is_written_where_it_is_and_named_where_it_is_not(monkeypatch):
    written = []
    writer = types.SimpleNamespace(add_scalar=lambda *row: written.append(row))
    fake = types.SimpleNamespace(SummaryWriter=lambda folder: writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    fit(classifier(), batches(), TrainConfig(steps=2), watch=tensorboard("folder"))
    assert {(name, step) for name, _, step in written} >= {("loss", 1), ("loss", 2)}
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        tensorboard("folder")
