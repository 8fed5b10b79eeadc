"""Networks that forecast: handed their layer, they read what they may and in order."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm.data import WindowBatches, Windows
from lstm.forecasters import DirectForecaster, RecursiveForecaster, SequenceForecaster
from tensors import gradients, randn

N, L, M, D, E, G, H = 3, 6, 4, 2, 3, 1, 5
DIMENSIONS = {"direct": D + G, "sequence": D + G, "recursive": 1 + E + G}


def make(name, kind=nn.LSTM, outputs=1, **options):
    layer = kind(DIMENSIONS[name], H, **options)
    if name == "direct":
        return DirectForecaster(layer, M, E, G, outputs).double()
    if name == "sequence":
        return SequenceForecaster(layer, kind(E + G, H, **options), outputs).double()
    return RecursiveForecaster(layer).double()


def inputs(name):
    past = randn(N, L, 1 + E) if name == "recursive" else randn(N, L, D)
    return past, randn(N, M, E), randn(N, G)


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kinds", [(lstm.LSTM, nn.LSTM), (lstm.GRU, nn.GRU)])
def test_ours_and_torchs_layer_swap_in_one_line(name, batch_first, kinds):
    ours, theirs = (make(name, kind, batch_first=batch_first) for kind in kinds)
    theirs.load_state_dict(ours.state_dict())
    given = inputs(name)
    got, want = ours(given), theirs(given)
    assert got.shape == (N, M)
    assert_close(got, want)
    pair = [list(model.parameters()) for model in (ours, theirs)]
    assert_close(gradients([got], pair[0]), gradients([want], pair[1]))


@pytest.mark.parametrize("name", ["direct", "sequence"])
def test_several_outputs_are_the_last_axis(name):
    model = make(name, outputs=3)
    assert model(inputs(name)).shape == (N, M, 3)


def moved(model, given, which, step):
    """Which steps ahead change with one step of one of the inputs."""
    other = [tensor.clone() for tensor in given]
    other[which][:, step] += 1
    return ((model(tuple(other)) - model(given)).abs() > 1e-12).any(0).tolist()


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_part_of_the_past_and_of_the_known_future_is_read(name):
    torch.manual_seed(0)
    model, given = make(name), inputs(name)
    for step in range(1, L):
        assert all(moved(model, given, 0, step))
    if name == "direct":
        assert all(moved(model, given, 1, M - 1))
    else:  # what is known of a step matters from that step on
        for step in range(M):
            assert moved(model, given, 1, step) == [m >= step for m in range(M)]
    assert all(moved(model, given, 2, 0))


def test_of_zeros_the_recursive_one_is_persistence():
    model, given = make("recursive"), inputs("recursive")
    with torch.no_grad():
        model.linear.weight.zero_()
        model.linear.bias.zero_()
    assert_close(model(given), given[0][:, -1:, 0].expand(-1, M))


def test_the_recursive_one_goes_on_from_its_own_answers():
    model, (past, future, static) = make("recursive"), inputs("recursive")
    whole = model((past, future, static))
    for m in range(1, M):  # the answers so far put behind the past
        made = torch.cat([whole[:, :m, None], future[:, :m]], dim=-1)
        longer = torch.cat([past, made], dim=1)
        assert_close(model((longer, future[:, m:], static)), whole[:, m:])


def test_the_decoder_goes_on_from_the_encoders_state():
    model, (past, future, static) = make("sequence"), inputs("sequence")
    wide = lambda x: torch.cat([x, static[:, None].expand(-1, x.shape[1], -1)], -1)
    _, state = model.encoder(wide(past).transpose(0, 1))
    output, _ = model.decoder(wide(future).transpose(0, 1), state)
    want = model.linear(output).transpose(0, 1)[..., 0]
    assert_close(model((past, future, static)), want)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"units, got \(1, 5\) and \(2, 5\)"):
        SequenceForecaster(nn.LSTM(3, 5), nn.LSTM(4, 5, num_layers=2))
    with pytest.raises(ValueError, match=r"input size 5, got LSTM\(4, 5\)"):
        RecursiveForecaster(nn.LSTM(4, 5))(
            (torch.zeros(N, L, 1 + E), torch.zeros(N, M, E), torch.zeros(N, G))
        )


@pytest.mark.parametrize("name", DIMENSIONS)
def test_fit_trains_it(name):
    torch.manual_seed(0)
    model, given = make(name).float(), [x.float() for x in inputs(name)]
    target = given[0][:, -1:, 0] + torch.tensor([0.5, 1, 1.5, 2])
    windows = Windows(*given, target, torch.arange(N))
    batches = WindowBatches(windows, 2, seed=0)
    config = lstm.TrainConfig(steps=80, lr=2e-2)
    history = lstm.fit(model, batches, config, loss=nn.functional.mse_loss)
    assert sum(history.losses[-5:]) < 0.2 * sum(history.losses[:5])
