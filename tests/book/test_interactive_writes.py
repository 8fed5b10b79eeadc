"""The network that writes on a page computes, draws and marks as the package does."""

import base64
import json
import shutil

import numpy as np
import pytest
import torch

from lstm.data import clean, recited
from lstm.steps import lstm_step
from node import FOLDER, call

WRITER = FOLDER / "writer.js"
HEAD, CONTENT = (FOLDER / "writes_data.js").read_text("utf-8").split("this.WRITES = ")
DATA = json.loads(CONTENT.rstrip(";\n"))
LIMIT = 700_000  # bytes of the script
LENGTH = 250  # letters


def test_the_script_is_light_and_says_how_it_is_made():
    assert len(HEAD) + len(CONTENT) <= LIMIT
    first, train, export, _ = HEAD.split("\n")
    assert first == "// Made by"
    assert train.startswith("//   lstm train text --data time-machine --hidden-size ")
    assert export == "//   lstm export RUN --output writes_data.js"


def test_every_16_bit_float_is_decoded():
    bits = np.arange(2**16, dtype="<u2")
    [found] = call(WRITER, "decode", [[base64.b64encode(bits.tobytes()).decode()]])
    wanted = bits.view("<f2").astype(float)
    finite = np.isfinite(wanted)
    assert [n for n, x in zip(found, finite, strict=True) if (n is None) == x] == []
    assert (np.array(found, dtype=float)[finite] == wanted[finite]).all()


def weights():
    """The committed weights, in 64-bit floats."""
    raw = {n: base64.b64decode(packed) for n, packed in DATA["weights"].items()}
    flat = {
        n: torch.tensor(np.frombuffer(r, "<f2").astype(float)) for n, r in raw.items()
    }
    H, V = DATA["settings"]["hidden_size"], len(DATA["symbols"]) + 1
    shapes = {"w_ih": (4 * H, V), "w_hh": (4 * H, H), "w_out": (V, H)}
    return {n: w.view(shapes.get(n, (-1,))) for n, w in flat.items()}


WEIGHTS = weights()


def read(letter, state):
    """One letter: the new state, and the scores of all symbols but '<unk>'."""
    V, H = WEIGHTS["w_out"].shape
    x = torch.zeros(1, V).double()
    x[0, 1 + DATA["symbols"].index(letter)] = 1
    layer = (WEIGHTS[n] for n in ("w_ih", "w_hh", "b_ih", "b_hh"))
    h, c = lstm_step(x, state or (torch.zeros(1, H).double(),) * 2, *layer)
    return (h, c), (h @ WEIGHTS["w_out"].T + WEIGHTS["b_out"])[0, 1:]


def test_a_letter_read_has_the_states_and_scores_of_the_equations():
    model = {n: w.flatten().tolist() for n, w in WEIGHTS.items()}
    model |= {"symbols": DATA["symbols"], "H": DATA["settings"]["hidden_size"]}
    before, _ = read("t", None)
    given = {n: s[0].tolist() for n, s in zip("hc", before, strict=True)}
    [found] = call(WRITER, "read", [[model, "h", given]])
    (h, c), scores = read("h", before)
    for name, wanted in (("h", h[0]), ("c", c[0]), ("scores", scores)):
        assert found[name] == pytest.approx(wanted.tolist(), abs=1e-6)


def coin(seed):
    """The coin of writer.js: 32-bit products of a counter, without sign."""
    mask = 2**32 - 1
    while True:
        seed = (seed + 0x6D2B79F5) & mask
        mixed = ((seed ^ (seed >> 15)) * (1 | seed)) & mask
        mixed ^= (mixed + (mixed ^ (mixed >> 7)) * (61 | mixed)) & mask
        yield ((mixed ^ (mixed >> 14)) & mask) / 2**32


def write(prefix, length, temperature, seed):
    """What the committed network writes on, in float64."""
    state, text, tosses = None, prefix, coin(seed)
    for letter in prefix:
        state, scores = read(letter, state)
    for _ in range(length):
        place = int(scores.argmax())
        if temperature:
            sums = (scores / temperature).softmax(dim=0).cumsum(dim=0)
            place = int((sums <= next(tosses)).sum())
        text += DATA["symbols"][place]
        state, scores = read(text[-1], state)
    return text


CASES = [
    ("the time traveller ", LENGTH, 0, 1),
    ("i saw", LENGTH, 0, 1),
    ("the time traveller ", LENGTH, 0.7, 1),
    ("the time traveller ", LENGTH, 0.7, 2),
    ("weena", LENGTH, 0.7, 123456),
    ("x", LENGTH, 1.3, 7),
]


@pytest.fixture(scope="module")
def written():
    """For every case what the script writes, and which letters it says are recited."""
    return call(WRITER, "write", [[DATA, *case] for case in CASES])


def test_the_script_writes_letter_for_letter_what_the_equations_write(written):
    texts = [text for text, _ in written]
    assert texts == [write(*case) for case in CASES]
    assert len(set(texts)) == len(CASES)


def test_recited_letters_are_those_of_the_package(written):
    for text, marks in written:
        assert marks == recited(text, DATA["text"], DATA["piece"])
    prefix = DATA["text"][1000:1040]
    [(text, marks)] = call(WRITER, "write", [[DATA, f"qqq{prefix}", 5, 0, 1]])
    assert marks == recited(text, DATA["text"], DATA["piece"])
    assert marks[:3] == [False] * 3
    assert all(marks[3:43])


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [("lstm.js", "found.f[u] * c[u]", "found.i[u] * c[u]"),
     ("lstm.js", "found.o[u] = sigmoid(sum(3 * H", "found.o[u] = sigmoid(sum(2 * H"),
     ("writer.js", "(_, n) => b_out[n + 1]", "(_, n) => b_out[n]"),
     ("writer.js", "(score - most) / temperature", "(score - most) * temperature"),
     ("writer.js", "61 | mixed", "60 | mixed")],
)  # fmt: skip
def test_a_fault_is_seen(tmp_path, written, file, right, wrong):
    for name in ("lstm.js", "writer.js"):
        shutil.copy(FOLDER / name, tmp_path)
    text = (tmp_path / file).read_text("utf-8")
    assert text.count(right) == 1
    (tmp_path / file).write_text(text.replace(right, wrong), "utf-8")
    drawn = call(tmp_path / "writer.js", "write", [[DATA, *CASES[2]]])
    assert drawn != written[2:3]


PREFIXES = "The Time Traveller", "it's 5 o'clock", "  Weena!  ", "a-b\tc", "the "


def test_a_beginning_is_cleaned_as_the_training_text_was_but_for_a_space_at_its_end():
    found = call(WRITER, "prepare", [[prefix, DATA] for prefix in PREFIXES])
    for prefix, each in zip(PREFIXES, found, strict=True):
        after = "" if prefix[-1].isalpha() else " "
        assert each == {"text": clean(prefix) + after}


@pytest.mark.parametrize(
    ("prefix", "cleaned", "said"),
    [("", True, "The beginning is empty"), (" 42 !", True, "The beginning is empty"),
     ("", False, "The beginning is empty"), ("the Eloi", False, "“E” is not among"),
     ("the eloi", False, None)],
)  # fmt: skip
def test_what_cannot_be_gone_on_from_is_said_in_a_sentence(prefix, cleaned, said):
    [found] = call(WRITER, "prepare", [[prefix, DATA | {"cleaned": cleaned}]])
    assert found.get("wrong", "").startswith(said) if said else "wrong" not in found
