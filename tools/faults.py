"""Plant one fault after another in a copy of the package, and say which tests catch it.

A test suite is worth what it catches. Exits with 1 if a fault is caught by no test.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lstm.tables import Table

ROOT = Path(__file__).parents[1]
COPIED = "lstm", "tests", "pyproject.toml", "conftest.py"
TESTS = "tests/test_cells.py", "tests/test_cell_modules.py", "tests/test_layers.py"


@dataclass(frozen=True)
class Fault:
    """A piece of the package's text that stands there once, and what is planted in its place."""

    name: str
    file: str
    right: str
    wrong: str


FAULTS = [
    Fault("LSTM: input and forget gate exchanged", "lstm/cells.py",
          "    i, f, g, o = (linear", "    f, i, g, o = (linear"),
    Fault("LSTM: a sign, minus the new content", "lstm/cells.py",
          "f.sigmoid() * c + i.sigmoid() * g.tanh()", "f.sigmoid() * c - i.sigmoid() * g.tanh()"),
    Fault("LSTM: the cell shown without its tanh", "lstm/cells.py",
          "h = o.sigmoid() * c.tanh()", "h = o.sigmoid() * c"),
    Fault("LSTM: c for h in the state that is carried", "lstm/cells.py",
          "    return h, c\n\n\ndef projected", "    return h, h\n\n\ndef projected"),
    Fault("LSTM: the second bias left out", "lstm/cells.py",
          "i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh))",
          "i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh))"),
    Fault("projection: without the biases", "lstm/cells.py",
          "lstm_step(x, state, w_ih, w_hh, b_ih, b_hh)\n    return linear",
          "lstm_step(x, state, w_ih, w_hh)\n    return linear"),
    Fault("GRU: z and 1 - z exchanged", "lstm/cells.py",
          "    n = (n_x + r * n_h).tanh()\n    return ((1 - z) * n + z * h,)",
          "    n = (n_x + r * n_h).tanh()\n    return (z * n + (1 - z) * h,)"),
    Fault("GRU: the reset left out", "lstm/cells.py",
          "(n_x + r * n_h).tanh()", "(n_x + n_h).tanh()"),
    Fault("reverse: outputs not turned round again", "lstm/cells.py",
          "torch.stack(outputs[::-1] if reverse else outputs)", "torch.stack(outputs)"),
    Fault("packed: the state of an ended sequence is lost", "lstm/cells.py",
          "torch.cat([new, old[n:]]) for new", "torch.cat([new, 0 * old[n:]]) for new"),
    Fault("cell module: the state that is given is left out", "lstm/cell_modules.py",
          "            state = self._take(hx)", "            state = (input.new_zeros(size),) * self._states"),
    Fault("packed: the reverse direction begins at the first step", "lstm/cells.py",
          "for x in reversed(steps) if reverse else steps:", "for x in steps:"),
    Fault("packed: states not put back into the caller's order", "lstm/layers.py",
          "self._hand_back(permute(state, back))", "self._hand_back(permute(state, order))"),
    Fault("dropout between the layers missing", "lstm/layers.py",
          "inputs = dropout(inputs, self.dropout, self.training)", "pass"),
    Fault("dropout in evaluation, too", "lstm/layers.py",
          "dropout(inputs, self.dropout, self.training)", "dropout(inputs, self.dropout)"),
    Fault("every layer starts from the first one's state", "lstm/layers.py",
          "tuple(s[k] for s in state)", "tuple(s[0] for s in state)"),
    Fault("batch_first: the output's axes left as they are", "lstm/layers.py",
          "output = output.transpose(0, 1) if self.batch_first else output", "pass"),
    Fault("first weights from another range", "lstm/layers.py",
          "bound = 1 / math.sqrt(self.hidden_size)", "bound = 1 / self.hidden_size"),
]  # fmt: skip


def plant(fault, folder):
    """Copy the package and its tests into a folder, with the fault in it."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        else:
            shutil.copy(source, folder / name)
    path = folder / fault.file
    text = path.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        raise ValueError(
            f"{fault.name}: expected once in {fault.file}, got {text.count(fault.right)} times: {fault.right!r}"
        )
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")


NONE = Fault("no fault", "lstm/cells.py", '"""The equations:', '"""The equations:')


def caught_by(fault):
    """Return the names of the tests that fail with the fault in place."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant(fault, folder)
        # the folder stands first on the path, so the copy is what is imported
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider",
                   "--hypothesis-profile=first", *TESTS]  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{fault.name}: the tests did not run\n{done.stdout}{done.stderr}")  # fmt: skip
    return re.findall(r"^FAILED tests/(\S+)", done.stdout, flags=re.M)


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    print("0 the copy without a fault …", flush=True)
    if red := caught_by(NONE):
        sys.exit(f"without any fault these tests are red: {', '.join(red)}")
    rows, escaped = [], []
    for n, fault in enumerate(FAULTS, start=1):
        print(f"{n}/{len(FAULTS)} {fault.name} …", flush=True)
        tests = caught_by(fault)
        rows.append((fault.name, len(tests), tests[0] if tests else "NOT CAUGHT"))
        escaped += [] if tests else [fault.name]
    print(Table(("fault", "tests red", "the first of them"), rows))
    sys.exit(f"{len(escaped)} faults were caught by no test" if escaped else 0)


if __name__ == "__main__":
    main()
