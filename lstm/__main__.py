"""The command line: `python -m lstm --help`."""

import argparse

from lstm import bench, data
from lstm.tables import Table


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
        help="cpu, cuda, ... (default: the GPU if there is one)",
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
    args = parser.parse_args(argv)
    try:
        args.call(args)
    except (ValueError, data.DataError) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
