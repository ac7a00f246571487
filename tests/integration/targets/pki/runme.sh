#!/usr/bin/env bash
# The role pki with CAs of all kinds, and with what can be wrong with them. No daemons are needed. What has nothing to do
# with each other runs side by side, each in a directory of its own.
set -eu -o pipefail

run() {
    mkdir -p "$OUTPUT_DIR/$1"
    OUTPUT_DIR=$OUTPUT_DIR/$1 bash "$1.sh" >"$OUTPUT_DIR/$1.log" 2>&1
}
for part in own external acme; do
    run "$part" &
    parts+=("$part:$!")
done
status=0
for part in "${parts[@]}"; do
    verdict=ok
    wait "${part#*:}" || verdict=FAILED
    [ "$verdict" = ok ] || { status=1; cat "$OUTPUT_DIR/${part%:*}.log"; }
    grep -h '^skipped:' "$OUTPUT_DIR/${part%:*}.log" || true
    echo "$verdict ${part%:*} ($SECONDS s)"
done
exit "$status"
