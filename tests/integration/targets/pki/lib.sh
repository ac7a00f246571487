# shellcheck shell=bash
# Sourced by the parts of this target.
set -eux -o pipefail

export ANSIBLE_INJECT_FACT_VARS=false ANSIBLE_PIPELINING=true
directory=$OUTPUT_DIR/pki
log=$OUTPUT_DIR/pki.log
mkdir -p "$directory"

roll_out() {
    ansible-playbook -i inventory.yml roll_out.yml "$@" 2>&1 | tee "$log"
}
changes_nothing() {
    roll_out "$@"
    if grep 'changed=[1-9]' "$log"; then exit 1; fi
    grep -q 'changed=0 ' "$log"
}
# The message is one line of the output, whatever its width; nothing was changed before it.
is_refused() {
    local message=$1
    shift
    if roll_out "$@"; then
        echo "this should have failed: $message" >&2
        exit 1
    fi
    grep -qF -- "$message" "$log"
    if grep 'changed=[1-9]' "$log"; then exit 1; fi
}
