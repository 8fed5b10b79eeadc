"""Several processes train as one; what they leave behind; what becomes of a loss."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import distributed
from torch.nn.utils.rnn import pack_sequence, unpack_sequence
from torch.testing import assert_close

import lstm
from lstm.command import main
from lstm.training import World, joined
from together import CASES

needs_torchrun = pytest.mark.skipif(
    sys.platform == "win32" or not distributed.is_available(),
    reason="torch brings no processes that can be joined here",
)
HERE = Path(__file__).parent
# sharing out

sizes = st.integers(1, 40), st.integers(1, 6)


def worlds(size):
    return [World(rank, size) for rank in range(size)]


@given(*sizes)
def test_each_item_goes_to_one_process_in_order_and_no_share_is_two_longer(N, size):
    items = torch.arange(N)
    shares = [world.shard(items[:, None], items) for world in worlds(size)]
    owned = [y for _, y, own in shares if own]
    assert torch.cat(owned).tolist() == items.tolist()
    lengths = [len(y) if own else 0 for _, y, own in shares]
    assert sorted(lengths, reverse=True) == lengths
    assert lengths[0] - lengths[-1] <= 1
    for x, y, own in shares:
        assert x[:, 0].tolist() == y.tolist()
        assert own or y.tolist() == [0]


@given(*sizes)
def test_a_packed_sequence_is_parted_like_a_tensor_in_a_tuple_too(N, size):
    rows = [torch.full((n * 4 % 7 + 1, 2), float(n)) for n in range(N)]
    packed = pack_sequence(rows, enforce_sorted=False)
    for world in worlds(size):
        (numbers, cut), targets, own = world.shard(
            (torch.arange(N), packed), torch.arange(N)
        )
        got = unpack_sequence(cut)
        assert numbers.tolist() == targets.tolist() or size == 1
        assert own == (world.rank < N)
        assert [len(row) for row in got] == [len(rows[n]) for n in targets]
        assert [int(row[0, 0]) for row in got] == targets.tolist()


@given(*sizes, st.booleans())
def test_a_carried_state_is_joined_and_parted_as_the_sequences_are(N, size, alone):
    """Of a layer, (K, N, H), and of the notes' functions, (N, H); by another size."""
    h = torch.arange(N * 3.0).view(N, 3)
    whole = h if alone else (h.expand(2, N, 3), -h.expand(2, N, 3))
    parts = [world.part(whole) for world in worlds(size)]
    for world, part in zip(worlds(size), parts, strict=True):
        own = world.shard(h, torch.arange(N))
        assert (part is not None) == own[2] or size == 1
        if part is not None:
            assert torch.equal(part if alone else part[0][0], own[0])
    assert_close(World().join(parts), whole, rtol=0, atol=0)


def test_there_is_no_state_to_join_or_to_part_before_the_first_step():
    assert World(0, 2).join([None, None]) is None
    assert World(0, 2).part(None) is None


def test_a_process_alone_sums_gathers_and_wraps_nothing():
    world, module = World.present(), torch.nn.Linear(1, 1)
    assert (world, world.first, World(1, 2).first) == (World(0, 1), True, False)
    assert world.sum(2, 3.5) == (2, 3.5)
    assert world.gather("a") == ["a"]
    assert world.wrap(module) is module


def test_not_started_by_torchrun_a_process_is_alone_on_the_device_asked_for():
    with joined("meta") as (world, device):
        assert (world, device.type) == (World(), "meta")
        assert not distributed.is_initialized()


# a loss, as the one that is left sees it


@pytest.fixture
def started(monkeypatch):
    """As if torchrun had started this process, but with nobody to talk to."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(distributed, "init_process_group", lambda backend: None)
    ended = []
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: ended.append(1))
    return ended


@pytest.mark.parametrize("by", ["closed by peer [127.0.0.1]", "reset by peer"])
def test_a_process_that_has_gone_is_named_as_such(started, by):
    with pytest.raises(ConnectionError, match="another process has gone"), joined():
        raise RuntimeError(f"[tcp/pair.cc:553] Connection {by}")
    assert started == []  # to take leave of the others, one would have to wait for them


def test_any_other_error_comes_through_as_it_is(started):
    with pytest.raises(RuntimeError, match="^shapes differ$"), joined():
        raise RuntimeError("shapes differ")
    assert started == []


def test_after_a_good_end_the_processes_part(started):
    with joined():
        assert started == []
    assert started == [1]


def test_more_processes_than_gpus_are_named(monkeypatch):
    for name, value in {
        "WORLD_SIZE": 2,
        "LOCAL_WORLD_SIZE": 2,
        "LOCAL_RANK": 1,
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(ValueError, match="1 GPUs for 2 processes of"), joined("cuda"):
        pass


# two processes beside one


def environment():
    """For a process that is to find this package and be quiet."""
    quiet = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    return os.environ | quiet | {"PYTHONPATH": str(Path(lstm.__file__).parents[1])}


def torchrun(processes, *arguments):
    """The command that starts so many processes on this machine."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*run, "--local-addr=127.0.0.1", f"--nproc-per-node={processes}", *arguments]


