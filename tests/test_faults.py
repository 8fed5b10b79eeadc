"""tools/faults.py keeps up with the package, and sees what it is there to see."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import faults


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda f: f.name)
def test_every_fault_can_still_be_planted(fault, tmp_path):
    faults.plant(fault, tmp_path)
    planted = (tmp_path / fault.file).read_text(encoding="utf-8")
    assert fault.wrong in planted
    compile(planted, fault.file, "exec")


def test_there_are_ten_faults_or_more_each_in_its_own_place():
    assert len({(f.file, f.right, f.wrong) for f in faults.FAULTS}) >= 10


def test_a_fault_that_is_not_there_to_plant_is_named(tmp_path):
    gone = faults.Fault("a fault", "lstm/cells.py", "no such line", "x")
    with pytest.raises(
        ValueError, match="a fault: expected once in lstm/cells.py, got 0"
    ):
        faults.plant(gone, tmp_path)
