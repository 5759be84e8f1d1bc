#!/bin/sh
# Compiles the synthetic workloads' kernels to PTX 7.0 for compute capability 7.0, which every
# driver from R520 (CUDA 11.8) on turns into its GPU's code. Needs clang-14; no CUDA toolkit.
#
#   tools/gen_ptx.sh           write workloads/synthetic/kernels/synthetic.ptx
#   tools/gen_ptx.sh --check   fail when the committed file is not what the source gives; where a
#                              ptxas is found (PATH or /usr/local/cuda/bin), assemble it as well
#
# clang-14 is asked for because it is the last whose PTX for sm_70 can be held at 7.0; another
# compiler's output would also differ in text from the committed file.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
kernels=$root/workloads/synthetic/kernels
clang=${CLANG:-clang-14}

if ! command -v "$clang" > /dev/null; then
  echo "gen_ptx.sh: $clang is not installed; install the package clang-14 or set CLANG" >&2
  exit 3
fi

compile() {
  (cd "$kernels" && "$clang" -x cuda --cuda-device-only -nocudainc -nocudalib \
    --cuda-gpu-arch=sm_70 -Xclang -target-feature -Xclang +ptx70 -Wno-unknown-cuda-version \
    -I "$root" -std=c++17 -O3 -Wall -Wextra -Werror -S -o "$1" synthetic.cu)
}

if [ "${1:-}" != "--check" ]; then
  compile "$kernels/synthetic.ptx"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile "$work/synthetic.ptx"
if ! cmp -s "$work/synthetic.ptx" "$kernels/synthetic.ptx"; then
  echo "gen_ptx.sh: $kernels/synthetic.ptx is out of date; run tools/gen_ptx.sh" >&2
  exit 1
fi
ptxas=$(PATH=$PATH:/usr/local/cuda/bin command -v ptxas || true)
if [ -n "$ptxas" ]; then
  for arch in $("$ptxas" --help | grep -o "'sm_[0-9]*'" | tr -d "'" | sort -u); do
    "$ptxas" -arch="$arch" -o "$work/out.cubin" "$kernels/synthetic.ptx"
    echo "gen_ptx.sh: $arch ok"
  done
fi
