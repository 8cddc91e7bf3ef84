#!/usr/bin/env bash
# Runs a compiled program with the addon built for a sanitizer: scripts/sanitize.sh asan|tsan
# dist/test/…/x.test.js
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  asan)
    flags=address,undefined
    # Node itself keeps memory until the process ends.
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    ;;
  tsan)
    flags=thread
    # Node is not built for the sanitizer, so its locks are not seen and its accesses would all be
    # races.
    export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1
    ;;
  *)
    echo 'usage: scripts/sanitize.sh asan|tsan <program> [args...]' >&2
    exit 2
    ;;
esac

# The value that .taprc has, for tests that run without the runner. Under a sanitizer, tap's own 30
# s are too short on a busy machine.
export TAP_TIMEOUT=300
npx --no-install cmake-js compile --debug --out "build/$1/build" --CDNODE_DLB_SANITIZE="$flags" --log-level error
NODE_DLB_PREBUILD=$PWD/build/$1 LD_PRELOAD=$(gcc -print-file-name="lib$1.so") exec node "${@:2}"
