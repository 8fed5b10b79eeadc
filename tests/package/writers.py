"""Another process that writes to a folder."""

import subprocess
import sys
from contextlib import contextmanager

PROGRAM = """
import sys
from lstm.training import locked
with locked(sys.argv[1]):
    print("mine", flush=True)
    input()
"""


@contextmanager
def another_writer(folder):
    """Have another process keep a folder to itself; at the end it is killed."""
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as other:
        try:
            assert other.stdout.readline() == "mine\n"
            yield
        finally:
            other.kill()
