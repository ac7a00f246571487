#!/usr/bin/env bash
# Whole roll-outs of inventories with mistakes. Each is an inventory in cases/ that begins with what must be said, and is refused before
# anything is changed. No gateway can be reached (there is no such interpreter), so what is found by looking at one would show.
set -eu -o pipefail

export ANSIBLE_NOCOLOR=1
refuse() {
    local case=$1 log missing
    log=$OUTPUT_DIR/$(basename "$case").log
    if ! grep -q '^# expect: ' "$case"; then
        echo "$case: begins without what must be said (# expect: ...)"
        return 1
    fi
    if ansible-playbook -i "$case" keymesh.ike.site_to_site >"$log" 2>&1; then
        echo "$case: was not refused"
        return 1
    fi
    missing=$(sed -n 's/^# expect: //p' "$case" | while IFS= read -r words; do grep -qF -- "$words" "$log" || echo "$words"; done)
    if [ -n "$missing" ] || grep -q 'changed=[1-9]\|/nowhere/python' "$log" || ! grep -q 'changed=0' "$log"; then
        cat "$log"
        printf '%s: this was not said:\n%s\n' "$case" "$missing"
        return 1
    fi
    echo "$case: refused"
}
export -f refuse
printf '%s\0' cases/*.yml | xargs -0 -n 1 -P 2 bash -euo pipefail -c 'refuse "$1"' refuse
