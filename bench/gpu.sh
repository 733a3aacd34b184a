#!/bin/sh
# Everything that only a GPU can show, on a bare machine with one: no installation, no network.
#   bench/gpu.sh [--rehearse] [OUT]     OUT: where the results go (default: $OUT, else results)
# Python packages that the machine lacks lie unpacked in the folders of $CARRIED (colon-separated); they come first.
# --rehearse: the same steps on the CPU, with the embedded world and tiny sizes.
set -eu
cd "$(dirname "$0")/.."
rehearse=
[ "${1:-}" = --rehearse ] && { rehearse=--rehearse; shift; }
PYTHONPATH="${CARRIED:+$CARRIED:}$PWD${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
exec "${PYTHON:-python3}" -m bench.gpu $rehearse --out "${1:-${OUT:-results}}"
