"""Forecasts of New York in 2013: plain ones, ridge, trees, GRU and LSTM, on one split.

temperature     the next 24 hours at LaGuardia, from 48 hours of temperature, dew point
                and wind, and the clock; errors in degrees Celsius
departures      the next 7 days to each of some 70 destinations, one model for all, from
                28 days; errors in each destination's own standard deviation
related         the same for `FEW` of them: an LSTM for each, one for these, one for all

January to August train, September and October choose the settings, November and
December are the test. All learn the difference to a plain forecast, by squared error.
"""

import time
from functools import partial

import torch
from torch import nn
from torch.nn.functional import mse_loss

from lstm.data import WindowBatches, Windows
from lstm.data.newyork import departures, temperature
from lstm.data.series import join
from lstm.forecasters import DirectForecaster, RecursiveForecaster, SequenceForecaster
from lstm.forecasts import mean_of_seasons, persistence, ridge, rmse, seasonal
from lstm.studies.running import select
from lstm.training import TrainConfig, fit

PARTS = "train", "validation", "test"
UNITS, UPDATES, BATCH, FEW = 32, 200, 64, 5
RATES, SEEDS = (1e-3, 3e-3, 1e-2), (0, 1, 2)
PENALTIES = 1, 10, 100, 1_000, 10_000
TREE_RATE = 0.1  # and as many trees, up to 40, as are best in validation
CHOSEN = {  # the rate that was best in validation, from the first seed
    ("temperature", "LSTM"): 3e-3,
    ("temperature", "GRU"): 1e-2,
    ("temperature", "LSTM, sequence"): 3e-3,
    ("temperature", "LSTM, recursive"): 1e-3,
    ("departures", "LSTM"): 3e-3,
    ("departures", "GRU"): 1e-2,
    ("related", "LSTM on one"): 3e-3,
    ("related", "LSTM on few"): 3e-3,
    ("related", "LSTM on all"): 1e-2,
}
PLAIN = {
    "temperature": {
        "persistence": persistence,
        "seasonal": partial(seasonal, season=24),
    },
    "departures": {
        "persistence": persistence,
        "seasonal": partial(seasonal, season=7),
        "mean of 4 weeks": partial(mean_of_seasons, season=7),
    },
}
BASE = {"temperature": "persistence", "departures": "mean of 4 weeks"}
NETWORKS = {
    "temperature": ("LSTM", "GRU", "LSTM, sequence", "LSTM, recursive"),
    "departures": ("LSTM", "GRU"),
    "related": ("LSTM on one", "LSTM on few", "LSTM on all"),
}


def points():
    """Every model at each of its settings from the first seed; from the others, at the
    rate that was best in validation.
    """
    found = []
    for task, plain in PLAIN.items():
        found += [(task, name, None, 0) for name in plain]
        found += [(task, "ridge", penalty, 0) for penalty in PENALTIES]
    swept = {
        (task, name): RATES if task in PLAIN else RATES[1:]
        for task, names in NETWORKS.items()
        for name in names
    }
    for seed in SEEDS:
        for model, rates in swept.items():
            kept = rates if seed == SEEDS[0] else [CHOSEN[model]]
            found += [(*model, rate, seed) for rate in kept]
        found += [(task, "trees", TREE_RATE, seed) for task in PLAIN]
    names = "task", "model", "setting", "seed"
    return [dict(zip(names, point, strict=True)) for point in found]


