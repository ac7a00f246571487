#!/usr/bin/env bash
# A CA of somebody else's: by hand, then Vault (a stand-in), and its revocation lists.
. ./lib.sh

python authority.py "$directory" crl "$directory/gateways.crl"
external=(-e pki_ca=external -e "{\"pki_ca_certificates\": [\"$directory/root.pem\"]}")
if roll_out "${external[@]}"; then exit 1; fi
grep -qF '2 certificates to be signed' "$log"
test ! -e "$directory/gw1/x509/host.pem"

# One of two comes back; the request of the other one stays as it is.
cp "$directory/requests/gw2.csr" "$OUTPUT_DIR/before.csr"
python authority.py "$directory" sign gw1
if roll_out "${external[@]}"; then exit 1; fi
grep -qF '1 certificates to be signed' "$log"
cmp "$directory/requests/gw2.csr" "$OUTPUT_DIR/before.csr"
openssl verify -CAfile "$directory/root.pem" -untrusted "$directory/gw1/x509/host.pem" "$directory/gw1/x509/host.pem"
test ! -e "$directory/gw2/x509/host.pem"

# Vault.
python authority.py "$directory" serve "$OUTPUT_DIR/port" &
server=$!
trap 'kill $server || true' EXIT
until [ -s "$OUTPUT_DIR/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$OUTPUT_DIR/port")
crls=(-e "{\"pki_crls\": [\"$url/gateways.crl\"], \"pki_crl_dir\": \"$directory/crls\"}")
vault=("${external[@]}" -e pki_sign_tasks=sign_vault.yml -e "pki_vault_url=$url")
if roll_out "${vault[@]}" -e pki_vault_token=wrong --limit gw2; then exit 1; fi
grep -qF 'did not sign: permission denied' "$log"
roll_out "${vault[@]}" "${crls[@]}" -e pki_vault_token=s.token-for-the-test --limit gw2
openssl verify -CAfile "$directory/root.pem" -untrusted "$directory/gw2/x509/host.pem" "$directory/gw2/x509/host.pem"
cmp "$directory/gateways.crl" "$directory"/gw2/x509crl/external-*.crl
for gateway in gw1 gw2; do
    test ! -e "$directory/$gateway/private/next.key"
done

# Without the server, the list from before is used, unless there is none.
kill $server
changes_nothing "${external[@]}" "${crls[@]}" --limit gw2
grep -qF 'so the list from before is used' "$log"
is_refused "pki_crls: $url/other.crl is not there, or no revocation list, and cannot be fetched" "${external[@]}" --limit gw1 \
    -e "{\"pki_crls\": [\"$url/other.crl\"], \"pki_crl_dir\": \"$directory/crls\"}"
