#!/bin/sh
# Writes requirements/hashed/: every version that the images install, with the SHA-256 of each of its files, for
# `pip install --require-hashes`. Needs uv and the network. Run it after the pins have changed.
# torch itself has no hash here: each of its indexes (CPU, CUDA) offers another file.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile() {
  uv pip compile "$1" --constraint requirements/constraints.txt --generate-hashes --python-version 3.11 \
    --python-platform x86_64-manylinux_2_28 --no-annotate --no-header --quiet --no-emit-package torch --output-file "$2"
}
# Keeps ("yes") or drops ("no") the packages that torch brings for a GPU.
gpu() {
  awk -v keep="$1" '/^[A-Za-z0-9]/ { gpu = /^(nvidia-|cuda-|triton)/ } gpu == (keep == "yes")' "$2"
}
python3 requirements/wanted.py --without-models > "$work/bot.in"
python3 requirements/wanted.py > "$work/worker.in"
python3 requirements/wanted.py --without-models --extras c2pa,traces > "$work/extras.in"
printf 'pip\nsetuptools\n' > "$work/tools.in"
for name in bot worker extras tools; do compile "$work/$name.in" "$work/$name.txt"; done
mkdir -p requirements/hashed
cp "$work/bot.txt" "$work/extras.txt" "$work/tools.txt" requirements/hashed/
gpu no "$work/worker.txt" > requirements/hashed/worker.txt
gpu yes "$work/worker.txt" > requirements/hashed/gpu.txt
