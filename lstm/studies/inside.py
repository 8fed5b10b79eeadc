"""What single units keep track of: three texts, three seeds, and an untrained control.

One LSTM layer of 128 units, forget bias 1, reads a text letter by letter: The Time
Machine in small letters, the same wrapped at 30 columns, and ten words drawn at random,
some of them in brackets. 900 updates by Adam at 0.005, minibatches of 32 windows of
128, gradients clipped to norm 1. The last tenth of a text is held out; of it, the first
half is searched for the unit that goes with a feature, and the second half tests it.

L length of a text   H hidden size   N batch
"""

import random
import textwrap

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lstm import inside
from lstm.data import Vocab, load_text, windows
from lstm.models import LanguageModel, open_forget_gate
from lstm.training import TrainConfig, evaluate, fit

# text: the feature that is followed there, and the symbols that one needs it for
FOLLOWED = {
    "letters": ("place in word", " "),
    "wrapped": ("place in line", "\n"),
    "brackets": ("in brackets", ")]"),
}
SEEDS = 0, 1, 2
UNITS, STEPS, BATCH, LENGTH, RATE = 128, 900, 32, 128, 5e-3
CORPUS, COLUMNS = "time-machine", 30
WORDS = ["the", "of", "and", "a", "to", "in", "it", "was", "he", "that"]
PLACES = 3, 8, 13, 18, 23, 28  # in the line, as which the unit is held
SEARCHED = "unit", "searched", "tested", "fresh", "probe", "fresh probe"
DISTANCES = 1, 2, 3, 5, 7, 10, 15, 20, 30
WARM = 50  # letters after which a passage counts


def points():
    """Every text, every seed."""
    return [{"text": text, "seed": seed} for seed in SEEDS for text in FOLLOWED]


def read(name, corpus=CORPUS):
    """A text by its name in FOLLOWED; corpus: the name of the one that is wrapped."""
    if name == "brackets":
        return bracketed()
    text = load_text(corpus)
    return textwrap.fill(text, COLUMNS) if name == "wrapped" else text


def bracketed(size=200_000, seed=0, rate=0.15):
    """Words drawn alike, some in () or [], which open and close at the rate."""
    rng, pieces, closing, length = random.Random(seed), [], None, 0
    while length < size:
        draw = rng.random()
        if draw < rate and closing is None:
            piece = rng.choice("([")
            closing = {"(": ")", "[": "]"}[piece]
        elif draw > 1 - rate and closing:
            piece, closing = closing, None
        else:
            piece = rng.choice(WORDS) + " "
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)


def features(text):
    """Those of `lstm.inside`; the two kinds of brackets as one, and told apart."""
    found = inside.features(text)
    if "in ()" in found:
        round_, square = found.pop("in ()"), found.pop("in []")
        found |= {"in brackets": round_ + square, "which kind": round_ - square}
    return found


def make(size, seed):
    """A fresh model, drawn from a seed; size: of the vocabulary."""
    torch.manual_seed(seed)
    model = LanguageModel(nn.LSTM(size, UNITS))
    open_forget_gate(model.layer, 1.0)
    return model


def train(model, symbols, seed, steps=None):
    """Train on a text; the `History`. steps: STEPS, if nothing is said"""
    order = torch.Generator().manual_seed(seed)
    parts = TensorDataset(*windows(symbols, LENGTH))
    batches = DataLoader(parts, BATCH, shuffle=True, generator=order, drop_last=True)
    return fit(model, batches, TrainConfig(steps=steps or STEPS, lr=RATE))


def passages(values, length=250):
    """A text, or what is known of each letter, in pieces: (N, length)."""
    count = len(values) // length
    return values[: count * length].view(count, length)


def costs(model, recording, symbols, marks):
    """What it costs to hold each unit at its mean: at some symbols, and elsewhere.

    symbols: (N, L)   marks: their indices   ->   two tensors (H), in nats
    """
    whole = inside.losses(model, symbols)
    here = torch.isin(symbols[:, 1:], torch.tensor(marks)).to(whole.device)
    warm = torch.arange(whole.shape[1], device=whole.device) >= WARM
    found = []
    for unit in range(model.layer.hidden_size):
        held = inside.at_mean(recording, [unit])
        rise = inside.losses(model, symbols, held) - whole
        found.append([rise[here & warm].mean(), rise[~here & warm].mean()])
    return torch.tensor(found).unbind(dim=1)


def memory(values, longest=200):
    """After how many letters a unit's correlation with itself is below 1/e, at most."""
    values = values.double()
    values = values - values.mean(dim=0)
    square = values.square().mean(dim=0).clamp(min=1e-12)
    found = torch.full_like(square, longest)
    for lag in range(longest - 1, 0, -1):
        now = (values[:-lag] * values[lag:]).mean(dim=0) / square
        found[now < 1 / torch.e] = lag
    return found


