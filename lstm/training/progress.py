"""Progress bars, on standard error, so that what is printed can be piped."""

from contextlib import contextmanager


def progress(steps, label, total=None):
    """Go through steps with a progress bar, where tqdm is and TQDM_DISABLE is not."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return steps
    return tqdm(steps, desc=label, total=total, leave=False)


@contextmanager
def bar(total, label, start=0, shown=True):
    """Give a function (steps done, **what to show) that moves a progress bar.

    Nothing is shown where tqdm is not installed or TQDM_DISABLE is set.
    """
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        shown = False
    if not shown:
        yield lambda done, **facts: None
        return
    with tqdm(total=total, desc=label, initial=start, leave=False) as whole:

        def move(done, **facts):
            if not whole.disable:
                whole.set_postfix(facts, refresh=False)
                whole.update(done - whole.n)

        yield move
