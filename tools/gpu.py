"""Run every chapter on a GPU by nbval, then parity and the benchmarks, and report.

The outputs are compared with those committed from a CPU. Deterministic algorithms are
used where torch has them. The report goes to the screen and, with the benchmark's
figures, into a folder. Without a GPU it says so and exits with 1; --device cpu
rehearses everything without one.
"""

import argparse
import contextlib
import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import notebooks

ROOT = Path(__file__).resolve().parents[1]
# run by IPython before a notebook's first cell; leaves no name behind
STARTUP = """
import warnings, torch
torch.use_deterministic_algorithms(True, warn_only=True)
torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
said = ".*does not have a deterministic implementation"
warnings.filterwarnings("ignore", message=said)
del said, warnings, torch
"""


def machine(device):
    """What the figures were measured on: names and versions."""
    facts = {"date": datetime.date.today().isoformat()}
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        facts |= {
            "device": f"{card.name}, {card.total_memory / 2**30:.0f} GiB",
            "driver": driver(),
            "CUDA": torch.version.cuda,
            "cuDNN": torch.backends.cudnn.version(),
        }
    else:
        facts["device"] = f"CPU, {torch.get_num_threads()} threads (a rehearsal)"
    facts["Python"] = platform.python_version()
    facts["system"] = platform.system()
    for name in ("torch", "numpy", "matplotlib"):
        facts[name] = __import__(name).__version__
    return facts


def driver():
    """The version of NVIDIA's driver, as its own tool gives it."""
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        return f"unknown ({error})"


@contextlib.contextmanager
def deterministic(device):
    """The environment of kernels that use deterministic algorithms, on the device."""
    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder) / "profile_default" / "startup" / "deterministic.py"
        startup.parent.mkdir(parents=True)
        startup.write_text(STARTUP, encoding="utf-8")
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        settings = {"IPYTHONDIR": folder, "PYTHONPATH": path}
        settings["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        if device == "cpu":
            settings["CUDA_VISIBLE_DEVICES"] = ""
        yield os.environ | settings


def python_m(*arguments):
    """Run `python -m …`, its progress shown; whether it went well, and its output."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return done.returncode == 0, done.stdout


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapter", nargs="*", help="number or name; default: all")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    folder, text = ROOT / "_build" / "gpu", "for report.md and bench.json"
    parser.add_argument("--folder", type=Path, default=folder, help=text)
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit(
            f"no GPU: torch {torch.__version__} finds no CUDA device. "
            "`make gpu DEVICE=cpu` rehearses without one"
        )
    try:
        chosen = notebooks.chosen(notebooks.files(ROOT), args.chapter)
    except ValueError as error:
        sys.exit(f"error: {error}")
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    with (args.folder / "report.md").open("w", encoding="utf-8") as file:
        failed = report(args, chosen, lambda text="": say(text, file))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def say(text, file):
    for stream in (sys.stdout, file):
        print(text, file=stream, flush=True)


def report(args, chosen, tell):
    """Run everything and tell it; returns the names of what failed."""
    failed = []
    tell("# The LSTM Book on a GPU\n\n| | |\n|---|---|")
    for name, value in machine(args.device).items():
        tell(f"| {name} | {value} |")
    tell("\n| chapter | cells passed | time |\n|---|---|---|")
    logs = []
    with deterministic(args.device) as settings:
        for path in chosen:
            outcome = notebooks.run(path, cwd=ROOT, env=settings)
            cells = f"{outcome.passed} of {outcome.cells}"
            tell(f"| {notebooks.name(path)} | {cells} | {outcome.seconds:.0f} s |")
            if not outcome.good:
                failed.append(notebooks.name(path))
                logs.append(outcome.log)
    output = str(args.folder / "bench.json")
    for name, command in {
        "parity": ["lstm", "parity", "--device", args.device],
        "bench": ["lstm", "bench", "--device", args.device, "--output", output],
    }.items():
        good, printed = python_m(*command)
        tell(f"\n## {name}\n\n```\n{printed.strip()}\n```")
        failed += [] if good else [name]
    for log in logs:
        tell(f"\n```\n{log}\n```")
    return failed


if __name__ == "__main__":
    main()
