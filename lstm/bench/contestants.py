"""Who is measured by `lstm.bench.fast`: the rungs, torch's layers, the notes' training.

N batch   L sequence length   D input size   H hidden size

All who compute the same get the same weights and inputs.
"""

from contextlib import redirect_stderr
from io import StringIO

import torch
from torch import nn
from torch.nn.functional import one_hot

from lstm import data, fast, layers
from lstm.bench import opponents
from lstm.bench.steps import TEXT
from lstm.fast import rungs
from lstm.models import LanguageModel
from lstm.scratch import get_lstm_params, init_lstm_state, scratch_lstm
from lstm.training import TrainConfig, fit

# a layer's forward and backward pass


def one_pass(run, inputs, parameters, slope):
    """A function that runs forward and backward, and returns outputs and gradients."""

    def both():
        outputs = run(inputs)
        outputs.backward(slope)
        found = [outputs.detach(), *(p.grad for p in parameters)]
        for p in parameters:
            p.grad = None
        return found

    return both


SAME = 1e-5  # of the norm: what float32 makes of sums of some 10,000 terms


def inputs(shape=TEXT):
    """Tokens (L, N), vectors (L, N, D), a loss's slope by the outputs (L, N, H)."""
    torch.manual_seed(0)
    tokens = torch.randint(shape.input_size, (shape.length, shape.batch))
    vectors = torch.randn(shape.length, shape.batch, shape.input_size)
    return tokens, vectors, torch.randn(shape.length, shape.batch, shape.hidden_size)


def same_weights(kinds, shape=TEXT):
    """Layers of several kinds with the weights of the first."""
    made = {
        name: kind(shape.input_size, shape.hidden_size) for name, kind in kinds.items()
    }
    first, *others = made.values()
    for other in others:
        other.load_state_dict(first.state_dict())
    return made


LSTMS = {
    "torch.nn.LSTM": nn.LSTM,
    "lstm.LSTM": layers.LSTM,
    "lstm.fast.LSTM": fast.LSTM,
}
PLAIN = "torch.nn.LSTM", "lstm.LSTM"  # what torch.compile is given whole
GRUS = {"torch.nn.GRU": nn.GRU, "lstm.GRU": layers.GRU, "lstm.fast.GRU": fast.GRU}


def layer_passes(shape=TEXT, kinds=LSTMS, ladder=True):
    """Every rung, and torch's layer, on vectors."""
    _, x, slope = inputs(shape)
    made = same_weights(kinds, shape)
    passes = {
        name: one_pass(
            lambda x, layer=layer: layer(x)[0], x, [*layer.parameters()], slope
        )
        for name, layer in made.items()
    }
    if not ladder:
        return passes
    weights = [*next(iter(made.values())).parameters()]
    candidates = fast.RUNGS | {"TorchScript": opponents.scripted}
    if not fast.operator.compiler():
        del candidates["by compiler"]
    if not fast.operator.load():
        del candidates["by operator"]
    for name, rung in candidates.items():
        passes[name] = one_pass(of_rung(rung, weights, shape), x, weights, slope)
    if opponents.has("jax"):
        passes["JAX, jit and scan"] = opponents.by_jax(x, weights, slope)
    return passes


def of_rung(rung, weights, shape=TEXT):
    """A rung as a function of its inputs alone, to its outputs."""
    zeros = torch.zeros(shape.batch, shape.hidden_size)
    return lambda inputs: rung(inputs, (zeros, zeros), weights)[0]


def token_passes(shape=TEXT):
    """On tokens: by their one-hot vectors, or by rows of the weights."""
    tokens, _, slope = inputs(shape)
    made = same_weights(LSTMS, shape)
    torchs, ours = made["torch.nn.LSTM"], made["lstm.fast.LSTM"]
    weights = [*torchs.parameters()]
    ladder = {
        "hoisted": rungs.of_tokens(rungs.hoisted),
        "looked up": rungs.looked_up,
        "by hand": rungs.by_hand,
    }
    runs = {
        "torch.nn.LSTM": lambda t: torchs(one_hot(t, shape.input_size).float())[0],
        **{name: of_rung(rung, weights, shape) for name, rung in ladder.items()},
    }
    passes = {name: one_pass(run, tokens, weights, slope) for name, run in runs.items()}
    own = [*ours.parameters()]
    look_up = one_pass(lambda t: ours.look_up(t)[0], tokens, own, slope)
    return passes | {"lstm.fast.LSTM": look_up}


