# Two commands for a new user: `make demo` and `make test`. The rest is for contributors.
.DEFAULT_GOAL := help
.PHONY: help demo build test deep check format tidy bench dist clean

help:           ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

demo: build     ## build corun and let four workloads share one GPU (simulated where there is none)
	@tools/demo.sh

build: ## install what is missing and build the programs into build/
	@tools/install_deps.sh build
	@cmake --preset release
	@cmake --build --preset release --target programs

test: ## build, then all that a machine without a GPU can prove in ten minutes
	@tools/install_deps.sh all
	@tools/checks.py test

deep: ## sanitizers, second compiler, fuzzers (after make test); make tidy is apart
	@tools/install_deps.sh all
	@tools/checks.py deep

check: ## style, rooms and format only: seconds, nothing is built
	@tools/checks.py quick

format: ## rewrite all C++ files with clang-format
	@tools/format.sh

tidy: ## clang-tidy over all sources, every header alone
	@tools/install_deps.sh all
	@tools/checks.py tidy

bench: build ## the figures of docs/reproducing.md that need no GPU
	@cmake --build --preset release --target corun-benchmarks
	@build/bench/corun-benchmarks
	@tools/harness_overhead.py --gpu simulated

dist: build ## a relocatable tree and tarball in dist/
	@tools/make_dist.py

clean: ## remove all that was built
	@rm -rf build dist
