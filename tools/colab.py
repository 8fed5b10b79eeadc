"""Reproduce Google Colab: each chapter alone, in an empty folder, with its packages.

The package comes from a local git address, which is stamped into the set-up cell. Each
chapter must run, give the committed outputs, and leave every package that was there as
it was; the set-up cell adds lstm-book and d2l only. By default a fresh environment with
Colab's versions (tools/colab-versions.txt) is made in _build/colab. With --python
another one is used, as in Colab's own image.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import notebooks
import stamp

ROOT = stamp.ROOT
WORK = ROOT / "_build" / "colab"
VERSIONS = ROOT / "tools" / "colab-versions.txt"
PYTHON = (3, 13)
ADDED = {"d2l", "lstm-book"}  # what the set-up cell names
KERNEL = "lstm-book-colab"


def find_python(version=PYTHON):
    """A Python of Colab's version: on the path, pyenv's, the launcher's or uv's."""
    number = "{}.{}".format(*version)
    pyenv = Path("~/.pyenv/versions").expanduser().glob(f"{number}.*/bin/python")
    uv = ["uv", "run", "--no-project", "--python", number, "python"]
    kept = [[str(path)] for path in sorted(pyenv)]
    show = "import sys; print(sys.executable, *sys.version_info[:2])"
    for command in ([f"python{number}"], *kept, ["py", f"-{number}"], uv):
        try:
            found = run([*command, "-c", show], capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        path, *numbers = found.rsplit(maxsplit=2)
        if tuple(map(int, numbers)) == version:
            return path
    raise FileNotFoundError(
        f"no python{number} found: install it, or name another Python with --python"
    )


def make_environment(folder):
    """A fresh virtual environment with Colab's versions; returns its Python."""
    shutil.rmtree(folder, ignore_errors=True)
    run([find_python(), "-m", "venv", str(folder)])
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    print(f"installing {VERSIONS.name} …", flush=True)
    run([str(python), "-m", "pip", "install", "-qq", "-r", str(VERSIONS)])
    return str(python)


def run(command, **options):
    return subprocess.run(command, check=True, **options)


def packages(python):
    """What is installed: name to version."""
    command = [python, "-m", "pip", "list", "--format=json"]
    command += ["--disable-pip-version-check"]
    listed = run(command, capture_output=True, text=True, env=clean()).stdout
    return {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}


def clean():
    """This process's environment without what lends packages of another Python."""
    lent = "PYTHONPATH", "VIRTUAL_ENV", "MPLBACKEND"
    return {name: value for name, value in os.environ.items() if name not in lent}


def moved(before, after):
    """What the set-up cell changed beyond what it names; empty when all is well."""
    wrong = [
        f"{name}: {before.get(name, 'absent')} became {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and name not in ADDED
    ]
    missing = sorted(ADDED - after.keys())
    return wrong + [f"{name} was not installed" for name in missing]


def install_kernel(python, folder):
    """A kernel of the given Python, for the notebooks that this Python's nbval runs."""
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python"}
    path = folder / "kernels" / KERNEL / "kernel.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(spec), encoding="utf-8")


def run_chapter(notebook):
    """Run one notebook, alone in an empty folder, on the kernel of Colab's packages."""
    settings = clean() | {"JUPYTER_PATH": str(WORK), "TQDM_DISABLE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(notebook, folder)
        options = ["-p", "no:cacheprovider", f"--config-file={WORK / 'pytest.ini'}"]
        options += [f"--rootdir={folder}", f"--nbval-kernel-name={KERNEL}"]
        return notebooks.run(notebook.name, *options, cwd=folder, env=settings)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapter", nargs="*", help="number or name; default: all")
    parser.add_argument("--python", help="a Python whose packages stand for Colab's")
    args = parser.parse_args()
    try:
        chosen = notebooks.chosen(notebooks.files(ROOT), args.chapter)
    except ValueError as error:
        sys.exit(f"error: {error}")
    shutil.rmtree(WORK, ignore_errors=True)
    stamp.export(WORK / "tree")
    stamp.stamp_chapters(WORK / "tree", f"git+{ROOT.as_uri()}@{stamp.commit()}")
    if stamp.changes():
        print("note: what is not committed is not in this run")
    try:
        python = args.python or make_environment(WORK / "env")
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    (WORK / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    install_kernel(python, WORK)
    remove(python)
    before = packages(python)
    versions = ", ".join(f"{name} {before.get(name)}" for name in ("torch", "numpy"))
    print(f"{len(before)} packages, {versions}", flush=True)
    copies = [WORK / "tree" / path.relative_to(ROOT) for path in chosen]
    failed = sum(check(copy, python, before) for copy in copies)
    sys.exit(f"{failed} of {len(copies)} notebooks failed" if failed else 0)


def check(notebook, python, before):
    """Run a chapter from nothing, print what came of it; return whether it is wrong."""
    outcome = run_chapter(notebook)
    after = packages(python)
    wrong = moved(before, after)
    added = ", ".join(f"{n} {after[n]}" for n in sorted(after.keys() - before.keys()))
    count = f"packages moved: {len(wrong)} of {len(before)}, added: {added or 'none'}"
    print(f"{notebooks.name(notebook):27} {outcome}; {count}", flush=True)
    if not outcome.good:
        print(outcome.log)
    for line in wrong:
        print(f"  {line}")
    remove(python)  # the next chapter starts from nothing again
    return bool(wrong) or not outcome.good


def remove(python):
    """Take out what a set-up cell installs."""
    run([python, "-m", "pip", "uninstall", "-qq", "--yes", *sorted(ADDED)], env=clean())


if __name__ == "__main__":
    main()
