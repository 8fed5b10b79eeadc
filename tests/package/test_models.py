"""Models are handed their layer: ours and torch's swap, and its last state is read."""

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.testing import assert_close

import lstm
from lstm import LanguageModel, SequenceClassifier, SequenceTagger, generate
from lstm.data import Vocab
from lstm.models import ScratchModel, draw, open_forget_gate, stream
from tensors import Elsewhere, gradients, randn

MAKERS = {  # a model, and the shape of its scores
    "language model": (LanguageModel, (3, 7, 5)),
    "tagger": (lambda layer: SequenceTagger(layer, 4), (3, 7, 4)),
    "classifier": (lambda layer: SequenceClassifier(layer, 4), (3, 4)),
}
FORMS = [(lstm.LSTM, nn.LSTM, {}), (lstm.GRU, nn.GRU, {})]
FORMS += [(lstm.LSTM, nn.LSTM, {"proj_size": 2})]


def given(name):
    """What a model reads: vectors for a classifier, symbols for the others."""
    return randn(3, 7, 5) if name == "classifier" else torch.randint(5, (3, 7))


@pytest.mark.parametrize(("ours", "theirs", "options"), FORMS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("name", MAKERS)
def test_ours_and_torchs_layer_swap_in_one_line(
    name, bidirectional, batch_first, ours, theirs, options
):
    make, shape = MAKERS[name]
    options = options | {"bidirectional": bidirectional, "batch_first": batch_first}
    models = [make(kind(5, 6, 2, **options)).double() for kind in (ours, theirs)]
    models[1].load_state_dict(models[0].state_dict())
    x = given(name)
    got, want = (model(x) for model in models)
    assert got.shape == shape
    assert_close(got, want)
    ours, theirs = (list(model.parameters()) for model in models)
    assert_close(gradients([got], ours), gradients([want], theirs))


@pytest.mark.parametrize("name", MAKERS)
def test_the_layers_order_of_axes_changes_no_score(name):
    make, _ = MAKERS[name]
    first, last = (make(nn.LSTM(5, 6, batch_first=b)).double() for b in (True, False))
    last.load_state_dict(first.state_dict())
    x = given(name)
    assert_close(first(x), last(x))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_classifier_reads_the_last_layers_final_state_of_each_direction(
    kind, layers
):
    layer = kind(5, 6, layers, bidirectional=True, batch_first=True)
    model, x = SequenceClassifier(layer, 4).double(), randn(3, 7, 5)
    output, _ = layer(x)
    # one direction ends at the last step, the other at the first
    ends = torch.cat([output[:, -1, :6], output[:, 0, 6:]], dim=-1)
    assert_close(model(x), model.linear(ends))


def test_a_tagger_scores_every_step_and_hands_on_the_layers_state():
    model, symbols = SequenceTagger(nn.LSTM(5, 6, batch_first=True), 4), given("tagger")
    scores, state = model.step(symbols)
    early, middle = model.step(symbols[:, :3])
    late, end = model.step(symbols[:, 3:], middle)
    assert_close(torch.cat([early, late], dim=1), scores)
    assert_close(end, state)


# generation


def speaker(layer=nn.LSTM, **options):
    """A language model of five symbols, its weights so wide that the state decides."""
    model = LanguageModel(layer(5, 16, **options))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=1.5)
    nn.init.zeros_(model.linear.bias)
    return model, Vocab("abcd")


def slowly(model, vocab, prefix, length):
    """The whole text again for every symbol, in eval mode."""
    indices = vocab.encode(prefix)
    for _ in range(length):
        scores = model.eval()(indices[None])
        indices = torch.cat([indices, 1 + scores[0, -1:, 1:].argmax(dim=-1)])
    return vocab.decode(indices.tolist())


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, lstm.LSTM, lstm.GRU])
def test_generation_carries_the_state(layer, batch_first):
    model, vocab = speaker(layer, batch_first=batch_first)
    text = generate(model, vocab, "abc", 12)
    assert text == slowly(model, vocab, "abc", 12)
    assert len(set(text[3:])) > 1


def test_generation_drops_nothing_out():
    model, vocab = speaker(num_layers=2, dropout=0.9, batch_first=True)
    assert generate(model, vocab, "abc", 30) == slowly(model, vocab, "abc", 30)


def test_the_prefix_is_moved_to_the_models_device(monkeypatch):
    model, vocab = speaker()
    prefix = Elsewhere(vocab.encode("abc"))
    monkeypatch.setattr(vocab, "encode", lambda text: prefix)
    assert len(generate(model, vocab, "abc", 2)) == 5
    assert prefix.device == model.linear.weight.device


@pytest.mark.parametrize("training", [True, False])
def test_generation_hands_the_model_back_in_the_mode_it_was_in(training):
    model, vocab = speaker()
    generate(model.train(training), vocab, "abc", 2)
    assert model.training == training


def test_generation_records_nothing_for_autograd():
    model, vocab = speaker()
    recorded = []
    model.linear.register_forward_hook(
        lambda module, inputs, scores: recorded.append(scores.requires_grad)
    )
    generate(model, vocab, "abc", 2)
    assert recorded == [False, False]


