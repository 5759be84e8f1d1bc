#!/bin/sh
# Compiles the workloads' kernels to PTX 7.0 for compute capability 7.0, which every driver from
# R520 (CUDA 11.8) on turns into its GPU's code. Needs clang-14; no CUDA toolkit.
#
#   tools/gen_ptx.sh           write NAME.ptx beside each NAME.cu
#   tools/gen_ptx.sh --check   fail when a committed file is not what the source gives; where a
#                              ptxas is found (PATH or /usr/local/cuda/bin), assemble it as well
#
# clang-14 is asked for because it is the last whose PTX for sm_70 can be held at 7.0; another
# compiler's output would also differ in text from the committed file.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
sources="workloads/synthetic/kernels/synthetic workloads/inference/torch/kernels/decoder"
clang=${CLANG:-clang-14}

if ! command -v "$clang" > /dev/null; then
  echo "gen_ptx.sh: $clang is not installed; install the package clang-14 or set CLANG" >&2
  exit 3
fi

# compile SOURCE OUTPUT; in the source's folder, so that its text names no path of this machine
compile() {
  (cd "$root/$(dirname "$1")" && "$clang" -x cuda --cuda-device-only -nocudainc -nocudalib \
    --cuda-gpu-arch=sm_70 -Xclang -target-feature -Xclang +ptx70 -Wno-unknown-cuda-version \
    -I "$root" -std=c++17 -O3 -Wall -Wextra -Werror -S -o "$2" "$(basename "$1").cu")
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ptxas=$(PATH=$PATH:/usr/local/cuda/bin command -v ptxas || true)
for source in $sources; do
  committed=$root/$source.ptx
  if [ "${1:-}" != "--check" ]; then
    compile "$source" "$committed"
    continue
  fi
  compile "$source" "$work/new.ptx"
  if ! cmp -s "$work/new.ptx" "$committed"; then
    echo "gen_ptx.sh: $committed is out of date; run tools/gen_ptx.sh" >&2
    exit 1
  fi
  if [ -n "$ptxas" ]; then
    for arch in $("$ptxas" --help | grep -o "'sm_[0-9]*'" | tr -d "'" | sort -u); do
      "$ptxas" -arch="$arch" -o "$work/out.cubin" "$committed"
      echo "gen_ptx.sh: $source $arch ok"
    done
  fi
done