def few(names):
    """The numbers of `FEW` destinations, spread over the list of names."""
    return [n * len(names) // FEW for n in range(FEW)]


def make(name, windows, seed=0):
    """A network by its name, for windows of these sizes, drawn from a seed."""
    torch.manual_seed(seed)
    (_, _, D), (_, M, E), (_, G) = (tensor.shape for tensor in windows.inputs)
    layer = partial(nn.GRU if "GRU" in name else nn.LSTM, hidden_size=UNITS)
    layer = partial(layer, batch_first=True)
    if "sequence" in name:
        return SequenceForecaster(layer(D + G), layer(E + G))
    if "recursive" in name:
        return RecursiveForecaster(layer(1 + E + G))
    return DirectForecaster(layer(D + G), M, E, G)


def train(model, windows, base, rate, seed=0, updates=UPDATES, loss=mse_loss):
    """Train a model on what came less a plain forecast; return the `History`."""
    batches = WindowBatches(windows, BATCH, seed, windows.target - base)
    config = TrainConfig(steps=updates, lr=rate, schedule="one-cycle")
    return fit(model, batches, config, loss=loss)


@torch.no_grad()
def forecast(model, windows, base=0):
    """A trained model's answers, with the plain forecast put back."""
    return model(windows.inputs) + base


def trained(name, rate, seed, parts, plain):
    """The forecasts of a network for the three parts: (N, M) each."""
    bases = [plain(windows) for windows in parts]
    model = make(name, parts[0], seed)
    if "recursive" not in name:
        train(model, parts[0], bases[0], rate, seed)
        return [forecast(model, *pair) for pair in zip(parts, bases, strict=True)]
    # it reads the value and the clock alone, and is trained to go one step
    alone = [value_and_known(windows) for windows in parts]
    first = alone[0]
    one = first.future[:, :1], first.static, first.target[:, :1], first.origin
    train(model, Windows(first.past, *one), 0.0, rate, seed)
    return [forecast(model, windows) for windows in alone]


def value_and_known(windows):
    """The windows without other measurements: the value, and what was known."""
    E = windows.future.shape[-1]
    past = torch.cat([windows.past[..., :1], windows.past[..., -E:]], dim=-1)
    return Windows(past, *windows.parts[1:])


def trees(rate, seed, parts, plain):
    """Boosted trees, a forest a step ahead, as many trees as are best on validation."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    options = {"max_iter": 40, "max_leaf_nodes": 15, "max_features": 0.1}
    options |= {"early_stopping": False, "learning_rate": rate, "random_state": seed}
    bases = [plain(windows) for windows in parts]
    flat = [windows.flat().numpy() for windows in parts]
    columns = [[], [], []]
    wanted = [w.target - base for w, base in zip(parts, bases, strict=True)]
    for m in range(wanted[0].shape[1]):
        model = HistGradientBoostingRegressor(**options)
        model.fit(flat[0], wanted[0][:, m].numpy())
        stages = [staged(model, x) for x in flat]
        best = int(rmse(stages[1], wanted[1][:, m], dim=1).argmin())
        for column, stage in zip(columns, stages, strict=True):
            column.append(stage[best])
    return [torch.stack(c, 1) + b for c, b in zip(columns, bases, strict=True)]


def staged(model, rows):
    """What boosted trees give with one tree, with two, ...: (trees, N)."""
    stages = [torch.from_numpy(made) for made in model.staged_predict(rows)]
    return torch.stack(stages).float()


def best(rows, task, model):
    """A model's rows, a seed each, at the setting that is best in validation, seed 0.

    rows: of the study, as `studies.load` gives them
    Raises ValueError for a model that the task has not.
    """
    first = select(rows, task=task, model=model, seed=SEEDS[0])
    if not first:
        raise ValueError(f"no model {model!r} was measured for {task!r}")
    setting = min(first, key=lambda row: row["validation"])["setting"]
    return select(rows, task=task, model=model, setting=setting)


def forecasts(task, model, setting, seed, parts):
    """The forecasts of any model for the three parts."""
    plain = PLAIN[task][BASE[task]]
    if model in PLAIN[task]:
        return [PLAIN[task][model](windows) for windows in parts]
    if model == "trees":
        return trees(setting, seed, parts, plain)
    if model == "ridge":
        bases = [plain(windows) for windows in parts]
        fitted = ridge(parts[0].flat(), parts[0].target - bases[0], setting)
        pairs = zip(parts, bases, strict=True)
        return [fitted(windows.flat()) + base for windows, base in pairs]
    return trained(model, setting, seed, parts, plain)


def measure(task, model, setting, seed):
    """Train at one point.

    ->   {"train", "validation", "test": root mean squared errors; "ahead": the test's,
    step by step; for `related`, destination by destination; "seconds"}
    """
    began = time.monotonic()
    if task == "related":
        found = related(model, setting, seed)
    else:
        parts, unit = pooled(task)
        made = forecasts(task, model, setting, seed, parts)
        errors = [unit * rmse(f, w.target) for f, w in zip(made, parts, strict=True)]
        found = {
            name: round(e.item(), 4) for name, e in zip(PARTS, errors, strict=True)
        }
        ahead = unit * rmse(made[2], parts[2].target, dim=0)
        found["ahead"] = [round(e, 3) for e in ahead.tolist()]
    return found | {"seconds": round(time.monotonic() - began)}


def pooled(task):
    """The three parts of a task, all its series together, and its unit of error."""
    if task == "temperature":
        parts, scaler = temperature()
        return parts, scaler.std[0]
    return [join(part) for part in zip(*departures()[0], strict=True)], 1.0


def related(model, rate, seed):
    """Errors on `FEW` destinations: of one model each, one for them, or one for all."""
    parts, names, _ = departures()
    chosen, plain = few(names), PLAIN["departures"][BASE["departures"]]
    groups = {"LSTM on one": [[n] for n in chosen], "LSTM on few": [chosen]}
    found = dict.fromkeys(chosen)
    for group in groups.get(model, [range(len(names))]):
        own = [join(part) for part in zip(*(parts[n] for n in group), strict=True)]
        network = make("LSTM", own[0], seed)
        train(network, own[0], plain(own[0]), rate, seed)
        for n in {*group} & {*chosen}:
            made = [forecast(network, w, plain(w)) for w in parts[n]]
            pairs = zip(made, parts[n], strict=True)
            found[n] = torch.stack([(f - w.target).square().mean() for f, w in pairs])
    squares = torch.stack([found[n] for n in chosen])  # (FEW, 3)
    means = zip(PARTS, squares.mean(dim=0).sqrt().tolist(), strict=True)
    by_name = {"ahead": [round(e, 3) for e in squares[:, 2].sqrt().tolist()]}
    return {name: round(e, 4) for name, e in means} | by_name
