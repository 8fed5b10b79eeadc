"""Devices are picked by name, and a wrong name is answered with what there is."""

import pytest
import torch

from lstm import full_precision, pick_device

ABSENT = "is not available: this machine has cpu"
WRONG = [
    ("gpu", "unknown device 'gpu': this machine has cpu"),
    ("cuda:99", f"device 'cuda:99' {ABSENT}"),
    ("cpu:1", f"device 'cpu:1' {ABSENT}"),
    ("meta", f"device 'meta' {ABSENT}"),
]


@pytest.mark.parametrize(("name", "message"), WRONG)
def test_a_wrong_device_is_answered_with_what_there_is(name, message):
    with pytest.raises(ValueError, match=message):
        pick_device(name)


def machine(monkeypatch, gpus, mps=False):
    """Let this be a machine of so many GPUs, Apple's or not."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


def test_the_first_gpu_is_taken_where_there_is_one(monkeypatch):
    machine(monkeypatch, gpus=2)
    assert pick_device() == torch.device("cuda:0")


@pytest.mark.parametrize("mps", [False, True])
def test_without_one_the_cpu_is_taken(monkeypatch, mps):
    machine(monkeypatch, gpus=0, mps=mps)
    assert pick_device() == torch.device("cpu")


def test_any_device_that_is_there_is_given_by_any_of_its_names(monkeypatch):
    machine(monkeypatch, gpus=2, mps=True)
    for name in ("cpu", "cpu:0", "cuda", "cuda:0", "cuda:1", "mps", "mps:0"):
        assert pick_device(name) == torch.device(name)


def test_a_gpu_beyond_the_last_is_answered_with_all_there_are(monkeypatch):
    machine(monkeypatch, gpus=2, mps=True)
    with pytest.raises(ValueError, match="this machine has cpu, cuda:0, cuda:1, mps"):
        pick_device("cuda:2")


def test_full_precision_forbids_cudnn_its_short_factors():
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    try:
        full_precision()
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_full_precision_makes_torchs_layer_as_exact_as_a_product_on_a_gpu():
    layer, x = torch.nn.LSTM(64, 64).cuda(), torch.randn(5, 32, 64).cuda()
    exact = layer.double()(x.double())[0].float()
    full_precision()
    assert (layer.float()(x)[0] - exact).abs().max() < 1e-5