def done(command):
    """Run a command to its end; what it said, if that was a good one."""
    ended = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes found in `together`."""
    path = tmp_path_factory.mktemp("together") / "found.json"
    done(torchrun(2, str(HERE / "together.py"), str(path)))
    return json.loads(path.read_text(encoding="utf-8"))


@needs_torchrun
@pytest.mark.parametrize("case", CASES)
def test_two_processes_have_the_weights_gradients_losses_and_measures_of_one(
    case, found
):
    assert found["apart"][case] < 1e-12
    assert found["moved"][case] > 1e-2


@needs_torchrun
def test_a_mean_over_the_processes_alone_is_another_gradient(found):
    assert found["plain"] > 0.05


@needs_torchrun
def test_all_processes_see_the_same_minibatches_pass_after_pass(found):
    one, two = found["orders"]
    assert one == two
    passes = [[*one[n], *one[n + 1], *one[n + 2]] for n in (0, 3, 6)]
    assert [sorted(items) for items in passes] == [list(range(9))] * 3
    assert len({str(items) for items in passes}) == 3


@needs_torchrun
def test_the_first_process_writes_and_tells_and_no_other(found):
    kept = [".lock", "checkpoint.pt", "history.jsonl", "model.pt"]
    assert found["writers"] == [[kept, 3], [[], 0]]


# the command


STORY = "the hen sat on the mat and the cat sat on the hen, so they sat. " * 12
SMALL = "--hidden-size=6 --batch=5 --length=9 --state=carry --dropout=0 --device=cpu"
STEADY = "--optimizer=sgd --lr=0.5 --schedule=constant"


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    path = tmp_path_factory.mktemp("story") / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return path


def verb(story, folder, steps):
    """A training of so many steps, from the beginning or from what is saved."""
    options = [f"--data={story}", *SMALL.split(), *STEADY.split(), f"--steps={steps}"]
    return ["train", "text", *options, "--resume", str(folder)]


def weights(folder):
    return torch.load(folder / "model.pt", weights_only=True)


@pytest.fixture(scope="module")
def alone(story, tmp_path_factory):
    """The weights that one process comes to in so many steps."""

    def weights_after(steps):
        folder = tmp_path_factory.mktemp("alone")
        with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
            main(verb(story, folder, steps))
        return weights(folder)

    return weights_after


@pytest.fixture(scope="module")
def two(story, tmp_path_factory):
    """The folder of a training of 14 steps, two passes and a half, by two processes."""
    folder = tmp_path_factory.mktemp("two")
    said = done(torchrun(2, "-m", "lstm", *verb(story, folder, 14)))
    assert "on 2 x cpu" in said.stderr
    assert said.stdout.count("perplexity") == 1
    return folder


NEAR = {"rtol": 0, "atol": 1e-5}


@needs_torchrun
def test_the_command_under_torchrun_trains_the_weights_of_one_process(two, alone):
    one, another = alone(14), alone(15)
    assert_close(weights(two), one, **NEAR)
    apart = [(one[name] - another[name]).abs().max() for name in one]
    assert max(apart) > 1e-3  # one step more or less is seen


@needs_torchrun
@pytest.mark.parametrize("size", [1, 3])
def test_a_training_of_two_processes_goes_on_with_one_or_with_three(
    size, two, story, alone, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(two, folder)
    if size == 1:
        main(verb(story, folder, 21))
    else:
        done(torchrun(size, "-m", "lstm", *verb(story, folder, 21)))
    assert_close(weights(folder), alone(21), **NEAR)


MORTAL = """
import os, sys
from pathlib import Path
from lstm.command import main
from lstm.training.keeping import Keeper

Keeper.due = lambda self: True  # a checkpoint after every step
folder = Path(sys.argv[-1])
(folder / f"rank-{os.environ['RANK']}").write_text(str(os.getpid()))
main(sys.argv[1:])
"""


def until(true, seconds):
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@needs_torchrun
def test_a_worker_killed_ends_the_job_within_30_s_by_name_and_the_rest_can_be_done(
    story, alone, tmp_path
):
    folder, program = tmp_path / "run", tmp_path / "mortal.py"
    folder.mkdir()
    program.write_text(MORTAL, encoding="utf-8")
    command = torchrun(2, str(program), *verb(story, folder, 10**6))
    history, said = folder / "history.jsonl", tmp_path / "said"
    with said.open("w") as out:
        job = subprocess.Popen(command, env=environment(), stdout=out, stderr=out)
    with job:
        try:
            until(lambda: history.exists() and history.stat().st_size > 99, 120)
            os.kill(int((folder / "rank-1").read_text()), signal.SIGKILL)
            assert job.wait(timeout=30) == 1
        finally:
            job.kill()
    tail = said.read_text(encoding="utf-8").partition("Root Cause")[2]
    assert "rank      : 1 " in tail
    assert "Signal 9 (SIGKILL)" in tail
    assert not (folder / "model.pt").exists()

    step = torch.load(folder / "checkpoint.pt", weights_only=True)["position"][0]
    assert step > 0
    main(verb(story, folder, step + 3))
    assert_close(weights(folder), alone(step + 3), **NEAR)
