#!/bin/bash
# The main job on this machine: four workloads share one GPU under every mode that is possible here.
# Uses the real GPU where there is one, else the simulated one.
set -euo pipefail
cd "$(dirname "$0")/.."
out=corun-results/demo-$(date -u +%Y%m%d-%H%M%S)
job=(build/bin/corun bench --mode all --workloads 4 --quick --duration 4s --gpu auto --out "$out")
echo "demo: ${job[*]}"
"${job[@]}"
echo
echo "demo: open $out/report.html in a browser; the rows are in $out/rows.jsonl"
echo "demo: who holds a GPU, live: build/bin/corun serve --results corun-results, or corun top"
[ -t 0 ] || exit 0

# At a terminal: two workloads to look at, until Ctrl-C.
export PATH="$PWD/build/bin:$PATH"
echo "demo: two workloads share the GPU while the page is served; Ctrl-C ends it all"
corun run --name train --class best-effort -- \
  corun-synthetic train --duration 1h > /dev/null 2>&1 &
corun run --name serve --class latency-critical -- \
  corun-synthetic infer --rate 100 --duration 1h > /dev/null 2>&1 &
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
until [ -n "$(corun status 2> /dev/null)" ]; do
  kill -0 $(jobs -p) 2> /dev/null || break
done
corun serve --results corun-results || true
