"""The command line: `python -m lstm --help`."""

import argparse

import torch

from lstm import bench, data, parity, shapes
from lstm.tables import Table

DEVICE = "cpu, cuda, ... (default: the GPU if there is one)"


def show_data(_):
    """Find, fetch and verify the data, and say what is used."""
    text, images = data.find_text(), data.load_images()
    print(f"text    {text}")
    print(
        f"images  {images.name}: {len(images.train_x):,} to train, {len(images.test_x):,} to test"
    )


def run_bench(args):
    """Measure training speeds on this machine, side by side."""
    report = bench.run(args.device, args.rounds, args.seconds)
    for name, task in report["tasks"].items():
        slowest = min(task["speeds"].values())
        rows = [
            (who, f"{speed:,}", f"{speed / slowest:.1f}")
            for who, speed in task["speeds"].items()
        ]
        print(Table((name, task["unit"], "ratio"), rows), end="\n\n")
    if args.output:
        print("written:", bench.save(report, args.output))


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
    } | ({"proj_size": args.proj_size} if args.proj_size else {})
    print(shapes.table(**arguments, **sizes))
    # torch goes through the steps one by one; two show the shapes of all
    sizes["length"] = min(args.length, 2)
    wrong = shapes.differences(**arguments, **sizes)
    if wrong:
        raise AssertionError(f"torch.nn.{args.layer} has other shapes: {wrong}")
    print(
        f"\nchecked against torch.nn.{args.layer}, torch {torch.__version__}: the same"
    )


def show_parity(args):
    """Compare our layers with torch's in float64, for every combination of arguments."""
    measured = parity.measure(args.device)
    print(parity.table(measured))
    largest = parity.worst(measured)
    print(f"\nlargest difference of outputs, states and gradients: {largest:.1e}")
    if not largest < parity.BOUND:
        raise AssertionError(f"expected less than {parity.BOUND}: this is not rounding")


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m lstm", description="The package of the LSTM Book."
    )
    verbs = parser.add_subparsers(title="verbs", required=True)
    verb = verbs.add_parser(
        "data", help=show_data.__doc__, description=show_data.__doc__
    )
    verb.set_defaults(call=show_data)
    verb = verbs.add_parser(
        "bench", help=run_bench.__doc__, description=run_bench.__doc__
    )
    verb.add_argument(
        "--device",
        default="auto",
        help=DEVICE,
    )
    verb.add_argument(
        "--rounds",
        type=int,
        default=bench.ROUNDS,
        help="rounds that are counted (default %(default)s)",
    )
    verb.add_argument(
        "--seconds",
        type=float,
        default=bench.SECONDS,
        help="length of a round for each model (default %(default)s)",
    )
    verb.add_argument("--output", help="a file to write the report to, as JSON")
    verb.set_defaults(call=run_bench)
    verb = verbs.add_parser(
        "parity", help=show_parity.__doc__, description=show_parity.__doc__
    )
    verb.add_argument("--device", default="auto", help=DEVICE)
    verb.set_defaults(call=show_parity)
    _add_shapes(verbs)
    args = parser.parse_args(argv)
    try:
        args.call(args)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        parser.exit(2, f"error: {error}\n")
    except AssertionError as error:
        parser.exit(1, f"failed: {error}\n")


def _add_shapes(verbs):
    verb = verbs.add_parser(
        "shapes",
        help=show_shapes.__doc__,
        description=show_shapes.__doc__ + " The arguments are torch's.",
    )
    verb.add_argument("layer", choices=sorted(shapes.GATES), help="which of torch.nn's")
    verb.add_argument(
        "--input-size",
        type=int,
        required=True,
        metavar="D",
        help="features at each step",
    )
    verb.add_argument(
        "--hidden-size", type=int, required=True, metavar="H", help="units"
    )
    verb.add_argument(
        "--num-layers",
        type=int,
        default=1,
        metavar="LAYERS",
        help="layers (default %(default)s)",
    )
    verb.add_argument(
        "--proj-size",
        type=int,
        default=0,
        metavar="P",
        help="an LSTM's projection (default: none)",
    )
    for flag, text in {
        "--bidirectional": "two directions",
        "--batch-first": "input and output with the batch axis in front",
        "--no-bias": "without biases",
    }.items():
        verb.add_argument(flag, action="store_true", help=text)
    verb.add_argument(
        "--length", type=int, default=5, metavar="L", help="steps (default %(default)s)"
    )
    batch = verb.add_mutually_exclusive_group()
    batch.add_argument(
        "--batch",
        type=int,
        default=8,
        metavar="N",
        help="sequences (default %(default)s)",
    )
    batch.add_argument(
        "--unbatched", action="store_true", help="an input without batch axis"
    )
    verb.set_defaults(call=show_shapes)


if __name__ == "__main__":
    main()
