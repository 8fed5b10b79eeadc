"""Figures of forecasts: what may come, with what came; and a lag, unmasked."""

import numpy as np

from lstm.figures.looks import MODELS
from lstm.figures.style import CYCLE, FADED, figure, styled

TRUTH, MADE = CYCLE[4], MODELS["LSTM"][0]


@styled
def fan(past, came, bands, xlabel, ylabel):
    """Draw the end of a series, a fan of quantiles from there on, and what came.

    past: values up to now, which is step 0   came: (M)
    bands: (Q, M), quantiles from the lowest to the highest, an odd number
    """
    bands = np.asarray(bands, dtype=float)
    fig, axis = figure(height=3.6)
    ahead = np.arange(len(came) + 1)
    now = np.full((len(bands), 1), past[-1])
    bands = np.concatenate([now, bands], axis=1)
    for n in range(len(bands) // 2):
        ends = bands[n], bands[-1 - n]
        axis.fill_between(ahead, *ends, color=MADE, alpha=0.18, linewidth=0)
    axis.plot(ahead, bands[len(bands) // 2], color=MADE, label="median forecast")
    axis.fill_between([], [], color=MADE, alpha=0.3, label="between quantiles")
    axis.plot(np.arange(1 - len(past), 1), past, color=TRUTH, label="measured")
    axis.plot(ahead, [past[-1], *came], ":", color=TRUTH, label="what came")
    axis.axvline(0, color="#777777", linewidth=1)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    fig.legend(loc="outside upper center", ncols=2, fontsize=10)
    return fig


@styled
def lagging(truth, forecast, correlations, xlabel, ylabel):
    """Draw one-step forecasts on the truth, then moved back by a step, and the lags.

    truth, forecast: (T)   correlations: {lag: of the forecast with the truth so old}
    """
    fig, axes = figure(1, 3, height=7.2, height_ratios=(1, 1, 0.8))
    steps = np.arange(len(truth))
    titles = "as made", "a step earlier"
    for axis, back, title in zip(axes, (0, 1), titles, strict=False):
        axis.plot(steps, truth, color=TRUTH, linewidth=1.6, label="truth")
        look = {"color": MADE, "linewidth": 1.6, "label": "one-step forecast"}
        axis.plot(steps - back, forecast, **look)
        axis.set_title(f"the forecast, {title}", fontsize=11)
        axis.set(ylabel=ylabel, xlim=(0, len(truth) - 1))
    axes[1].set_xlabel(xlabel)
    axes[0].legend(fontsize=10, ncols=2)
    lags, values = zip(*correlations.items(), strict=True)
    best = max(correlations, key=correlations.get)
    axes[2].plot(lags, values, "o-", color=FADED, linewidth=1.6)
    axes[2].plot([best], [correlations[best]], "o", color=MADE, markersize=9)
    axes[2].set(xlabel="lag of the truth, in steps")
    axes[2].set_ylabel("correlation")
    axes[2].set_xticks(lags)
    axes[2].grid(axis="x", visible=False)
    return fig
