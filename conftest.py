"""Settings that pytest needs before it collects: nbval's kernels inherit this environment."""

import os

os.environ["TQDM_DISABLE"] = "1"  # a progress bar would differ from run to run
os.environ.pop("MPLBACKEND", None)  # notebooks draw inline
if os.environ.get("LSTM_DATA", "none") != "none":  # kernels run in another folder
    os.environ["LSTM_DATA"] = os.path.abspath(
        os.path.expanduser(os.environ["LSTM_DATA"])
    )
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
