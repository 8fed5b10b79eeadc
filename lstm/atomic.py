"""Files that are written whole or not at all."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """Give a path to write to; at the end it takes the place of `path`.

    If the block raises, what was written is removed and the old file stays as it was.
    An OSError about the file of the meantime names `path`, which the caller knows.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        if error.filename2 or str(error.filename) != str(partial):
            raise  # a failed replacement names both
        raise OSError(error.errno, error.strerror, str(path)) from None
