"""Settings that pytest needs before it collects: nbval's kernels inherit this environment."""

import os

os.environ["TQDM_DISABLE"] = "1"  # a progress bar would differ from run to run
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
