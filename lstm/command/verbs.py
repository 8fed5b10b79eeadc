"""What the verbs of the command line share."""

import argparse
import textwrap


def add_verb(verbs, name, call, more="", examples=""):
    """Add a verb, with the first line of its function's docstring as its help."""
    first = call.__doc__.splitlines()[0]
    shown = (
        f"examples:\n{textwrap.indent(examples.strip(), '  ')}" if examples else None
    )
    verb = verbs.add_parser(
        name,
        help=first,
        description=first + more,
        epilog=shown,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.set_defaults(call=call)
    return verb


def add_device(verb):
    """Add the option that says where to compute."""
    choice = "cpu, cuda, ... (default: the GPU if there is one)"
    verb.add_argument("--device", default="auto", help=choice)
