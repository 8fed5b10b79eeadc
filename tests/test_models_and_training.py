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


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("name", MAKERS)
def test_ours_and_torchs_layer_swap_in_one_line(name, bidirectional, batch_first):
    models = [
        MAKERS[name](
            kind(
                5, 6, num_layers=2, bidirectional=bidirectional, batch_first=batch_first
            )
        ).double()
        for kind in (lstm.LSTM, nn.LSTM)
    ]
    models[1].load_state_dict(models[0].state_dict())
    x = (
        torch.randn(3, 7, 5).double()
        if name == "classifier"
        else torch.randint(5, (3, 7))
    )
    ours, theirs = (model(x) for model in models)
    assert (
        ours.shape
        == {"language model": (3, 7, 5), "tagger": (3, 7, 4), "classifier": (3, 4)}[
            name
        ]
    )
    assert_close(ours, theirs)


def test_a_gru_fits_the_models_too():
    assert SequenceClassifier(nn.GRU(5, 6, batch_first=True), 4)(
        torch.randn(3, 7, 5)
    ).shape == (3, 4)


def test_the_classifier_reads_the_final_state_of_each_direction():
    model = SequenceClassifier(nn.LSTM(5, 6, bidirectional=True, batch_first=True), 4)
    x = torch.randn(3, 7, 5)
    output, _ = model.layer(x)
    assert_close(
        model(x), model.linear(torch.cat([output[:, -1, :6], output[:, 0, 6:]], dim=-1))
    )


def test_generation_carries_the_state():
    torch.manual_seed(0)
    vocab = Vocab("abcd")
    model = LanguageModel(nn.LSTM(5, 16, batch_first=True))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=1.5)  # wide enough that the state decides
    text = generate(model, vocab, "abc", 12)
    assert text.startswith("abc")
    assert len(set(text[3:])) > 1
    indices = vocab.encode("abc")
    with torch.no_grad():
        for _ in range(12):  # the slow way: the whole text again for every symbol
            scores = model(indices[None])
            indices = torch.cat([indices, scores[0, -1:].argmax(dim=-1)])
    assert vocab.decode(indices.tolist()) == text
    assert model.training


def test_a_prefix_outside_the_vocabulary_or_empty_is_refused():
    model = LanguageModel(nn.LSTM(5, 6))
    with pytest.raises(
        ValueError, match="'é' at position 1 of 'aé' is not in the vocabulary"
    ):
        generate(model, Vocab("abcd"), "aé", 5)
    with pytest.raises(ValueError, match="the prefix is empty"):
        generate(model, Vocab("abcd"), "", 5)


# training


def batches(size=64):
    x = torch.randn(size, 6, 5, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0, 0] > 0).long()  # what the first step was: it has to be remembered
    return DataLoader(
        TensorDataset(x, y),
        16,
        shuffle=True,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_fit_learns_and_gives_one_loss_a_step(optimizer):
    model = SequenceClassifier(nn.LSTM(5, 8, batch_first=True), 2)
    config = TrainConfig(
        steps=150, lr=2e-2 if optimizer == "adam" else 0.5, optimizer=optimizer
    )
    losses = fit(model, batches(), config)
    assert len(losses) == 150
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_fit_is_the_loop_that_anyone_would_write():
    ours, theirs = (
        SequenceClassifier(nn.LSTM(5, 8, batch_first=True), 2) for _ in range(2)
    )
    theirs.load_state_dict(ours.state_dict())
    data = list(batches())
    losses = fit(
        ours.eval(), data, TrainConfig(steps=6, lr=0.1, clip=0.01, optimizer="sgd")
    )
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
        assert_close(loss.item(), losses[n], rtol=1e-5, atol=1e-6)
    assert_close(
        dict(ours.state_dict()), dict(theirs.state_dict()), rtol=1e-5, atol=1e-6
    )


def test_a_language_model_is_trained_and_measured_like_any_other():
    x = torch.randint(5, (8, 6))
    model = LanguageModel(nn.LSTM(5, 8, batch_first=True))
    losses = fit(model, [(x[:, :-1], x[:, 1:])], TrainConfig(steps=60, lr=3e-2))
    assert losses[-1] < 0.7 * losses[0]
    assert evaluate(model, [(x[:, :-1], x[:, 1:])]).count == 40


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
    with pytest.raises(ValueError, match="gone through only once"):
        fit(
            model, iter(list(batches())), TrainConfig(steps=5)
        )  # four batches, then no more
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(model, [])


def test_a_loss_that_is_not_finite_stops_the_training():
    model = nn.Linear(1, 2)
    with pytest.raises(
        FloatingPointError,
        match="the loss became nan at step 0: try a lower lr than 0.5",
    ):
        fit(
            model,
            [(torch.full((1, 1), math.nan), torch.zeros(1, dtype=torch.long))],
            TrainConfig(lr=0.5),
        )


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"optimizer": "adm"}, "unknown optimizer 'adm': expected one of adam, sgd"),
        ({"steps": 0}, "at least 1, got 0"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**kwargs)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "unknown device 'gpu': this machine has cpu"),
        ("cuda:99", "'cuda:99' is not avail"),
    ],
)
def test_a_wrong_device_is_answered_with_what_there_is(name, message):
    with pytest.raises(ValueError, match=message):
        pick_device(name)


def test_a_gpu_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == torch.device("cuda:0")
    assert pick_device("cuda:1") == torch.device("cuda:1")


def test_devices_that_are_there_are_given():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


# checkpoints


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    model, other = nn.LSTM(3, 4), nn.LSTM(3, 4)
    save_checkpoint(tmp_path / "a.pt", model, steps=7, corpus="embedded")
    assert load_checkpoint(tmp_path / "a.pt", other) == {
        "steps": 7,
        "corpus": "embedded",
    }
    assert_close(dict(other.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "a.pt", nn.LSTM(3, 4), steps=7)
    before = (tmp_path / "a.pt").read_bytes()

    def fails_half_way(data, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fails_half_way)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(tmp_path / "a.pt", nn.LSTM(3, 4))
    assert (tmp_path / "a.pt").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_fact_that_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(
        TypeError,
        match="config must be a plain number, text, bool or None, got TrainConfig",
    ):
        save_checkpoint(tmp_path / "a.pt", nn.LSTM(3, 4), config=TrainConfig())
    assert not list(tmp_path.iterdir())


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
        # code, which weights_only refuses
        torch.save({"state_dict": nn.LSTM(3, 4), "facts": {}}, path)
    message = (
        "holds another model" if damage == "other model" else "is not a checkpoint"
    )
    with pytest.raises(ValueError, match=message):
        load_checkpoint(path, model)
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_a_missing_checkpoint_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.pt", nn.LSTM(3, 4))