@torch.no_grad()
def steer(model, recording, vocab, text, unit):
    """How likely a new line is after a word, by the place that the unit tells.

    text: what was recorded   ->   two lists over PLACES: with the unit held as it is
    there, the mean over all words; and with nothing held, over those that end there
    """
    known = features(text)
    symbols, place = passages(vocab.encode(text)), known["place in line"]
    ends = passages(known["last of word"]) == 1
    ends[:, :WARM] = False
    newline = vocab.symbols.index("\n")

    def chance(held=None):
        last = inside.record(model, symbols, held).h[-1]
        return model.linear(last).softmax(dim=-1)[..., newline].cpu()

    free, held = chance(), []
    for at in PLACES:
        as_there = inside.at_mean(recording, [unit], where=place == at)
        held.append(chance(as_there)[ends].mean().item())
    here = [ends & (passages(place) == at) for at in PLACES]
    return held, [free[mask].mean().item() for mask in here]


def search(recording, fresh, known):
    """For each feature, r of the best unit: on the searched half, on the other; fresh.

    fresh: a recording of the untrained model, which is searched by itself
    """
    found, half = {}, recording.c.shape[1] // 2
    for name, feature in known.items():
        unit, searched, tested = inside.find_unit(recording.c[0], feature, half)
        _, _, untrained = inside.find_unit(fresh.c[0], feature, half)
        probes = (probed(r, feature, half) for r in (recording, fresh))
        values = unit, searched, tested, untrained, *probes
        found[name] = dict(zip(SEARCHED, values, strict=True))
    return found


def probed(recording, feature, half):
    """r of a feature with a sum of all c and h, fitted on one half, on the other."""
    both = torch.cat([recording.c[0], recording.h[0]], dim=1)
    fitted = inside.linear_probe(both, feature, half)
    return inside.correlations(fitted[half:, None], feature[half:]).item()


def measure(text, seed, corpus=CORPUS):
    """Train at one point and look inside.

    ->   {"loss": held out; and what the functions here found: "features", "costs",
    "scales", "influence" and, of the wrapped text, "steered"}
    """
    (name, marks), whole = FOLLOWED[text], read(text, corpus)
    vocab, cut = Vocab(whole), int(0.9 * len(whole))
    symbols, letters = vocab.encode(whole), whole[cut:]
    held_out, model = symbols[cut:], make(len(vocab), seed)
    fresh = inside.record(model, held_out)
    train(model, symbols[:cut], seed)
    recording = inside.record(model, held_out)
    known = {about: of_each[cut:] for about, of_each in features(whole).items()}
    found = search(recording, fresh, known)
    unit, half = found[name]["unit"], len(letters) // 2
    tested = passages(held_out[half:])
    rise = costs(model, recording, tested, vocab.encode(marks).tolist())
    result = {
        "loss": evaluate(model, [windows(held_out, LENGTH)]).loss,
        "features": found,
        "costs": ranked(unit, *rise),
        "scales": scales(recording, fresh),
        "influence": influence(model, held_out),
    }
    if text == "wrapped":
        result["steered"] = [*steer(model, recording, vocab, letters, unit)]
    return rounded(result)


def ranked(unit, here, elsewhere):
    """One unit's costs among those of all."""
    others = torch.cat([here[:unit], here[unit + 1 :]])
    return {
        "here": here[unit].item(),
        "elsewhere": elsewhere[unit].item(),
        "rank": int((others > here[unit]).sum()) + 1,
        "highest": here.max().item(),
        "next": others.max().item(),
        "median": here.median().item(),
    }


def scales(recording, fresh):
    """Time constants before and after; how they go with `memory`, both in logs."""
    before, after = (inside.time_constants(r.f[0]) for r in (fresh, recording))
    both = torch.stack([after.double().log(), memory(recording.c[0]).log()])
    return {
        "fresh": [before.min().item(), before.max().item()],
        "median": after.median().item(),
        "longest": after.max().item(),
        "beyond 10": int((after > 10).sum()),
        "r with memory": torch.corrcoef(both)[0, 1].item(),
    }


def influence(model, symbols, texts=128, length=61, seed=0):
    """How far back a letter matters, at DISTANCES, measured in two ways."""
    draws = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(symbols) - length, (texts,), generator=draws)
    drawn = torch.stack([symbols[s : s + length] for s in starts])
    by_gradient = inside.influence_by_gradient(model, drawn)
    replaced = inside.influence_by_replacement(model, drawn, DISTANCES)
    gradient = [by_gradient[d - 1].item() for d in DISTANCES]
    return {"gradient": gradient, "replaced": replaced}


def rounded(value):
    """Every number to four significant digits, however deep it lies."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
