"""The verbs that use what was trained: generate, evaluate."""

import contextlib
import json
import sys

import torch

from lstm import runs
from lstm.command.train import report
from lstm.command.verbs import add_device, add_verb
from lstm.devices import pick_device
from lstm.models import stream
from lstm.training import evaluate


def show_evaluation(args):
    """Measure a trained model on data that it was not trained on."""
    with contextlib.redirect_stdout(sys.stderr):  # which data stand in
        device = pick_device(args.device)
        task, model = runs.trained(args.folder, device)
    result = evaluate(model, task.held_out(args.part), task.reading)
    if args.json:
        print(json.dumps(task.measures(result)))
    else:
        report(args.folder, task, result)


def write(args):
    """Let a trained language model write on from a beginning."""
    model, vocab = runs.writer(args.folder, pick_device(args.device))
    generator = torch.Generator()
    generator.seed() if args.seed is None else generator.manual_seed(args.seed)
    settings = args.length, args.temperature, args.top_k, generator
    symbols = stream(model, vocab, args.prefix, *settings)
    first = next(symbols, "")  # a mistake shows before anything is written
    print(args.prefix + first, end="", flush=True)
    for symbol in symbols:
        print(symbol, end="", flush=True)
    print()


def add(verbs):
    """Add the verbs of this module."""
    example = """\
lstm generate run --prefix "time traveller" --length 200 --seed 1
lstm generate run --prefix "the " --temperature 0       always the likeliest
lstm generate run --prefix "the " --temperature 1.2 --top-k 5 | fold -w 72
"""
    verb = add_verb(verbs, "generate", write, examples=example)
    verb.add_argument("folder", metavar="DIR", help="the folder of a run")
    text = "what it goes on from"
    verb.add_argument("--prefix", required=True, metavar="P", help=text)
    default = " (default %(default)s)"
    text = "characters to write" + default
    verb.add_argument("--length", type=int, default=200, metavar="N", help=text)
    text = "0: the likeliest; 1: as often as in the text; above: wilder" + default
    verb.add_argument("--temperature", type=float, default=0.8, metavar="T", help=text)
    text = "draw from the K likeliest only (default: all)"
    verb.add_argument("--top-k", type=int, metavar="K", help=text)
    text = "the same again for the same seed (default: another each time)"
    verb.add_argument("--seed", type=int, metavar="S", help=text)
    add_device(verb)

    example = """\
lstm evaluate run
lstm evaluate run --json | python -m json.tool
"""
    verb = add_verb(verbs, "evaluate", show_evaluation, examples=example)
    verb.add_argument("folder", metavar="DIR", help="the folder of a run")
    parts = "test", "validation", "training"
    text = "which part of the data" + default
    verb.add_argument("--part", choices=parts, default="test", help=text)
    verb.add_argument("--json", action="store_true", help="one JSON object")
    add_device(verb)
