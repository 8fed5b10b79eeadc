"""The scripts of the interactive figures, called in Node, the one Playwright brings."""

import json
import shutil
import subprocess
from pathlib import Path

import playwright

FOLDER = Path(__file__).parents[2] / "book/_static/interactive"
DRIVER = Path(playwright.__file__).parent / "driver"
NODE = next(iter(sorted(DRIVER.glob("node*"))), None) or shutil.which("node")
CALL = """
const shared = require(process.argv[1]);
const call = process.argv[2];
const plain = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value);
let given = "";
process.stdin.on("data", (piece) => (given += piece));
process.stdin.on("end", () => {
  const found = JSON.parse(given).map((each) => shared[call](...each));
  console.log(JSON.stringify(found, plain));
});
"""


def call(file, name, cases):
    """What a function of a file returns, for each list of arguments."""
    command = [NODE, "-e", CALL, str(file), name]
    given = json.dumps(cases)
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
