"""What is trained on what: a task gives the model, the minibatches and the measures."""

import hashlib
import itertools
from dataclasses import replace

from torch import nn

from lstm import data, fast, layers, scratch
from lstm.data.text import CORPORA, EMBEDDED
from lstm.models import (
    LanguageModel,
    ScratchModel,
    SequenceClassifier,
    open_forget_gate,
)

LAYERS = {
    "torch": {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN},
    "ours": {"LSTM": layers.LSTM, "GRU": layers.GRU},
    "fast": {"LSTM": fast.LSTM, "GRU": fast.GRU},
}
SCRATCH = {
    "LSTM": (scratch.get_lstm_params, scratch.init_lstm_state, scratch.scratch_lstm),
    "GRU": (scratch.get_gru_params, scratch.init_gru_state, scratch.scratch_gru),
}
VALIDATION = 5000  # training images that decide when to stop, if any do


class Text:
    """A language model on a text.

    Eight tenths are to train on, one to stop by, one to test. A corpus by name is
    cleaned to 27 symbols, as the study notes do; a file is read as it stands. What only
    the last two tenths hold counts as unknown.
    symbols: the vocabulary; default: what the first part holds
    Raises what reading raises; ValueError if there is not one minibatch.
    """

    reading = "carry"  # held-out text is read on by a state that is carried

    def __init__(self, settings, symbols=None):
        name = settings.data
        if name is None:
            name = "embedded" if data.find_text() == EMBEDDED else "time-machine"
        self.settings = settings = replace(settings, data=name).resolved()
        named = name in CORPORA
        text = data.load_text(name) if named else data.read_text(settings.data)
        cuts = [len(text) * tenths // 10 for tenths in (0, 8, 9, 10)]
        pieces = [text[a:b] for a, b in itertools.pairwise(cuts)]
        needed = settings.batch * settings.length + 1
        if len(pieces[0]) < needed or len(text) < 20:
            raise ValueError(
                f"{name} holds {len(text):,} characters, {len(pieces[0]):,} of them to "
                f"train on; a minibatch of {settings.batch} windows of "
                f"{settings.length} needs {needed:,}: give a longer text, or a smaller "
                "batch or length"
            )
        self.vocab = data.Vocab.of(symbols) if symbols else data.Vocab(pieces[0])
        encoded = (self.vocab.encode(piece, unknown=True) for piece in pieces)
        names = "training", "validation", "test"
        self.parts = dict(zip(names, encoded, strict=True))
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.facts = {"sha256": digest, "symbols": self.vocab.symbols[1:]}

    def model(self):
        """The model, drawn from torch's present random state."""
        return language_model(self.settings, len(self.vocab))

    def batches(self):
        """What is trained on: windows in random order, or in the text's, to carry."""
        s = self.settings
        kind = data.Streams if s.state == "carry" else data.RandomWindows
        return kind(self.parts["training"], s.batch, s.length, seed=s.seed)

    def held_out(self, part="validation"):
        """A part as one stream, to be read with a state that is carried."""
        return data.Streams(self.parts[part], 1, 512)

    def measures(self, result):
        """The names and values of an evaluation."""
        return {
            "perplexity": result.perplexity,
            "bits_per_character": result.bits,
            "loss": result.loss,
            "accuracy": result.accuracy,
            "count": result.count,
        }


class Digits:
    """A classifier of handwritten digits, read row by row."""

    reading = "reset"

    def __init__(self, settings):
        images = data.load_images(settings.data)
        self.settings = replace(settings, data=images.name)
        x, y, kept = images.train_x, images.train_y, 0
        if settings.patience:
            kept = min(VALIDATION, len(x) // 5)
        cut = len(x) - kept
        self.parts = {
            "training": (x[:cut], y[:cut]),
            "validation": (x[cut:], y[cut:]),
            "test": (images.test_x, images.test_y),
        }
        self.facts = {"sha256": hashlib.sha256(x.numpy().tobytes()).hexdigest()}

    def model(self):
        """The model, drawn from torch's present random state."""
        s, pixels = self.settings, self.parts["test"][0].shape[-1]
        layer = recurrent(s, pixels, batch_first=True, bidirectional=s.bidirectional)
        return SequenceClassifier(layer, 10, s.dropout)

    def batches(self):
        """What is trained on: images in random order."""
        s = self.settings
        return data.Minibatches(*self.parts["training"], size=s.batch, seed=s.seed)

    def held_out(self, part="validation"):
        """The images of a part."""
        return data.Minibatches(*self.parts[part], size=1000)

    def measures(self, result):
        """The names and values of an evaluation."""
        return {"accuracy": result.accuracy, "loss": result.loss, "count": result.count}


TASKS = {"text": Text, "digits": Digits}


def language_model(settings, size):
    """A language model of `size` symbols, as the settings have it."""
    if settings.layer != "scratch":
        return LanguageModel(recurrent(settings, size), settings.dropout)
    model = ScratchModel(size, settings.hidden_size, *SCRATCH[settings.cell])
    if settings.forget_bias is not None:
        nn.init.constant_(model.params[5], settings.forget_bias)  # b_f
    return model


def recurrent(settings, input_size, **options):
    """The recurrent layer that the settings name."""
    s, kinds = settings, LAYERS[settings.layer]
    between = s.dropout if s.num_layers > 1 else 0.0
    options |= {"num_layers": s.num_layers, "dropout": between}
    layer = kinds[s.cell](input_size, s.hidden_size, **options)
    if s.forget_bias is not None:
        open_forget_gate(layer, s.forget_bias)
    return layer
