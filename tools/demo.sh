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
