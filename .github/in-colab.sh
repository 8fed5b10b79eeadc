#!/usr/bin/env bash
# Run in Colab's own image, by workflows/colab.yml: every chapter, by the Python whose
# kernels Colab starts.
set -euo pipefail
python=$(command -v python3)
"$python" --version
# the checkout belongs to another user than the container's
git config --global --add safe.directory '*'
# What runs the notebooks lives in an environment of its own, so that Colab's packages
# stay as they came. virtualenv makes it, since the image's Python lacks ensurepip.
"$python" -m pip install --quiet --root-user-action=ignore --target /tmp/virtualenv virtualenv==21.15.7
PYTHONPATH=/tmp/virtualenv "$python" -m virtualenv --quiet /tmp/runner
unset PYTHONPATH # the image's, meant for Colab's Python alone
grep -E '^(ipykernel|jupytext|nbclient|nbval|pytest)==' requirements.txt > /tmp/runner.txt
/tmp/runner/bin/python -m pip install --quiet -r /tmp/runner.txt -c constraints.txt
/tmp/runner/bin/python tools/colab.py --python "$python"