def gru_passes(shape=TEXT):
    """The GRU: torch's, which has no kernel of its own on a CPU, and ours."""
    return layer_passes(shape, GRUS, ladder=False)


def agreeing(passes):
    """The passes, if all give what the first gives; else raises AssertionError."""
    wanted = None
    for name, run in passes.items():
        found = [tensor.clone() for tensor in run()]
        wanted = wanted or found
        for a, b in zip(found, wanted, strict=True):
            if not (apart := ((a - b).norm() / b.norm()).item()) < SAME:
                raise AssertionError(f"{name} is {apart:.1e} from the first")
    return passes


# whole training steps


def training_steps(steps=16):
    """Epochs of the notes' training through d2l, and of ours on the same minibatches.

    A unit is one step; what is timed are `steps` of them.
    """
    from lstm.d2l import d2l

    batches, vocab = d2l.load_data_time_machine(TEXT.batch, TEXT.length)
    batches = (list(batches) * steps)[:steps]
    sizes, device = (len(vocab), TEXT.hidden_size), torch.device("cpu")
    loss, config = nn.CrossEntropyLoss(), TrainConfig(steps, lr=1.0, optimizer="sgd")
    functions = get_lstm_params, init_lstm_state, scratch_lstm
    scratch = d2l.RNNModelScratch(*sizes, device, *functions)
    concise = d2l.RNNModel(nn.LSTM(*sizes), len(vocab))
    updater = torch.optim.SGD(concise.parameters(), 1.0)

    def by_hand(batch_size):
        d2l.sgd(scratch.params, 1.0, batch_size)

    def theirs(net, updater):
        return lambda: d2l.train_epoch_ch8(net, batches, loss, updater, device, True)

    def ours(kind):
        model = LanguageModel(kind(*sizes))

        def train():
            with redirect_stderr(StringIO()):  # theirs has no progress bar
                fit(model, batches, config)

        return train

    return {
        "d2l, scratch": theirs(scratch, by_hand),
        "d2l, nn.LSTM": theirs(concise, updater),
        "lstm.fit, nn.LSTM": ours(nn.LSTM),
        "lstm.fit, lstm.fast.LSTM": ours(fast.LSTM),
    }


def curves(steps=100):
    """The losses of a training by torch's layer, and by the fast one, in float64."""
    torch.manual_seed(0)
    text = data.load_text("embedded")
    vocab = data.Vocab(text)
    batches = data.RandomWindows(vocab.encode(text), TEXT.batch, TEXT.length)
    made = same_weights({k: LSTMS[k] for k in ("torch.nn.LSTM", "lstm.fast.LSTM")})
    found = {}
    for name, layer in made.items():
        torch.manual_seed(0)
        model = LanguageModel(layer).double()
        found[name] = fit(model, batches, TrainConfig(steps=steps)).losses
    return found


# without gradients


def streaming():
    """One step of one sequence, the state handed on."""
    x, many = torch.randn(1, 1, TEXT.input_size), same_weights(LSTMS)
    cell = nn.LSTMCell(TEXT.input_size, TEXT.hidden_size)
    zeros = torch.zeros(1, TEXT.hidden_size)
    h = zeros[None]
    runs = {
        name: (lambda layer=layer: layer(x, (h, h))) for name, layer in many.items()
    }
    runs["torch.nn.LSTMCell"] = lambda: cell(x[0], (zeros, zeros))
    weights = many["torch.nn.LSTM"].weight_hh_l0.detach()
    runs["the product alone"] = lambda: zeros @ weights.T
    if opponents.has("onnxruntime", "onnxscript"):
        layer = many["torch.nn.LSTM"]
        runs["ONNX Runtime"] = opponents.by_onnx_runtime(layer, x, (h, h))
    return {name: torch.no_grad()(run) for name, run in runs.items()}


def sequences(shape=TEXT, kinds=LSTMS):
    """A whole batch of sequences."""
    _, x, _ = inputs(shape)
    many = same_weights(kinds, shape)
    runs = {
        name: torch.no_grad()(lambda layer=layer: layer(x))
        for name, layer in many.items()
    }
    if kinds is LSTMS and opponents.has("onnxruntime", "onnxscript"):
        runs["ONNX Runtime"] = opponents.by_onnx_runtime(many["torch.nn.LSTM"], x)
    return runs
