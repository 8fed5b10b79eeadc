"""The operator in C++: built on first use, kept in the user's cache, loaded from there.

Where it cannot be had, one line on standard error says what is used instead.
"""

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import torch

SOURCE = Path(__file__).with_name("operator.cpp")
SWITCH = "LSTM_OPERATOR"  # "none": do without
VECTORS = {  # what torch finds of the processor, and how the compiler is told
    "AVX512": "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c",
    "AVX2": "-mavx2 -mfma -mf16c",
}
WAYS, SUMS = ("forward", "backward", "step"), ("add_rows", "transposed")
INSTEAD = "plain PyTorch computes instead, the same, more slowly"


@cache
def load():
    """The functions of the operator, an engine for `through_time`; None without one.

    `pad` keeps rows from lying a power of two apart; chapter 11 measures its worth.
    The first time on a machine it is built, which takes about half a minute.
    """
    if os.environ.get(SWITCH) == "none":
        return None
    try:
        library = folder() / "lstm_book.so"
        if library.exists():
            torch.ops.load_library(str(library))
        else:
            say("building the operator in C++, once, in about half a minute ...")
            build(library)
    except Exception as error:  # whatever a compiler, a disk or a linker may raise
        say(f"no operator in C++ ({reason(error)}): {INSTEAD}")
        return None
    names = [f"{cell}_{what}" for cell in ("lstm", "gru") for what in WAYS]
    found = {n: getattr(torch.ops.lstm_book, n).default for n in (*names, *SUMS)}
    return SimpleNamespace(**found, pad=16, few=64)


def build(library):
    """Build the operator, load it, and keep it.

    In a folder of its own beside the file, so that nobody finds half a file, and two
    who build at once do not meet. Raises what building raises.
    """
    from torch.utils import cpp_extension

    if sys.platform == "win32":
        raise RuntimeError("it is written for GCC and Clang")
    if not compiler():
        raise RuntimeError(f"there is no compiler {os.environ.get('CXX', 'c++')}")
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as own, ninja_on_path():
        cpp_extension.load(
            library.stem,
            [str(SOURCE)],
            extra_cflags=flags(),
            build_directory=own,
            is_python_module=False,
        )
        os.replace(Path(own) / library.name, library)


def compiler():
    """The path of the C++ compiler, which `torch.compile` needs as well; or None."""
    return shutil.which(os.environ.get("CXX", "c++"))


def flags():
    """How the operator is compiled on this machine."""
    found = torch.backends.cpu.get_cpu_capability()
    chosen = ["-O3", "-fno-math-errno", "-fno-trapping-math"]
    if sys.platform == "linux":
        chosen.append("-fopenmp")
    if found in VECTORS:
        vectors = [f"-DCPU_CAPABILITY={found}", f"-DCPU_CAPABILITY_{found}"]
        chosen += [*vectors, *VECTORS[found].split()]
    return chosen


def folder():
    """Where the operator is kept: one folder for each source, torch and processor."""
    made_of = SOURCE.read_text("utf-8"), *flags(), torch.__version__, platform.machine()
    digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "lstm-book" / "operator" / digest


@contextmanager
def ninja_on_path():
    """Let torch find ninja where pip put it, in an environment that is not active."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def reason(error):
    """The first line of an error; of a compiler's, the first that says error."""
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line for line in lines if " error: " in line), lines[0])[:200]


def say(sentence):
    """Say something that is not a result."""
    print(f"lstm.fast: {sentence}", file=sys.stderr)
