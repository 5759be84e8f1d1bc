#!/bin/bash
# Installs the Debian 12 packages that corun needs and that this machine does not have.
#   tools/install_deps.sh [build|test|all|torch] [--dry-run]
# build: to build, run and unit-test corun. test: what only `make test` and CI use (clang for the
# second compiler, fuzzers and checks; a browser that opens the report and the page; node and npm,
# unless they are here from elsewhere; podman; prometheus, of which only the programs are used: its
# service may be disabled). all: both. torch: what corun-train needs besides, 0.6 GB on the disk.
# Default: build.
set -euo pipefail

build_packages=(g++ cmake ninja-build make python3 libfmt-dev libspdlog-dev nlohmann-json3-dev
  libyaml-cpp-dev libcli11-dev libboost-dev libsqlite3-dev zlib1g-dev libgtest-dev libgmock-dev
  libbenchmark-dev)
test_packages=(mold clang-14 libclang-rt-14-dev clang-tidy-14 clang-tools-14 clang-format-14
  binutils chromium chromium-driver tmux podman runc prometheus)
# The page's tests. Who has another node with its own npm keeps them: Debian's npm would not fit.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  test_packages+=(nodejs npm)
fi
torch_packages=(libtorch-dev libopenblas0-openmp)

usage() {
  sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//'
}

group=build
dry_run=false
for argument in "$@"; do
  case "$argument" in
    build | test | all | torch) group=$argument ;;
    --dry-run) dry_run=true ;;
    -h | --help) usage && exit 0 ;;
    *)
      echo "install_deps: error: unknown word '$argument';" \
        "use build, test, all, torch or --dry-run" >&2
      exit 2
      ;;
  esac
done

case "$group" in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${test_packages[@]}") ;;
  all) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  torch) wanted=("${torch_packages[@]}") ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_deps: error: this is not a Debian system; install by hand: ${wanted[*]}" >&2
  exit 3
fi

# A package counts as present when dpkg says "installed" (also under a version of its name that
# provides it, as with g++).
missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "install_deps: all packages for '$group' are installed"
  exit 0
fi

echo "install_deps: installing ${#missing[@]} Debian package(s): ${missing[*]}"
if $dry_run; then
  exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  echo "install_deps: error: not root and no sudo; run as root: apt-get install ${missing[*]}" >&2
  exit 1
fi

apt_install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# The package lists are refreshed only when apt cannot install from those that it has.
if ! apt_install >/dev/null 2>&1; then
  "${as_root[@]}" apt-get update -q
  if ! apt_install; then
    echo "install_deps: error: apt-get could not install: ${missing[*]}; see its message above" >&2
    exit 1
  fi
fi
echo "install_deps: done"
