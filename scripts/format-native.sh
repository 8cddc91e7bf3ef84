#!/usr/bin/env bash
# Formats the C++ and C files as .clang-format says: scripts/format-native.sh [--check]
# With --check it changes nothing, prints what differs, and fails if anything does. The environment
# variable CLANG_FORMAT names another program than the clang-format of the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  '') options=(-i) ;;
  --check) options=(--dry-run --Werror) ;;
  *)
    echo 'usage: scripts/format-native.sh [--check]' >&2
    exit 2
    ;;
esac

git ls-files -z 'native/*.cc' 'native/*.h' 'bench/native/*.cc' 'bench/native/*.c' 'bench/native/*.h' |
  xargs -0 "${CLANG_FORMAT:-clang-format}" --style=file "${options[@]}"
