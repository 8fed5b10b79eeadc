# Colab starts without the book's package: this installs it and d2l, and moves nothing.
import importlib.util
import subprocess
import sys

SOURCE = ""  # a published copy of the book holds its address here

if importlib.util.find_spec("lstm") is None:
    if not SOURCE:
        raise ModuleNotFoundError(
            "The package lstm is not installed, and this copy of the chapter does not "
            "know where to get it. In a clone of the book, run: python -m pip install "
            "--no-deps d2l==0.17.6 --editable . "
            "Elsewhere, put the repository's address into SOURCE, as git+https://…"
        )
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps"]
    subprocess.run([*pip, "d2l==0.17.6", SOURCE], check=True)
    importlib.invalidate_caches()
