"""tools/faults.py keeps up with the package, and sees what it is there to see."""

import sys
from pathlib import Path

import pytest

import faults

# what draws or prints, or only compares, is looked at by other means
DRAWN_OR_PRINTED = {"__init__", "__main__", "d2l", "parity", "tables"}


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda f: f"{f.file} {f.name}")
def test_every_fault_can_still_be_planted_and_has_tests_to_be_put_to(fault, tmp_path):
    copied = tmp_path / fault.file
    copied.parent.mkdir(parents=True)
    before = (faults.ROOT / fault.file).read_text(encoding="utf-8")
    copied.write_text(before, encoding="utf-8")
    faults.plant(fault, tmp_path)
    planted = copied.read_text(encoding="utf-8")
    assert planted == before.replace(fault.right, fault.wrong) != before
    if copied.suffix == ".py":
        compile(planted, fault.file, "exec")
    package = faults.ROOT / "tests" / "package"
    assert all((package / file).is_file() for file in fault.tests)


def test_every_module_that_computes_has_a_fault():
    package = faults.ROOT / "lstm"
    computing = {
        path.relative_to(faults.ROOT).as_posix()
        for path in (*package.rglob("*.py"), *package.rglob("*.cpp"))
        if path.stem not in DRAWN_OR_PRINTED
        and path.parent.name not in ("figures", "command")
    }
    assert computing <= {fault.file for fault in faults.FAULTS}


def test_no_fault_is_listed_twice():
    planted = {(fault.file, fault.right, fault.wrong) for fault in faults.FAULTS}
    assert len(planted) == len(faults.FAULTS)
    assert len({(f.file, f.name) for f in faults.FAULTS}) == len(faults.FAULTS)


def test_a_fault_that_is_not_there_to_plant_is_named():
    gone = faults.Fault("a fault", "lstm/steps.py", "no such line", "x")
    wrong = "a fault: expected once in lstm/steps.py, got 0 times: 'no such line'"
    with pytest.raises(ValueError, match=wrong):
        faults.plant(gone, faults.ROOT)


@pytest.fixture(scope="module")
def pool():
    with faults.processes() as pool:
        yield pool


def test_a_fault_in_the_copy_is_caught_and_the_package_itself_is_left_alone(pool):
    fault = next(f for f in faults.FAULTS if f.file == "lstm/atomic.py")
    before = Path(faults.ROOT, fault.file).read_bytes()
    caught = pool.apply(faults.red_of, [fault])
    assert caught
    assert all(test.startswith("test_atomic.py::test_") for test in caught)
    assert Path(faults.ROOT, fault.file).read_bytes() == before


def test_a_fault_that_keeps_the_tests_from_running_is_an_error_not_a_catch(pool):
    broken = faults.Fault("a fault", "lstm/atomic.py", "import os", "import no_os")
    with pytest.raises(RuntimeError, match="a fault: the tests did not run"):
        pool.apply(faults.red_of, [broken])


class Here:
    """A pool that works in this process."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    map = imap = staticmethod(map)


def run(monkeypatch, red):
    """Run the tool on two faults, with another search for red tests."""
    monkeypatch.setattr(faults, "FAULTS", faults.FAULTS[:2])
    monkeypatch.setattr(faults, "red", red)
    monkeypatch.setattr(faults, "processes", Here)
    monkeypatch.setattr(sys, "argv", ["faults.py"])
    with pytest.raises(SystemExit) as end:
        faults.main()
    return end.value.code


def test_all_caught_is_exit_0_and_a_table(monkeypatch, capsys):
    red = lambda tests, fault=None: ["test_a.py::test_b"] if fault else []
    assert run(monkeypatch, red) == 0
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert all(row.endswith("  1          test_a.py::test_b") for row in rows)


def test_a_fault_that_no_test_catches_is_named_and_no_exit_0(monkeypatch, capsys):
    first = faults.FAULTS[0]
    red = lambda tests, fault=None: [] if fault in (None, first) else ["a"]
    assert run(monkeypatch, red) == "1 faults were caught by no test"
    row = next(r for r in capsys.readouterr().out.splitlines() if "NOT CAUGHT" in r)
    assert row.startswith(first.file)
    assert first.name in row


def test_a_copy_that_is_red_without_a_fault_is_refused(monkeypatch):
    red = lambda tests, fault=None: ["a"] if tests else []
    code = run(monkeypatch, red)
    assert code == "without any fault these tests are red: a"


def test_faults_of_chosen_files_are_put_to_their_own_tests_only(monkeypatch, capsys):
    asked = []

    def red(tests, fault=None):
        asked.append(tests)
        return ["a"] if fault else []

    monkeypatch.setattr(faults, "red", red)
    monkeypatch.setattr(faults, "processes", Here)
    with pytest.raises(SystemExit) as end:
        faults.main(["lstm/fast/rungs"])
    assert end.value.code == 0
    assert asked[0] == ["test_fast.py"]
    assert all(asked)
    with pytest.raises(SystemExit, match="no fault stands in nowhere"):
        faults.main(["nowhere"])
