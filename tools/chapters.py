"""Execute the chapters: chapters/src/NN_slug.py becomes chapters/NN_slug.ipynb.

One way only, outputs included. A chapter is executed when its code differs from its
notebook's; name one to execute it anyway. Where only text differs, outputs are kept.
Cell ids are fixed, nothing of the clock or the machine is kept, and measured speeds are
masked, so that the same source gives the same bytes on the same machine. A cell that
fails is shown with its traceback, and the committed notebook stays as it was.

At last the table of contents and the lists of chapters are brought up to date: see
tools/contents.py. What a source looks like: see tools/sources.py.
"""

import argparse
import base64
import io
import os
import re
import sys
import time

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

import contents
import notebooks
import sources
from lstm import data
from lstm.atomic import replacing
from lstm.data import images, text

PALETTES = [  # the lightest first; the first that keeps the colours is taken
    (Image.Quantize.FASTOCTREE, 64),
    *((Image.Quantize.MEDIANCUT, colours) for colours in (64, 128, 256)),
]
CELL_TIMEOUT = 1800  # seconds; the longest cell trains for minutes
FAILURES = CellExecutionError, CellTimeoutError, DeadKernelError, ValueError
SPEED = re.compile(r"[\d,.]+ tokens/sec on \S+")


def tidy(notebook):
    """Take out what differs from run to run; refuse what should not be published."""
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                if output.name == "stderr":
                    wrote = f"a cell wrote to stderr:\n{cell.source}"
                    raise ValueError(f"{wrote}\n---\n{output.text}")
                output.text = SPEED.sub("… tokens/sec on …", output.text)
            elif "image/png" in output.get("data", {}):
                output.data["image/png"] = slim(output.data["image/png"])
    return notebook


def joined(outputs):
    """Outputs with printed text that arrived in pieces made one again."""
    whole = []
    for output in outputs:
        before = whole[-1] if whole else {}
        if output.get("name", "") == before.get("name") == "stdout":
            before.text += output.text
        else:
            whole.append(output)
    return whole


def slim(png):
    """A PNG (base64) of few colours and without metadata: it weighs a third."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    for method, colours in PALETTES:
        small = image.quantize(colours, method=method, dither=Image.Dither.NONE)
        if colours_kept(image, small.convert("RGB")):
            break
    else:
        small = image
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode() + "\n"


def colours_kept(image, small, share=0.0005, far=12):
    """Whether every colour that fills a share of the image is kept, to `far` of 255."""
    before, after = (np.asarray(i, dtype=int).reshape(-1, 3) for i in (image, small))
    _, first, count = np.unique(before, axis=0, return_index=True, return_counts=True)
    common = first[count >= share * len(before)]
    return np.abs(before[common] - after[common]).max(initial=0) <= far


def refresh(source):
    """Give a notebook the text of its source; its code is the same, so are outputs."""
    notebook, path = sources.read(source), sources.target(source)
    old = nbformat.read(path, as_version=4)
    done = iter([cell for cell in old.cells if cell.cell_type == "code"])
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        before = next(done)
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    write(notebook, path)
    print(f"{notebooks.name(path)}: text brought up to date")


def execute(source):
    """Execute one source and replace its notebook, whole or not at all."""
    notebook = sources.read(source)
    folder = {"metadata": {"path": str(sources.CHAPTERS)}}
    options = {"record_timing": False, "kernel_name": "python3", "resources": folder}
    NotebookClient(notebook, timeout=CELL_TIMEOUT, **options).execute()
    tidy(notebook).metadata.pop("language_info", None)
    write(notebook, sources.target(source))


def write(notebook, target):
    """Write a notebook, whole or not at all."""
    target.parent.mkdir(exist_ok=True)
    with replacing(target) as partial:
        nbformat.write(notebook, partial)


def refuse_stand_ins():
    """Exit unless the real data are here: nothing is published from the stand-ins."""
    try:
        for source in (text.TIME_MACHINE, *images.MNIST):
            data.find(source)
    except data.DataError as error:
        sys.exit(f"the committed chapters are made from the real data: {error}")


def make(source):
    """Execute a source, and say what came of it."""
    start = time.monotonic()
    name = notebooks.name(sources.target(source))
    print(f"{name}: executing …", flush=True)
    try:
        execute(source)
    except FAILURES as error:
        sys.exit(f"{error}\n{name}: failed; the notebook was left as it was")
    seconds = time.monotonic() - start
    kilobytes = sources.target(source).stat().st_size / 1000
    print(f"{name}: {seconds:.0f} s, {kilobytes:.0f} kB")
    said = 60 * sources.header(source)["minutes"]
    if not said / 3 < seconds < said * 3:
        print(f"note: its header says {said / 60:g} minutes")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapter", nargs="*", help="as 2 or 02_scratch; default: all")
    text = "execute also what has not changed"
    parser.add_argument("--all", action="store_true", help=text)
    args = parser.parse_args(argv)
    try:
        everything = [*sources.files(), *sources.solutions()]
        found = notebooks.chosen(everything, args.chapter)
        forced = args.chapter or args.all
        stale = [s for s in found if forced or not sources.same_code(s)]
        texts = [s for s in found if s not in stale and not sources.is_current(s)]
    except ValueError as error:
        sys.exit(f"error: {error}")
    os.environ["TQDM_DISABLE"] = "1"
    # the same sums, to the last digit, however many cores a machine has
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("MPLBACKEND", None)  # notebooks draw inline
    if folder := os.environ.get("LSTM_DATA"):  # kernels run in another folder
        os.environ["LSTM_DATA"] = os.path.abspath(os.path.expanduser(folder))
    if stale:
        refuse_stand_ins()
    for source in found:
        if source in stale:
            make(source)
        elif source in texts:
            refresh(source)
        else:
            print(f"{notebooks.name(sources.target(source))}: unchanged")
    for path in contents.write():
        print(f"{path.relative_to(contents.ROOT)}: brought up to date")


if __name__ == "__main__":
    main()
