#!/bin/sh
# Everything that only a GPU can show, on a bare machine with one: no installation, no network.
#   bench/gpu.sh [--rehearse | --list] [OUT]     OUT: where the results go (default: $OUT, else results)
# Python packages that the machine lacks lie unpacked in the folders of $CARRIED (colon-separated); they come first.
# --rehearse: the same steps on the CPU, with the embedded world and tiny sizes; --list: what would run.
# Where few files may come back, each folder's rows.jsonl suffices: `--from-rows` makes the pages again.
# A copy without .git is told its commit: FVIT_COMMIT=$(git rev-parse --short=12 HEAD).
set -eu
cd "$(dirname "$0")/.."
how=
case "${1:-}" in --*) how=$1; shift ;; esac
PYTHONPATH="${CARRIED:+$CARRIED:}$PWD${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
exec "${PYTHON:-python3}" -m bench.gpu $how --out "${1:-${OUT:-results}}"
