"""Verbs that look: data, shapes, parity, speeds, studies."""

import sys

import torch

from lstm import bench, data, parity, shapes, studies
from lstm.command.verbs import add_device, add_verb
from lstm.tables import Table


def show_data(_):
    """Find, fetch and verify the data, and say what is used."""
    text, images = data.find_text(), data.load_images()
    train, test = len(images.train_x), len(images.test_x)
    print(f"text    {text}")
    print(f"images  {images.name}: {train:,} to train, {test:,} to test")


def run_bench(args):
    """Measure speeds on this machine, side by side."""
    made = BENCHES[args.what](args)
    if args.output:
        print("written:", bench.save(made, args.output))


def bench_steps(args):
    """The training steps of the chapters."""
    report = bench.run(args.device, args.rounds, args.seconds)
    for name, task in report["tasks"].items():
        slowest = min(task["speeds"].values())
        rows = [
            (who, f"{speed:,}", f"{speed / slowest:.1f}")
            for who, speed in task["speeds"].items()
        ]
        print(Table((name, task["unit"], "ratio"), rows), end="\n\n")
    return report


def bench_fast(args):
    """The way to `lstm.fast`."""
    report = bench.fast.run(args.rounds, args.seconds)
    for table in bench.fast.tables(report):
        print(table, end="\n\n")
    return report


def bench_reset(args):
    """The price of a reset."""
    report = bench.reset.run(args.rounds, args.seconds)
    for table in (bench.reset.table(report), bench.reset.table_of_ways(report)):
        print(table, end="\n\n")
    return report


BENCHES = {"steps": bench_steps, "fast": bench_fast, "reset": bench_reset}


def run_study(args):
    """Measure what a study's file lacks, and keep it; a stopped study goes on."""
    print("written:", studies.run(args.name, args.processes, args.output, args.again))


def show_shapes(args):
    """Print every tensor of a recurrent layer: its name, axes, shape and size."""
    sizes = {"length": args.length, "batch": None if args.unbatched else args.batch}
    arguments = {
        "input_size": args.input_size,
        "hidden_size": args.hidden_size,
        "num_layers": args.num_layers,
        "bias": not args.no_bias,
        "batch_first": args.batch_first,
        "bidirectional": args.bidirectional,
        "kind": args.layer,
    }
    if args.proj_size:
        arguments["proj_size"] = args.proj_size
    print(shapes.table(**arguments, **sizes))
    # torch goes through the steps one by one; two show the shapes of all
    sizes["length"] = min(args.length, 2)
    torchs = f"torch.nn.{args.layer}"
    if wrong := parity.shape_differences(**arguments, **sizes):
        sys.exit(f"failed: {torchs} has other shapes: {wrong}")
    print(f"\nchecked against {torchs}, torch {torch.__version__}: the same")


def show_parity(args):
    """Compare our layers with torch's in float64, for every combination of arguments.

    Exits with 1 if a difference is more than rounding.
    """
    measured = parity.measure(args.device)
    print(parity.table(measured))
    largest = parity.worst(measured)
    print(f"\nlargest difference of outputs, states and gradients: {largest:.1e}")
    if not largest < parity.BOUND:
        sys.exit(f"failed: expected less than {parity.BOUND}: this is not rounding")


def add(verbs):
    """Add the verbs of this module."""
    add_verb(verbs, "data", show_data)
    add_bench(verbs)
    add_device(add_verb(verbs, "parity", show_parity))
    add_shapes(verbs)
    add_study(verbs)


def add_bench(verbs):
    verb = add_verb(verbs, "bench", run_bench)
    default = " (default %(default)s)"
    text = (
        "steps: the chapters' training steps; fast: from the notes' loop to lstm.fast; "
    )
    text += "reset: the price of beginning anew in mid-batch"
    verb.add_argument("what", choices=BENCHES, default="steps", nargs="?", help=text)
    add_device(verb)
    text = "rounds that are counted" + default
    verb.add_argument("--rounds", type=int, default=bench.steps.ROUNDS, help=text)
    text = "length of a round for each who takes part" + default
    seconds = bench.steps.SECONDS
    verb.add_argument("--seconds", type=float, default=seconds, help=text)
    verb.add_argument("--output", help="a file to write the report to, as JSON")


def add_shapes(verbs):
    verb = add_verb(verbs, "shapes", show_shapes, " The arguments are torch's.")
    verb.add_argument("layer", choices=sorted(shapes.GATES), help="which of torch.nn's")
    required, default = {"type": int, "required": True}, " (default %(default)s)"
    verb.add_argument("--input-size", metavar="D", help="features a step", **required)
    verb.add_argument("--hidden-size", metavar="H", help="units", **required)
    sizes = {
        "--num-layers": (1, "LAYERS", "layers" + default),
        "--proj-size": (0, "P", "an LSTM's projection (default: none)"),
        "--length": (5, "L", "steps" + default),
    }
    for flag, (value, letter, text) in sizes.items():
        verb.add_argument(flag, type=int, default=value, metavar=letter, help=text)
    flags = {
        "--bidirectional": "two directions",
        "--batch-first": "input and output with the batch axis in front",
        "--no-bias": "without biases",
    }
    for flag, text in flags.items():
        verb.add_argument(flag, action="store_true", help=text)
    batch = verb.add_mutually_exclusive_group()
    text = "sequences" + default
    batch.add_argument("--batch", type=int, default=8, metavar="N", help=text)
    text = "an input without batch axis"
    batch.add_argument("--unbatched", action="store_true", help=text)


def add_study(verbs):
    verb = add_verb(verbs, "study", run_study, " Each point runs on one thread.")
    verb.add_argument("name", choices=studies.NAMES, help="which; see lstm/studies")
    text = "points at a time (default: one for each core)"
    verb.add_argument("--processes", type=int, metavar="N", help=text)
    text = "a file to keep it in (default: lstm/results/studies/NAME.json)"
    verb.add_argument("--output", help=text)
    verb.add_argument("--again", action="store_true", help="measure all points anew")
