"""Execute the chapters: chapters/src/NN_slug.py, percent text, becomes chapters/NN_slug.ipynb, with outputs.

One way only. A chapter is executed when its cells differ from its notebook's; name one to execute it anyway.
Cell ids are fixed, nothing of the clock or the machine is kept, and measured speeds are masked, so that the same
source gives the same bytes on the same machine. A cell that fails is shown with its traceback, and the
committed notebook stays as it was.
"""

import argparse
import base64
import io
import os
import re
import sys
import time
from pathlib import Path

import jupytext
import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

from lstm import data
from lstm.data import images, text

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
CELL_TIMEOUT = 1800  # seconds; the longest cell trains for minutes
SPEED = re.compile(r"[\d,.]+ tokens/sec on \S+")


def sources():
    """The percent texts of all chapters, in reading order."""
    return sorted(CHAPTERS.glob("src/[0-9][0-9]_*.py"))


def target(source):
    """The notebook that a source becomes."""
    return CHAPTERS / f"{source.stem}.ipynb"


def read(source):
    """A source as a notebook without outputs, its metadata and cell ids settled."""
    notebook = jupytext.read(source)
    for n, cell in enumerate(notebook.cells):
        cell.id = f"c{n:03d}"
        cell.metadata = metadata(cell.metadata)
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        }
    }
    return notebook


def metadata(options):
    """A cell's options, `tags=[…]` and `alt="…"`, as Jupyter and Jupyter Book want them."""
    settled = {"tags": options["tags"]} if "tags" in options else {}
    if "alt" in options:  # what a figure shows, for those who cannot see it
        settled["mystnb"] = {"image": {"alt": options["alt"]}}
    return settled


def cells(notebook):
    """What source and notebook must share: every cell's kind, text and metadata."""
    return [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


def is_current(source):
    """Whether the notebook holds just the cells of its source."""
    path = target(source)
    return path.exists() and cells(nbformat.read(path, as_version=4)) == cells(
        read(source)
    )


def tidy(notebook):
    """Take out of the outputs what differs from run to run; refuse what should not be published."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                if output.name == "stderr":
                    raise ValueError(
                        f"a cell wrote to stderr:\n{cell.source}\n---\n{output.text}"
                    )
                output.text = SPEED.sub("… tokens/sec on …", output.text)
            elif "image/png" in output.get("data", {}):
                output.data["image/png"] = slim(output.data["image/png"])
    return notebook


def slim(png):
    """A PNG (base64) with a small palette and no metadata: a figure needs no more, and weighs a third."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    for colours in (64, 128, 256):
        small = image.quantize(
            colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        if colours_kept(image, small.convert("RGB")):
            break
    else:
        small = image
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode() + "\n"


def colours_kept(image, small, share=0.0005, far=12):
    """Whether every colour that fills a share of the image is still itself, within `far` of 255."""
    before, after = (np.asarray(i, dtype=int).reshape(-1, 3) for i in (image, small))
    _, first, count = np.unique(before, axis=0, return_index=True, return_counts=True)
    common = first[count >= share * len(before)]
    return np.abs(before[common] - after[common]).max(initial=0) <= far


def execute(source):
    """Execute one source and replace its notebook, whole or not at all."""
    notebook = read(source)
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, record_timing=False, kernel_name="python3",
                            resources={"metadata": {"path": str(CHAPTERS)}})  # fmt: skip
    client.execute()
    tidy(notebook).metadata.pop("language_info", None)
    partial = target(source).with_suffix(".partial")
    nbformat.write(notebook, partial)
    os.replace(partial, target(source))


def refuse_stand_ins():
    """Exit unless the real data are at hand: what is published is never made from the stand-ins."""
    try:
        for source in (text.TIME_MACHINE, *images.MNIST):
            data.find(source)
    except data.DataError as error:
        sys.exit(f"the committed chapters are made from the real data: {error}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "chapter",
        nargs="?",
        default="",
        help="number or name, as 02 or 02_scratch; default: all",
    )
    parser.add_argument(
        "--all", action="store_true", help="execute also what has not changed"
    )
    args = parser.parse_args()
    chosen = [s for s in sources() if s.stem.startswith(args.chapter)]
    if not chosen:
        parser.error(
            f"no chapter {args.chapter!r}: there are {', '.join(s.stem for s in sources())}"
        )
    os.environ["TQDM_DISABLE"] = "1"
    os.environ.pop("MPLBACKEND", None)  # notebooks draw inline
    if os.environ.get("LSTM_DATA"):  # kernels run in another folder
        os.environ["LSTM_DATA"] = os.path.abspath(
            os.path.expanduser(os.environ["LSTM_DATA"])
        )
    stale = [s for s in chosen if args.chapter or args.all or not is_current(s)]
    for source in chosen:
        if source not in stale:
            print(f"{source.stem}: unchanged")
    if stale:
        refuse_stand_ins()
    for source in stale:
        start = time.monotonic()
        print(f"{source.stem}: executing …", flush=True)
        try:
            execute(source)
        except (
            CellExecutionError,
            CellTimeoutError,
            DeadKernelError,
            ValueError,
        ) as error:
            sys.exit(f"{error}\n{source.stem}: failed; the notebook was left as it was")
        kilobytes = target(source).stat().st_size / 1000
        print(f"{source.stem}: {time.monotonic() - start:.0f} s, {kilobytes:.0f} kB")


if __name__ == "__main__":
    main()
