#!/usr/bin/env bash
# The play does not matter for what a host gets, and a wrong inventory is refused before anything is changed.
set -eux

output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
mkdir "$output"/{everybody,limited,serial,broken}

ansible-playbook -i inventory.yml render.yml -e output="$output/everybody"
# Nobody has tried to reach the partner, who is not ours.
[ "$(cd "$output/everybody" && echo *)" = "gw1.yml gw2.yml gw3.yml" ]
grep -c "gw1--gw" "$output/everybody/gw1.yml" | grep -qx 2
grep -q "gw2--partner" "$output/everybody/gw2.yml"

ansible-playbook -i inventory.yml render.yml -e output="$output/limited" --limit gw2
[ "$(cd "$output/limited" && echo *)" = "gw2.yml" ]
cmp "$output/everybody/gw2.yml" "$output/limited/gw2.yml"

ansible-playbook -i inventory.yml render.yml -e output="$output/serial" -e batch=1
diff -r "$output/everybody" "$output/serial"

if ansible-playbook -i broken.yml render.yml -e output="$output/broken" >"$output/log" 2>&1; then
    cat "$output/log"
    exit 1
fi
[ -z "$(ls "$output/broken")" ]
for message in \
    "gw1: ike_id cannot be had: 'nobody' is undefined" \
    "gw2: ike_address is not set" \
    "gw2: ike_subnets must be a list" \
    "gw3: ike_subnets: 10.3.0.1/16 has host bits set" \
    "ike_auth differs: 'psk' on gw1, gw2, 'cert' on gw3" \
    "3des is weak" \
    "'aes256gcm17' is no algorithm that ikeengine has; did you mean aes256gcm1"; do
    grep -qF "$message" "$output/log"
done
