"""The workflows: two linters find nothing in them, and they keep rules of our own.

They run on GitHub only. What can be known of them elsewhere is tested here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob(".github/workflows/*"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}
LINTERS = [  # what GitHub would refuse, and what is unsafe
    ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
    ["zizmor", "--offline", "--no-progress", "--quiet"],
]
HOSTED = {"ubuntu-24.04", "macos-latest", "windows-latest"}  # thrown away after a job
CONTEXTS = {"env", "github", "matrix", "needs", "runner", "steps", "vars"}
SMALL = """
name: Small
on: push
permissions: {}
concurrency: {group: small, cancel-in-progress: true}
jobs:
  small:
    name: Small
    runs-on: ubuntu-24.04
    steps:
      - run: echo hello
"""


def parsed():
    """What the workflows say: name to content; `on`, to YAML, is true."""
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
SCRIPTS = [
    pytest.param(p.values[0]["run"], id=p.id) for p in STEPS if "run" in p.values[0]
]
WRITERS = [p for p in JOBS if "write" in p.values[1].get("permissions", {}).values()]
FOR_PULL_REQUESTS = [p for p in JOBS if "pull_request" in p.values[0]["on"]]
workflows = pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=WORKFLOWS)
scripts = pytest.mark.parametrize("script", SCRIPTS)


def those(which):
    return pytest.mark.parametrize(("workflow", "job"), which)


def lint(folder, files):
    """What the linters say of workflows, given as name to text; nothing, at best."""
    paths = [folder / ".github/workflows" / name for name in files]
    paths[0].parent.mkdir(parents=True)
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    said = ""
    for name, *words in LINTERS:
        program = Path(sys.executable).with_name(name)
        done = subprocess.run([program, *words, *paths], capture_output=True, text=True)
        said += done.stdout + done.stderr if done.returncode else ""
    return said


def typos(workflow):
    """Expressions that name what is not there: a context, a matrix key, a step's id."""
    for job in workflow["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        keys = {*matrix, *(key for more in matrix.get("include", []) for key in more)}
        ids = {step.get("id") for step in job.get("steps", [])}
        for expression in re.findall(r"\$\{\{(.*?)\}\}", json.dumps(job)):
            plain = re.sub(r"'[^']*'", "", expression)
            for context, name in re.findall(r"(?<![\w.])([a-z]\w*)\.([\w-]+)", plain):
                known = {"matrix": keys, "steps": ids, "needs": workflow["jobs"]}
                if context not in CONTEXTS or name not in known.get(context, {name}):
                    yield f"{context}.{name}"


def labels(job):
    """The labels of the runners a job asks for, those of its matrix among them."""
    if job["runs-on"] != "${{ matrix.os }}":
        return [job["runs-on"]]
    matrix = job["strategy"]["matrix"]
    return matrix.get("os", []) + [more["os"] for more in matrix.get("include", [])]


# what linters find


def test_the_linters_find_nothing(tmp_path):
    assert lint(tmp_path, TEXTS) == ""


def test_the_linters_find_nothing_in_a_small_workflow(tmp_path):
    assert lint(tmp_path, {"small.yml": SMALL}) == ""


UNSAFE = "echo ${{ github.event.pull_request.title }}"
TOKEN = "run: echo hello\n      - uses: actions/checkout@v4"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("echo hello", UNSAFE, "template-injection"),
        ("run: echo hello", TOKEN, "unpinned-uses"),
        ("on: push", "on: pull_request_target", "dangerous-triggers"),
        ("runs-on", "run-on", "run-on"),
        ("on: push", "on: pushed", "pushed"),
    ],
)
def test_the_linters_would_find_a_fault(tmp_path, old, new, message):
    assert old in SMALL
    assert message in lint(tmp_path, {"small.yml": SMALL.replace(old, new)})


@workflows
def test_an_expression_names_what_is_there(workflow):
    assert list(typos(workflow)) == []


@pytest.mark.parametrize("name", ["matrx.os", "matrix.os", "steps.one", "gitub.ref"])
def test_a_typo_in_an_expression_would_be_found(name):
    typo = yaml.safe_load(SMALL.replace("hello", f"${{{{ {name} }}}}"))
    assert list(typos(typo)) == [name]


@those(JOBS)
def test_a_runner_is_one_of_githubs_or_the_gpu(workflow, job):
    assert {*labels(job)} <= HOSTED | {"${{ vars.GPU_RUNNER || 'gpu' }}"}


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
    """What an expression gives could end its command; a variable cannot."""
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
    rights = {}
    for writer in WRITERS:
        asked = writer.values[1]["permissions"].items()
        rights[writer.id] = {name for name, may in asked if may == "write"}
    assert rights == {
        "book-colab": {"contents"},
        "book-pages": {"pages", "id-token"},
        "notice-issue": {"issues"},
    }


