"""The command line: `lstm --help`, or `python -m lstm --help`."""

import argparse
import os
import sys

from lstm.command import leave, look, train, use

EPILOG = """\
Every verb has a --help of its own, with examples. Results go to standard output,
progress and remarks to standard error.

exit codes: 0 done, 1 a check failed or a training went astray, 2 a mistake in what was
asked for, 130 interrupted (a training is saved first)
"""


MISTAKES = ValueError, OSError, RuntimeError, OverflowError, ModuleNotFoundError


def main(argv=None):
    """Run a verb; a caller's mistake is one line, --debug shows where it arose."""
    args = parser().parse_args(argv)
    try:
        args.call(args)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as stop:
        if args.debug:
            raise
        say(stop.args[0] if stop.args else "interrupted")
        sys.exit(130)
    except FloatingPointError as error:
        if args.debug:
            raise
        say(f"failed: {error}")
        sys.exit(1)
    except MISTAKES as error:
        if args.debug:
            raise
        say(f"error: {error}")
        sys.exit(2)


def say(sentence):
    """Say something on standard error; of several processes, which one says it."""
    rank = os.environ.get("RANK")
    print(f"{f'rank {rank}: ' if rank else ''}{sentence}", file=sys.stderr)


def parser():
    """The verbs and their options."""
    about = "Train LSTMs, let them write, measure them: the package of the LSTM Book."
    whole = argparse.ArgumentParser(
        prog="lstm",
        description=about,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--debug", action="store_true", help="show an error's traceback")
    verbs = whole.add_subparsers(title="verbs", required=True, metavar="VERB")
    for module in (train, use, leave, look):
        module.add(verbs)
    return whole
