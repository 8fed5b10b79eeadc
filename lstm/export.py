"""A trained language model as a script of JavaScript, for a page that lets it write.

H hidden size   V vocabulary size

The script sets one global, WRITES: the weights in 16-bit floats (little-endian, row by
row, in base64), the vocabulary, the text that it was trained on, what it is worth, and
of each feature of a text the unit whose cell goes with it best.
"""

import base64
import json
from dataclasses import asdict
from pathlib import Path

from lstm import inside, runs
from lstm.atomic import replacing
from lstm.data.text import CORPORA, PIECE, recited
from lstm.training import evaluate

EXPECTED = {
    "task": ("text",),
    "cell": ("LSTM",),
    "num_layers": (1,),
    "bidirectional": (False,),
    "layer": ("torch", "ours", "fast"),
}
TENSORS = {
    "w_ih": "layer.weight_ih_l0",  # (4H, V)
    "w_hh": "layer.weight_hh_l0",  # (4H, H)
    "b_ih": "layer.bias_ih_l0",  # (4H)
    "b_hh": "layer.bias_hh_l0",  # (4H)
    "w_out": "linear.weight",  # (V, H)
    "b_out": "linear.bias",  # (V)
}

UNKNOWN = "\ufffd"  # one letter for '<unk>', as long as any other


def export(folder, path):
    """Write the model of a run into a script; returns what the script holds.

    Raises what `runs.trained` raises; ValueError for what is no language model on one
    LSTM layer; FileNotFoundError if there is no folder to write into.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write into")
    refuse(folder, runs.read(Path(folder))[0])
    content = contents(*runs.trained(folder))
    with replacing(path) as partial:
        partial.write_text(script(content, path.name), encoding="utf-8")
    return content


def refuse(folder, settings):
    """Raise ValueError for a run that is no language model on one LSTM layer."""
    for name, allowed in EXPECTED.items():
        if (given := getattr(settings, name)) not in allowed:
            expected = f"{name} {' or '.join(map(str, allowed))}"
            raise ValueError(
                f"{folder} cannot be exported: expected a language model on one LSTM "
                f"layer, {expected}, got {name} {given}"
            )


def script(content, name):
    """The text of a script of this name, which begins with the commands that made it.

    An entry has a line of its own.
    """
    train = f"{training_command(content['settings'])} --out RUN"
    entries = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in content.items())
    return (
        f"// Made by\n//   {train}\n//   lstm export RUN --output {name}\n"
        "this.WRITES = {\n" + ",\n".join(entries) + "\n};\n"
    )


def contents(task, model):
    """What a script holds, as plain values."""
    model = model.half().float()  # what is measured is what is written
    tensors = model.state_dict()
    letters = [UNKNOWN, *task.vocab.symbols[1:]]
    texts = {n: "".join(letters[k] for k in part) for n, part in task.parts.items()}
    marks = recited(texts["test"], texts["training"])
    result = evaluate(model, task.held_out("test"), task.reading)
    held_out = {
        "perplexity": round(result.perplexity, 3),
        "recited": round(sum(marks) / len(marks), 4),
    }
    return {
        "settings": asdict(task.settings),
        "held_out": held_out,
        "units": units(model, task.parts["test"], texts["test"]),
        "cleaned": task.settings.data in CORPORA,  # letters a to z and the space
        "symbols": task.vocab.symbols[1:],
        "piece": PIECE,
        "weights": {name: packed(tensors[kept]) for name, kept in TENSORS.items()},
        "text": texts["training"],
    }


def units(model, symbols, text):
    """For each feature of a text the unit whose cell goes with it best, and its r.

    It is chosen on the first half; r is that of the second.
    """
    found, cells = {}, inside.record(model, symbols).c[0]
    for name, feature in inside.features(text).items():
        unit, _, r = inside.find_unit(cells, feature, len(text) // 2)
        found[name] = {"unit": unit, "r": round(r, 2)}
    return found


def packed(tensor):
    """A tensor's numbers as 16-bit floats, row by row, in base64."""
    numbers = tensor.detach().cpu().numpy().astype("<f2")
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def training_command(settings):
    """The command line that trains with these settings, by what is not the default."""
    usual = asdict(runs.DEFAULTS["text"]) | {"data": None}
    words = ["lstm train text"]
    for name, value in settings.items():
        if value != usual[name]:
            value = 0 if value is None else value  # a clip
            value = f"{value:g}" if isinstance(value, float) else value
            value = Path(value).name if name == "data" else value
            words.append(f"--{name.replace('_', '-')} {value}")
    return " ".join(words)
