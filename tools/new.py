"""Begin a chapter: write chapters/src/NN_slug.py, with all that every chapter has,
and beside it, in chapters/src/solutions, the solutions of its exercises.

Then write it, `make chapters CHAPTER=NN` to execute it, and `make check CHAPTER=NN`.
"""

import argparse
import re
import sys

import sources

SOLUTIONS = '''\
# ---
# minutes: 0.1
# ---

# %% [markdown]
r"""
# Solutions to chapter {number}

Try the [exercises](../{name}.ipynb#Exercises) first.
"""

# %%
import torch
from torch.testing import assert_close

import lstm
'''
SOLUTION = '''
# %% [markdown]
r"""
## Exercise {exercise}

What was asked, in a sentence; then the thought.
"""

# %%
x = torch.ones(2)
print(x)
assert_close(x, torch.ones(2))
'''
NAME = re.compile(r"(\d\d)_[a-z0-9]+(_[a-z0-9]+)*")
TEMPLATE = '''\
# ---
# part: {part}
# question: What does this chapter answer?
# proved: what its cells prove
# minutes: 0.1
# ---

# %% [markdown]
r"""
# {number}. {title}

**What you will build.** In one sentence.

**What you will learn.** In one sentence each: what is measured, and what it means.

**What you need.** The chapters before, and how long it takes.
"""

# %%
import torch
from torch import nn
from torch.testing import assert_close

import lstm
from lstm import figures
from lstm.figures import plt

# %% [markdown]
r"""
## {number}.1 Small numbers first

Say what the next cell does, and what it claims. Begin with sizes that fit on paper:
$N = 2$ sequences of $L = 7$ steps, $D = 3$ inputs, $H = 5$ units.
"""

# %%
torch.manual_seed(0)
theirs = nn.LSTM(3, 5).double()
ours = lstm.LSTM(3, 5).double()
ours.load_state_dict(theirs.state_dict())
x = torch.randn(7, 2, 3).double()
largest = (ours(x)[0] - theirs(x)[0]).abs().max()
print("equal to 14 digits:", (largest < 1e-14).item())

# %%
#| check: >-
#|   The claim that this cell holds, in one line.
assert_close(ours(x), theirs(x))

# %% [markdown]
r"""
A figure, and a sentence that says what to see in it.
"""

# %%
#| fig-alt: >-
#|   Say in words what the figure shows, for those who cannot see it: axes, curves, and
#|   how they run.
output = theirs(x)[0][:, 0].detach()
figures.lines({{"unit 1": output[:, 0], "unit 2": output[:, 1]}}, "time step", "output")
plt.show()

# %% [markdown]
r"""
## {number}.2 What this chapter does not show

- What a reader might take it to show, and why it does not.

## Summary

- One line for each thing proved.

## Exercises

1. *(easy)* Something to compute by hand.
   ([solution](solutions/{name}.ipynb#Exercise-1))
2. *(easy)* Something to change and to run again.
   ([solution](solutions/{name}.ipynb#Exercise-2))
3. *(medium)* Something to prove by a cell.
   ([solution](solutions/{name}.ipynb#Exercise-3))
4. *(hard)* Something to find out. ([solution](solutions/{name}.ipynb#Exercise-4))

## Further reading

- A paper, with its link, and its entry in `book/references.bib`.
"""
'''


def begin(name):
    """Write the first sources of a chapter and of its solutions; returns the chapter's.

    Raises ValueError for a name that is malformed, or a number that is taken.
    """
    if not NAME.fullmatch(name):
        expected = "expected two digits and a word, as 08_mnist"
        raise ValueError(f"CHAPTER is {name!r}: {expected}")
    number, _, slug = name.partition("_")
    there = sources.files()
    for path in there:
        if path.stem.startswith(number):
            raise ValueError(f"chapter {number} is there already: {path.stem}")
    part = sources.header(there[-1])["part"] if there else "Understand"
    title = slug.replace("_", " ").capitalize()
    said = {"part": part, "number": int(number), "title": title, "name": name}
    solved = SOLUTIONS.format(**said)
    solved += "".join(SOLUTION.format(exercise=n) for n in (1, 2, 3, 4))
    path = sources.CHAPTERS / "src" / f"{name}.py"
    for file, text in (
        (path, TEMPLATE.format(**said)),
        (path.parent / "solutions" / path.name, solved),
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return path


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapter", nargs="?", default="", help="as 08_mnist")
    args = parser.parse_args(argv)
    try:
        path = begin(args.chapter)
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(f"begun: {path.relative_to(sources.CHAPTERS.parent)}")


if __name__ == "__main__":
    main()