def test_a_prefix_outside_the_vocabulary_or_empty_is_refused():
    model, vocab = speaker()
    wrong = "'é' at position 1 of 'aé' is not in the vocabulary"
    with pytest.raises(ValueError, match=wrong):
        generate(model, vocab, "aé", 5)
    with pytest.raises(ValueError, match="the prefix is empty"):
        generate(model, vocab, "", 5)


# drawing by temperature

SCORES = torch.tensor([2.0, 1.0, 0.0, -1.0])


def drawn(count=4000, **settings):
    """How often each of four symbols is drawn."""
    generator = torch.Generator().manual_seed(0)
    symbols = [draw(SCORES, **settings, generator=generator) for _ in range(count)]
    return torch.bincount(torch.tensor(symbols), minlength=4) / count


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_symbols_are_drawn_as_often_as_their_scores_over_the_temperature_say(
    temperature,
):
    want = (SCORES / temperature).softmax(dim=0)
    assert_close(drawn(temperature=temperature), want, rtol=0, atol=0.025)


def test_temperature_0_is_the_likeliest():
    assert drawn(50, temperature=0.0).tolist() == [1, 0, 0, 0]


def test_top_k_leaves_so_many_and_their_proportions():
    want = torch.cat([SCORES[:2].softmax(dim=0), torch.zeros(2)])
    assert_close(drawn(top_k=2), want, rtol=0, atol=0.025)
    assert_close(drawn(top_k=9), drawn(), rtol=0, atol=0)


def test_a_seed_gives_the_same_text_and_another_seed_another():
    model, vocab = speaker()

    def written(seed):
        generator = torch.Generator().manual_seed(seed)
        sampling = {"temperature": 1.0, "generator": generator}
        return generate(model, vocab, "abc", 40, **sampling)

    assert written(1) == written(1) != written(2)


def test_a_stream_gives_each_symbol_as_it_is_written():
    model, vocab = speaker()
    symbols = stream(model, vocab, "abc", 5)
    assert "abc" + next(symbols) == generate(model, vocab, "abc", 1)
    assert len(list(symbols)) == 4


def test_what_is_unknown_is_never_written():
    model, vocab = speaker()
    nn.init.zeros_(model.linear.weight)
    with torch.no_grad():
        model.linear.bias[0] = 99.0
    text = generate(model, vocab, "abc", 20, temperature=1.0)
    assert set(text) <= set("abcd")


SENSELESS = [
    ({"temperature": -1.0}, "temperature must be at least 0, got -1.0"),
    ({"top_k": 0}, "top_k must be at least 1, got 0"),
]


@pytest.mark.parametrize(("sampling", "message"), SENSELESS)
def test_settings_of_sampling_that_make_no_sense_are_refused(sampling, message):
    model, vocab = speaker()
    with pytest.raises(ValueError, match=message):
        generate(model, vocab, "abc", 5, **sampling)


# what else there is


def test_dropout_is_of_what_the_linear_layer_reads_and_in_training_only():
    plain, dropping = (LanguageModel(nn.LSTM(5, 6), rate) for rate in (0.0, 0.5))
    dropping.load_state_dict(plain.state_dict())
    x = given("tagger")
    assert_close(dropping.eval()(x), plain(x))
    assert not torch.allclose(dropping.train()(x), plain(x))


def test_an_open_forget_gate_has_its_bias_once_in_every_layer():
    layer = nn.LSTM(5, 6, 2, bidirectional=True)
    open_forget_gate(layer, 3.0)
    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            want = 3.0 if name.startswith("bias_ih") else 0.0
            assert_close(parameter[6:12].detach(), torch.full((6,), want))
            assert parameter[:6].abs().max() < 1 / 6**0.5


SCRATCH = {
    "LSTM": (lstm.get_lstm_params, lstm.init_lstm_state, lstm.scratch_lstm),
    "GRU": (lstm.get_gru_params, lstm.init_gru_state, lstm.scratch_gru),
}


@pytest.mark.parametrize("cell", SCRATCH)
def test_the_notes_functions_are_a_language_model_like_any_other(cell):
    model, x = ScratchModel(5, 6, *SCRATCH[cell]), given("tagger")
    assert model(x).shape == (3, 7, 5)
    early, state = model.step(x[:, :3])
    late, _ = model.step(x[:, 3:], state)
    assert_close(torch.cat([early, late], dim=1), model(x))
    assert len(generate(model, Vocab("abcd"), "ab", 3)) == 5


def test_the_scratch_model_computes_what_its_parameters_say_in_nn_lstm():
    model, x = ScratchModel(5, 6, *SCRATCH["LSTM"]).double(), given("tagger")
    for parameter in model.params:
        nn.init.normal_(parameter)
    layer, linear = nn.LSTM(5, 6).double(), nn.Linear(6, 5).double()
    weights = lstm.to_torch([p.detach() for p in model.params])
    for module, state_dict in zip((layer, linear), weights, strict=True):
        module.load_state_dict(state_dict)
    output, _ = layer(one_hot(x.T, 5).double())
    assert_close(model(x), linear(output).transpose(0, 1))
