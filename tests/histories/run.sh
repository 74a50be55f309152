#!/usr/bin/env bash
# Records a SERIALIZABLE history with real threads and has porcupine check it; and shows that porcupine refuses a
# history with write skew. Needs Go and its module proxy once. Usage: run.sh [TRANSACTIONS] [SEED]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here" && go build -o "$work/histories" .)
if "$work/histories" "$here/skewed.jsonl"; then
    echo "the checker accepted a history with write skew" >&2
    exit 1
fi
HYPERDB_HISTORY_TRANSACTIONS=${1:-2000} HYPERDB_HISTORY_SEED=${2:-1} HYPERDB_HISTORY_OUT="$work/history.jsonl" \
    cargo test --quiet --manifest-path "$here/../../native/Cargo.toml" -p hyperdb-graph --test sequencer \
    histories::threaded_serializable
"$work/histories" "$work/history.jsonl"
