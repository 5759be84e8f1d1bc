#!/bin/bash
# clang-tidy over every source of the rooms, with the compile commands of a clang build folder.
#   tools/tidy.sh BUILD_DIR [FILE_REGEX]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: tools/tidy.sh BUILD_DIR [FILE_REGEX]}
pattern=${2:-$PWD/(core|http|containers|gpu|simgpu|engine|modes|workloads|benchmarking|monitoring|cli)/.*\.cc$}
run-clang-tidy-14 -quiet -p "$build" -j "$(nproc)" "$pattern" 2>/dev/null
