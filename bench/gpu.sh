#!/bin/sh
# Everything that only a GPU can show, on a bare machine with one: no installation, no network.
#   bench/gpu.sh [--rehearse | --list] [OUT]     OUT: where the results go (default: $OUT, else results)
# Python packages that the machine lacks travel as wheels in the folder wheels (or $WHEELS), made where there is a network, for a machine
# with Python 3.12, PyTorch, timm, onnx and onnxruntime on x86-64 Linux:
#   python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
#     --platform manylinux2014_x86_64 -c constraints.txt -d wheels \
#     beartype cyclopts diffusers docstring_parser filelock importlib_metadata msgspec rich-rst zipp
# They are installed into a temporary folder that is first on the path; nothing else of the machine changes. Git ignores the folder wheels.
# Packages that are no wheels lie unpacked in the folders of $CARRIED (colon-separated), before those.
# --rehearse: the same steps on the CPU, with the embedded world and tiny sizes; --list: what would run.
# Where few files may come back, each folder's rows.jsonl suffices: `--from-rows` makes the pages again.
# A copy without .git is told its commit: FVIT_COMMIT=$(git rev-parse --short=12 HEAD).
set -eu
cd "$(dirname "$0")/.."
how=
case "${1:-}" in --*) how=$1; shift ;; esac
python=${PYTHON:-python3} wheels=${WHEELS:-wheels} site=
if [ -d "$wheels" ] && [ "$how" != --list ]; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --no-cache-dir --no-compile --target "$site" "$wheels"/*.whl
fi
PYTHONPATH="${CARRIED:+$CARRIED:}${site:+$site:}$PWD${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
"$python" -m bench.gpu $how --out "${1:-${OUT:-results}}"
