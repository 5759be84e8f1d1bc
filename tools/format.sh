#!/bin/bash
# clang-format over all C++ files that git tracks or would add: rewrites, or with --check reports.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-format-14 >/dev/null || { tools/install_deps.sh test; }
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.h' '*.cc')
existing=()
for file in "${files[@]}"; do
  [ -e "$file" ] && existing+=("$file")
done
if [ "${1:-}" = --check ]; then
  clang-format-14 --dry-run --Werror "${existing[@]}"
  echo "format: ${#existing[@]} files keep .clang-format"
else
  clang-format-14 -i "${existing[@]}"
fi