@those(FOR_PULL_REQUESTS)
def test_a_forks_code_runs_only_on_machines_of_github(workflow, job):
    if not HOSTED.issuperset(labels(job)):
        guard = "github.event.pull_request.head.repo.full_name == github.repository"
        assert guard in job["if"]
        assert "contains(github.event.pull_request.labels.*.name, 'gpu')" in job["if"]


def test_there_is_a_machine_that_is_not_githubs():
    others = [p.id for p in JOBS if not HOSTED.issuperset(labels(p.values[1]))]
    assert others == ["gpu-gpu"]


@those(JOBS)
def test_no_job_may_take_longer_than_two_hours(workflow, job):
    assert 0 < job["timeout-minutes"] <= 120


@workflows
def test_runs_of_a_workflow_do_not_pile_up(workflow):
    assert "${{ github.workflow }}" in workflow["concurrency"]["group"]


@workflows
def test_a_pipe_that_fails_fails_the_step(workflow):
    """`shell: bash` sets pipefail; the shell where none is named does not."""
    assert workflow["defaults"]["run"]["shell"] == "bash"


# what they name


@scripts
def test_every_verb_of_make_is_one(script):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = re.findall(r"^([a-z-]+):", makefile, flags=re.M)
    for verb in re.findall(r"\bmake +([a-z-]+)", script):
        assert verb in verbs


@scripts
def test_every_file_of_the_book_that_is_named_is_there(script):
    ours = r"(?<![\w/.$])(?:\.github|tools|tests)/[\w./-]+"
    for name in re.findall(ours + r"|\b(?:requirements|constraints)\.txt", script):
        assert (ROOT / name).exists(), f"{name} is not there"


PATTERNS = re.findall(r"hashFiles\('([^_'][^']*)'\)", "".join(TEXTS.values()))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_of_files_fits_some(pattern):
    assert list(ROOT.glob(pattern))


def test_every_check_has_its_workflow():
    assert all(path.suffix == ".yml" for path in FILES)
    expected = {
        "tests",
        "notebooks",
        "gpu",
        "colab",
        "newest",
        "weekly",
        "book",
        "links",
    }
    assert expected <= set(WORKFLOWS)


def test_every_weekly_run_that_fails_is_noticed():
    weekly = {w["name"] for w in WORKFLOWS.values() if "schedule" in w["on"]}
    assert len(weekly) >= 4
    assert set(WORKFLOWS["notice"]["on"]["workflow_run"]["workflows"]) == weekly


def test_the_versions_of_python_and_torch_are_those_that_are_promised():
    tests = WORKFLOWS["tests"]["jobs"]
    pinned, older = (tests[job]["strategy"]["matrix"] for job in ("pinned", "older"))
    pythons = {*pinned["python"], *(more["python"] for more in pinned["include"])}
    assert pythons == {"3.11", "3.12", "3.13"}
    torch = [more["torch"] for more in older["include"]]
    package = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest = min(torch, key=lambda version: [*map(int, version.split("."))])
    assert oldest.startswith(re.search(r"torch>=([\d.]+)", package)[1])
    colab = (ROOT / "tools/colab-versions.txt").read_text(encoding="utf-8")
    assert re.search(r"^torch==([\d.]+)", colab, flags=re.M)[1] in torch


def test_the_newest_releases_are_those_of_every_package_without_its_pin():
    script = "\n".join(p.values[0] for p in SCRIPTS if p.id.startswith("newest-"))
    (command,) = set(re.findall(r"sed -E '[^']*' requirements.txt", script))
    options = {"shell": True, "check": True, "capture_output": True, "text": True}
    done = subprocess.run(command, cwd=ROOT, **options)
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w-]+)==", pinned, flags=re.M)
    loose = [line for line in done.stdout.splitlines() if line and line[0] != "#"]
    assert loose == [n.replace("jupyter-book", "jupyter-book<2") for n in names]


INSTALLERS = ["Makefile", "README.md", "requirements.txt", "chapters/src/setup.py"]
INSTALLERS += ["lstm/d2l.py", "tests/book/test_setup_cell.py"]


def test_every_command_that_installs_d2l_takes_one_version():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in INSTALLERS]
    taken = [re.findall(r"d2l==([\d.]+)", text) for text in [*texts, *TEXTS.values()]]
    assert all(taken[: len(texts)])
    assert {version for versions in taken for version in versions} == {"0.17.6"}


def test_what_is_too_slow_for_every_change_has_its_weekly_run():
    matrix = WORKFLOWS["weekly"]["jobs"]["slow"]["strategy"]["matrix"]["include"]
    commands = {more["command"] for more in matrix}
    assert commands == {"make faults", "make test-offline", "make explore"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands:
        assert f"\n{command.split()[1]}: " in makefile
