"""The verb that trains."""

import argparse
import contextlib
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import torch

from lstm import runs
from lstm.command.verbs import add_device
from lstm.devices import pick_device
from lstm.training import evaluate, fit, joined, locked, tensorboard
from lstm.training.config import OPTIMIZERS, PRECISIONS, SCHEDULES, STATES

EXAMPLES = {
    "text": """\
lstm train text --out run                         the Time Machine, defaults
lstm train text --data novel.txt --steps 2000 --seed 1 --out run
lstm train text --layer ours --cell GRU --hidden-size 128 --out run
lstm train text --resume run                      go on where it stopped
torchrun --nproc-per-node 2 -m lstm train text --out run
""",
    "digits": """\
lstm train digits --out run                       MNIST by rows, defaults
lstm train digits --epochs 2 --lr 0.01 --schedule constant --out run
lstm train digits --bidirectional --seed 1 --out run
lstm train digits --resume run                    go on where it stopped
""",
}
OPTIONS = {  # name: how it is read, its letter, what it is
    "data": (str, "DATA", "what to train on"),
    "layer": (
        runs.LAYERS,
        None,
        "torch's layer, the package's, its fast one, or the notes' code",
    ),
    "cell": (runs.CELLS, None, "which recurrent layer"),
    "hidden_size": (int, "H", "units of a layer"),
    "num_layers": (int, "K", "layers"),
    "dropout": (float, "P", "between layers, and of the last one's output"),
    "forget_bias": (float, "B", "an LSTM's forget bias at the start"),
    "batch": (int, "N", "sequences of a minibatch, of all processes together"),
    "length": (int, "L", "steps of a window"),
    "state": (STATES, None, "before a window: zeros, or the last window's"),
    "epochs": (float, "E", "passes over the training data"),
    "steps": (int, "N", "parameter updates, in place of passes"),
    "lr": (float, "RATE", "learning rate; with a schedule, the highest"),
    "optimizer": (tuple(OPTIMIZERS), None, "the optimiser"),
    "schedule": (SCHEDULES, None, "of the learning rate"),
    "clip": (float, "NORM", "the gradient's greatest norm; 0: not clipped"),
    "weight_decay": (float, "W", "pull of the weights towards 0"),
    "precision": (tuple(PRECISIONS), None, "of matrix products"),
    "patience": (int, "N", "end after so many validations without a better one"),
    "seed": (int, "S", "of the first weights, the order of the data and dropout"),
}
TEXT_ONLY = "length", "state"
DATA = {
    "text": "time-machine, embedded, or the path of any text file in UTF-8",
    "digits": "mnist, or digits (scikit-learn's)",
}


def train(args):
    """Train a model in a folder, or go on with a training that was stopped."""
    given = {n: getattr(args, n) for n in OPTIONS if getattr(args, n, None) is not None}
    if given.get("clip") == 0:
        given["clip"] = None
    if args.task == "digits" and args.bidirectional:
        given["bidirectional"] = True
    if args.resume and args.out and Path(args.resume) != Path(args.out):
        raise ValueError(
            f"--out {args.out} is not the folder of --resume {args.resume}"
        )
    if not args.resume and not args.out:
        raise ValueError("say where to keep it: --out DIR, or --resume DIR to go on")
    folder = Path(args.resume or args.out)
    with contextlib.ExitStack() as stack:
        world, device = stack.enter_context(joined(pick_device(args.device)))
        if world.first:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
        there, *_ = world.gather(world.first and runs.saved(folder))
        run(args.task, folder, given, there, args, world, device)


def run(name, folder, given, there, args, world, device):
    """Train in a folder that is ours; `there` says whether a run is saved in it."""
    say = remark if world.first else lambda sentence: None
    if there and not args.resume:
        raise FileExistsError(
            f"{folder} holds a run: go on with --resume {folder}, or choose another "
            "folder"
        )
    with contextlib.redirect_stdout(sys.stderr):  # which data stand in
        if there:
            task = runs.going_on(folder, name, given)
        else:
            if given.get("layer") == "scratch":
                given = {"dropout": 0.0} | given  # there is none in the notes' code
            task = runs.TASKS[name](replace(runs.DEFAULTS[name], **given))
            if args.resume:
                say(f"nothing was saved in {folder} yet: beginning anew")
    torch.manual_seed(task.settings.seed)
    model, batches = task.model().to(device), task.batches()
    config = task.settings.config(batches)
    if world.first:
        runs.keep(folder, task)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    say(
        f"{task.settings.data}: {numbers:,} parameters, {config.steps:,} steps, "
        f"{len(batches):,} to a pass, on {world.size} x {device}"
    )
    shown = args.tensorboard and world.first
    watch = tensorboard(folder / "tensorboard") if shown else None
    try:
        fit(
            model,
            batches,
            config,
            label=folder.name,
            validation=validation(task),
            folder=folder,
            resume=there,
            watch=watch,
            world=world,
        )
    except KeyboardInterrupt as stop:
        command = f"lstm train {name} --resume {folder}"
        raise KeyboardInterrupt(f"{stop}; go on with: {command}") from stop
    result = evaluate(model, task.held_out("test"), task.reading, world)
    if world.first:
        report(folder, task, result)


def validation(task):
    """What is measured on after each pass; nothing, if digits are all trained on."""
    held_out = task.held_out("validation")
    return held_out if len(held_out) else None


def report(folder, task, result):
    """Print what a model came to on the test data, and where it lies."""
    for name, value in task.measures(result).items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
        print(f"{name.replace('_', ' '):20} {shown}")
    print(f"{'weights':20} {folder / 'model.pt'}")


def remark(sentence):
    """Say something that is not a result."""
    print(sentence, file=sys.stderr)


def add(verbs):
    """Add the verb and its two tasks."""
    help = train.__doc__.splitlines()[0]
    verb = verbs.add_parser("train", help=help, description=help)
    tasks = verb.add_subparsers(
        title="tasks", required=True, dest="task", metavar="TASK"
    )
    about = {
        "text": "a language model, letter by letter, on a corpus or any text file",
        "digits": "a classifier of handwritten digits, read row by row",
    }
    for name, sentence in about.items():
        add_task(tasks, name, sentence)


def add_task(tasks, name, sentence):
    """Add a task with all its options; what is not given is None."""
    task = tasks.add_parser(
        name,
        help=sentence,
        description=f"Train {sentence}.",
        epilog="examples:\n" + textwrap.indent(EXAMPLES[name], "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    task.set_defaults(call=train)
    where = task.add_argument_group("where")
    text = "a folder for the checkpoint, the history and the weights"
    where.add_argument("--out", metavar="DIR", help=text)
    text = "go on with the training in this folder, exactly as if it had not stopped"
    where.add_argument("--resume", metavar="DIR", help=text)
    add_device(where)
    text = "write TensorBoard's files, too, into DIR/tensorboard"
    where.add_argument("--tensorboard", action="store_true", help=text)
    defaults = runs.DEFAULTS[name]
    what = task.add_argument_group("what and how")
    for option, (kind, letter, text) in OPTIONS.items():
        if name == "digits" and option in TEXT_ONLY:
            continue
        default = getattr(defaults, option)
        text = DATA[name] if option == "data" else text
        shown = "what can be had" if option == "data" else default
        said = f"{text} (default: {'none' if shown is None else shown})"
        reads = {"type": kind, "metavar": letter}
        if isinstance(kind, tuple):
            reads = {"choices": kind}
        what.add_argument(f"--{option.replace('_', '-')}", help=said, **reads)
    if name == "digits":
        what.add_argument("--bidirectional", action="store_true", help="two directions")
