#!/usr/bin/env bash
# The example for ACME, with pebble, a CA for tests, which really asks for the answer to its challenge.
. ./lib.sh

if ! command -v pebble >/dev/null; then
    echo "skipped: the example for ACME was not run, because the command pebble is missing (Debian: pebble)"
    exit 0
fi
mkdir -p "$directory/web"
read -r http dns manage acme web <<<"$(python - <<'PYTHON'
import socket

sockets = [socket.create_server(("127.0.0.1", 0)) for unused in range(5)]
print(*(one.getsockname()[1] for one in sockets))
PYTHON
)"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$OUTPUT_DIR/pebble.key" -out "$OUTPUT_DIR/pebble.pem"
cat >"$OUTPUT_DIR/pebble.json" <<JSON
{"pebble": {"listenAddress": "127.0.0.1:$acme", "managementListenAddress": "127.0.0.1:$manage", "httpPort": $web, "tlsPort": $http,
            "certificate": "$OUTPUT_DIR/pebble.pem", "privateKey": "$OUTPUT_DIR/pebble.key", "ocspResponderURL": ""}}
JSON
pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 "127.0.0.1:$dns" -http01 '' -https01 '' -tlsalpn01 '' \
    -management "127.0.0.1:$http" &
names=$!
PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config "$OUTPUT_DIR/pebble.json" -dnsserver "127.0.0.1:$dns" &
ca=$!
python -m http.server "$web" --bind 127.0.0.1 --directory "$directory/web" &
trap 'kill $names $ca $! || true' EXIT
until curl -sk "https://127.0.0.1:$manage/roots/0" >"$directory/root.pem"; do sleep 0.1; done

example=$(IFS=: && for path in $ANSIBLE_COLLECTIONS_PATH; do echo "$path/ansible_collections/keymesh/ike/examples/acme"; done | head -n 1)
ansible-playbook --syntax-check -i "$example/inventory.yml" "$example/site.yml"
openssl ecparam -name prime256v1 -genkey -noout -out "$OUTPUT_DIR/account.key"
certificates=(--limit gw1 -e pki_ca=external -e "{\"pki_ca_certificates\": [\"$directory/root.pem\"]}" -e "pki_sign_tasks=$example/sign_acme.yml"
    -e "acme_directory=https://127.0.0.1:$acme/dir" -e "acme_account_key=$OUTPUT_DIR/account.key" -e "acme_webroot=$directory/web"
    -e '{"acme_validate_certs": false}')
roll_out "${certificates[@]}"
first=$(openssl x509 -noout -serial -in "$directory/gw1/x509/host.pem")
openssl verify -CAfile "$directory/root.pem" -untrusted "$directory/gw1/x509/host.pem" "$directory/gw1/x509/host.pem"
openssl x509 -noout -text -in "$directory/gw1/x509/host.pem" | grep -F 'DNS:gw1.example.com'
# A renewal gets another one, although the first is valid for long.
roll_out "${certificates[@]}" -e pki_renew=true
test "$first" != "$(openssl x509 -noout -serial -in "$directory/gw1/x509/host.pem")"
