#!/usr/bin/env bash
# All scenarios, or these: molecule.sh [SCENARIO ...]. Or molecule with arguments: molecule.sh test -s default.
# Hosts are containers of this machine, so it needs root. MOLECULE_JOBS scenarios run side by side (2), each with a log
# in .build/logs.
. "$(dirname "$0")/common.sh"
export MOLECULE_GLOB=molecule/*/molecule.yml
export PATH=$root/molecule/shared/lab/bin:$PATH
cd "$root"
logs=.build/logs
store=.build/molecule

# The engine is installed once and not again in each gateway of each scenario; the scenario `default` does it anew.
prepare() {
    local sum scratch
    sum=$(cd "$copy" && find ikeengine pyproject.toml roles/engine plugins/action/engine_wheel.py plugins/plugin_utils/_wheel.py \
        plugins/plugin_utils/_download.py -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
    [ "$sum" != "$(cat "$store/stamp" 2>/dev/null)" ] || return 0
    scratch=$(mktemp -d /tmp/keymesh.XXXXXX)
    mkdir -p "$logs" "$scratch"/{lab,none,releases}
    if ! MOLECULE_EPHEMERAL_DIRECTORY=$scratch/lab MOLECULE_PROJECT_DIRECTORY=$root MOLECULE_SCENARIO_NAME=prepare ANSIBLE_PIPELINING=true \
        ansible-playbook --inventory=molecule/shared/inventory --inventory=molecule/shared/builder/inventory/hosts.yml \
        --extra-vars="lab_releases=$scratch/none lab_kept=$scratch/releases" \
        molecule/shared/prepare.yml >"$logs/molecule-prepare.log" 2>&1; then
        tail -n 40 "$logs/molecule-prepare.log" >&2
        return 1
    fi
    rm -rf "$store"
    mkdir -p "$store"
    mv "$scratch/releases" "$store/"
    echo "$sum" >"$store/stamp"
    rm -rf "$scratch"
}

# Why a scenario cannot run on this machine; nothing if it can.
missing_for() {
    if [ "$1" = ubuntu ] && [ "$(compgen -G '.build/ubuntu/*.complete' | wc -l)" != 2 ]; then
        echo "tests/lab/provision.sh ubuntu .build/ubuntu"
    fi
}

run_scenario() {
    local name=$1 started=$SECONDS verdict=ok missing
    missing=$(missing_for "$name")
    if [ -n "$missing" ]; then
        # In CI nothing may be missing.
        [ -n "${CI:-}" ] && verdict=FAILED || verdict=SKIPPED
        printf '%-8s%s: what it needs is not here (%s)\n' "$verdict" "$name" "$missing"
        [ "$verdict" = SKIPPED ]
        return
    fi
    # For a reader of the log: no colours, no borders, no folded lines.
    NO_COLOR=1 COLUMNS=10000 molecule test --no-command-borders --scenario-name "$name" >"$logs/molecule-$name.log" 2>&1 || verdict=FAILED
    printf '%-8s%s (%d s)\n' "$verdict" "$name" $((SECONDS - started))
    [ "$verdict" = ok ]
}

exec 8>"$root/.build/molecule.lock"
flock 8
prepare
flock -u 8

for name in "$@"; do
    [ -e "molecule/$name/molecule.yml" ] || exec molecule "$@"
done

mkdir -p "$logs"
export -f run_scenario missing_for
export logs
# The ones with the most steps first, so that no long one is left at the end.
scenarios=("$@")
if [ $# = 0 ]; then
    mapfile -t scenarios < <(wc --lines molecule/*/molecule.yml | sort -rn | sed -n 's|.*molecule/\(.*\)/molecule.yml$|\1|p')
fi
status=0
printf '%s\0' "${scenarios[@]}" | xargs -0 -n 1 -P "${MOLECULE_JOBS:-2}" bash -c 'run_scenario "$1"' run_scenario || status=1
if [ "$status" != 0 ]; then
    for name in "${scenarios[@]}"; do
        if [ -z "$(missing_for "$name")" ] && ! grep -q "1 successful" "$logs/molecule-$name.log"; then
            printf '\n===== %s: from %s =====\n' "$name" "$logs/molecule-$name.log"
            python3 tests/collection/failed_tasks.py "$logs/molecule-$name.log"
        fi
    done
fi
exit "$status"
