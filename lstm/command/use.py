"""The verbs that use what was trained: generate, evaluate, export."""

import contextlib
import json
import sys
from pathlib import Path

import torch

from lstm import runs
from lstm.command.train import report
from lstm.command.verbs import add_device, add_verb
from lstm.devices import pick_device
from lstm.export import export
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
        report(Path(args.folder), task, result)


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


def write_script(args):
    """Write a trained language model into a script, for a page that lets it write."""
    with contextlib.redirect_stdout(sys.stderr):  # which data stand in
        content = export(args.folder, args.output)
    print(f"{'perplexity':20} {content['held_out']['perplexity']:.3f}")
    print(f"{'bytes':20} {Path(args.output).stat().st_size:,}")
    print(f"{'written':20} {args.output}")


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

    example = """\
lstm export run --output writes_data.js
lstm export run --output book/_static/interactive/writes_data.js
"""
    more = " One LSTM layer; 16-bit floats."
    verb = add_verb(verbs, "export", write_script, more, examples=example)
    verb.add_argument("folder", metavar="DIR", help="the folder of a run")
    text = "the script to write, whole or not at all"
    verb.add_argument("--output", required=True, metavar="FILE", help=text)
