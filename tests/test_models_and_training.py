"""Models swap their layer in one line; the trainer trains, measures, keeps, and objects."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

import lstm
from lstm import (
    LanguageModel,
    SequenceClassifier,
    SequenceTagger,
    TrainConfig,
    evaluate,
    fit,
    generate,
    load_checkpoint,
    pick_device,
    save_checkpoint,
)
from lstm.data import Vocab

MAKERS = {
    "language model": lambda layer: LanguageModel(layer),
    "tagger": lambda layer: SequenceTagger(layer, 4),
    "classifier": lambda layer: SequenceClassifier(layer, 4),
}


def scores_of(result):
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("name", MAKERS)
def test_ours_and_torchs_layer_swap_in_one_line(name, bidirectional, batch_first):
    models = [
        MAKERS[name](kind(5, 6, num_layers=2, bidirectional=bidirectional, batch_first=batch_first)).double()
        for kind in (lstm.LSTM, nn.LSTM)
    ]
    models[1].load_state_dict(models[0].state_dict())
    x = torch.randn(3, 7, 5).double() if name == "classifier" else torch.randint(5, (3, 7))
    ours, theirs = (scores_of(model(x)) for model in models)
    assert ours.shape == {"language model": (3, 7, 5), "tagger": (3, 7, 4), "classifier": (3, 4)}[name]
    assert_close(ours, theirs)


def test_a_gru_fits_the_models_too():
    assert SequenceClassifier(nn.GRU(5, 6, batch_first=True), 4)(torch.randn(3, 7, 5)).shape == (3, 4)


def test_the_classifier_reads_the_final_state_of_each_direction():
    model = SequenceClassifier(nn.LSTM(5, 6, bidirectional=True, batch_first=True), 4)
    x = torch.randn(3, 7, 5)
    output, _ = model.layer(x)
    assert_close(model(x), model.linear(torch.cat([output[:, -1, :6], output[:, 0, 6:]], dim=-1)))


def test_generation_carries_the_state():
    vocab = Vocab("abcd")
    model = LanguageModel(nn.LSTM(5, 6, batch_first=True))
    text = generate(model, vocab, "abc", 6)
    assert text.startswith("abc")
    indices = vocab.encode("abc")
    with torch.no_grad():
        for _ in range(6):  # the slow way: the whole text again for every symbol
            scores, _ = model(indices[None])
            indices = torch.cat([indices, scores[0, -1:].argmax(dim=-1)])
    assert vocab.decode(indices.tolist()) == text


def test_a_prefix_outside_the_vocabulary_or_empty_is_refused():
    model = LanguageModel(nn.LSTM(5, 6))
    with pytest.raises(ValueError, match="'é' at position 1 of 'aé' is not in the vocabulary"):
        generate(model, Vocab("abcd"), "aé", 5)
    with pytest.raises(ValueError, match="the prefix is empty"):
        generate(model, Vocab("abcd"), "", 5)


# training


def batches(size=64):
    x = torch.randn(size, 6, 5, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0, 0] > 0).long()  # what the first step was: it has to be remembered
    return DataLoader(TensorDataset(x, y), 16, shuffle=True, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_fit_learns_and_gives_one_loss_a_step(optimizer):
    model = SequenceClassifier(nn.LSTM(5, 8, batch_first=True), 2)
    config = TrainConfig(steps=150, lr=2e-2 if optimizer == "adam" else 0.5, optimizer=optimizer)
    losses = fit(model, batches(), config)
    assert len(losses) == 150
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_the_gradient_is_clipped_to_the_norm_asked_for():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    data = [(torch.full((1, 1), 100.0), torch.zeros(1, 1))]
    fit(model, data, TrainConfig(steps=1, lr=1.0, clip=0.5, optimizer="sgd"), loss=lambda s, y: (s - 3).square().sum())
    assert_close(model.weight.item(), 0.5)


def test_evaluate_counts_what_is_asked_and_restores_the_mode():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout, self.p = nn.Dropout(0.5), nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.dropout(x) * self.p

    scores = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    model = Fixed().train()
    result = evaluate(model, [(scores, torch.tensor([0, 0, -100]))])
    assert (result.count, result.accuracy) == (2, 0.5)
    want = (math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 2
    assert_close(result.loss, want, rtol=1e-6, atol=0)
    assert_close(result.perplexity, math.exp(want), rtol=1e-6, atol=0)
    assert model.training


def test_nothing_to_train_on_or_to_count_is_said():
    model = SequenceClassifier(nn.LSTM(5, 8, batch_first=True), 2)
    with pytest.raises(ValueError, match="there are no batches to train on"):
        fit(model, [])
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(model, [])


def test_a_loss_that_is_not_finite_stops_the_training():
    model = nn.Linear(1, 2)
    with pytest.raises(FloatingPointError, match="the loss became nan at step 0: try a lower lr than 0.5"):
        fit(model, [(torch.full((1, 1), math.nan), torch.zeros(1, dtype=torch.long))], TrainConfig(lr=0.5))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [({"optimizer": "adm"}, "unknown optimizer 'adm': expected one of adam, sgd"), ({"steps": 0}, "at least 1, got 0")],
)
def test_a_config_that_makes_no_sense_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**kwargs)


@pytest.mark.parametrize(
    ("name", "message"), [("gpu", "unknown device 'gpu': this machine has cpu"), ("cuda:99", "'cuda:99' is not avail")]
)
def test_a_wrong_device_is_answered_with_what_there_is(name, message):
    with pytest.raises(ValueError, match=message):
        pick_device(name)


def test_devices_that_are_there_are_given():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


# checkpoints


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    model, other = nn.LSTM(3, 4), nn.LSTM(3, 4)
    save_checkpoint(tmp_path / "a.pt", model, steps=7, corpus="embedded")
    assert load_checkpoint(tmp_path / "a.pt", other) == {"steps": 7, "corpus": "embedded"}
    assert_close(dict(other.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "a.pt", nn.LSTM(3, 4), steps=7)
    before = (tmp_path / "a.pt").read_bytes()

    def fails(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(tmp_path / "a.pt", nn.LSTM(3, 4))
    assert (tmp_path / "a.pt").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["truncated", "other model", "text", "pickle"])
def test_a_checkpoint_that_is_not_one_changes_nothing(tmp_path, damage):
    path, model = tmp_path / "a.pt", nn.LSTM(3, 4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_checkpoint(path, nn.LSTM(3, 5) if damage == "other model" else nn.LSTM(3, 4))
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "text":
        path.write_text("not a checkpoint")
    elif damage == "pickle":
        torch.save({"state_dict": nn.LSTM(3, 4), "facts": {}}, path)  # code, which weights_only refuses
    message = "holds another model" if damage == "other model" else "is not a checkpoint"
    with pytest.raises(ValueError, match=message):
        load_checkpoint(path, model)
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_a_missing_checkpoint_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.pt", nn.LSTM(3, 4))
