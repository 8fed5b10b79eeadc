"""What pytest needs before it collects; nbval's kernels inherit this environment."""

import os
import re
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"  # a progress bar would differ from run to run
os.environ.pop("MPLBACKEND", None)  # notebooks draw inline
folder = os.environ.get("LSTM_DATA", "none")
if folder != "none":  # kernels run in another folder
    os.environ["LSTM_DATA"] = os.path.abspath(os.path.expanduser(folder))
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def pytest_collection_modifyitems(items):
    """The quick and the broad first; then the chapters, the longest last."""
    items.sort(key=lambda item: minutes(item.path))


def minutes(path):
    """How long a notebook runs, as the header of its source says; 0 for other tests."""
    chapters = Path(__file__).with_name("chapters")
    if chapters not in path.parents:
        return 0
    source = chapters / "src" / path.relative_to(chapters).with_suffix(".py")
    if path.suffix != ".ipynb" or not source.exists():
        return 0
    return float(re.search(r"^# minutes: (.+)", source.read_text("utf-8"), re.M)[1])
