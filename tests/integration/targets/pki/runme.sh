#!/usr/bin/env bash
# The role pki with CAs of all kinds, and with what can be wrong with them. No daemons are needed.
set -eux -o pipefail

export ANSIBLE_INJECT_FACT_VARS=false
directory=$OUTPUT_DIR/pki
log=$OUTPUT_DIR/pki.log
mkdir -p "$directory"

roll_out() {
    ansible-playbook -i inventory.yml roll_out.yml "$@" 2>&1 | tee "$log"
}
changes_nothing() {
    roll_out "$@"
    grep -c 'changed=0 ' "$log" | grep -qx 2
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
    ! grep -q 'changed=[1-9]' "$log"
}
begin_anew() {
    rm -rf "$directory"
    mkdir -p "$directory"
}

# --- the own CA, on a host of the inventory ---
own=(-e pki_ca_host=gw2 -e '{"pki_ca_passphrase": "open sesame"}')
roll_out "${own[@]}" --check
roll_out "${own[@]}"
grep -q ENCRYPTED "$directory/store/ca.key"
changes_nothing "${own[@]}"
openssl verify -x509_strict -CAfile "$directory/gw1/x509ca/mesh.pem" "$directory"/gw?/x509/host.pem
openssl x509 -noout -text -in "$directory/gw2/x509/host.pem" | grep -F 'IP Address:192.0.2.2'
openssl crl -noout -text -in "$directory/gw1/x509crl/mesh.crl" | grep -F 'X509v3 CRL Number'
is_refused 'pki_ca_passphrase: is not the one for' -e pki_ca_host=gw2 -e pki_ca_passphrase=wrong
is_refused 'pki_ca_host: down cannot be reached' -e pki_ca_host=down
is_refused "pki_revoked: 'gw9' is neither a host that has a certificate" "${own[@]}" -e '{"pki_revoked": ["gw9"]}'
openssl genpkey -algorithm ED25519 -aes256 -pass 'pass:open sesame' -out "$directory/store/ca.key"
is_refused 'is not the key of' "${own[@]}"

# A vault that nobody has the password of.
ansible-vault encrypt_string --name pki_ca_passphrase 'open sesame' --vault-password-file <(echo other) >"$OUTPUT_DIR/vault.yml"
is_refused 'pki_ca_passphrase' -e "@$OUTPUT_DIR/vault.yml"

# --- an own CA that has ended ---
begin_anew
if roll_out -e pki_ca_days=0; then exit 1; fi
grep -qF 'make a new CA with the playbook keymesh.ike.rotate_certs' "$log"
test ! -e "$directory/gw1"

# --- a CA of somebody else's: by hand ---
begin_anew
python authority.py "$directory" sign
external=(-e pki_ca=external -e "{\"pki_ca_certificates\": [\"$directory/root.pem\"]}")
if roll_out "${external[@]}"; then exit 1; fi
grep -qF '2 certificates to be signed' "$log"
cp "$directory/requests/gw1.csr" "$OUTPUT_DIR/before.csr"
if roll_out "${external[@]}"; then exit 1; fi
cmp "$directory/requests/gw1.csr" "$OUTPUT_DIR/before.csr"
test ! -e "$directory/gw1/x509/host.pem"
python authority.py "$directory" sign
roll_out "${external[@]}"
changes_nothing "${external[@]}"
for gateway in gw1 gw2; do
    openssl verify -CAfile "$directory/root.pem" -untrusted "$directory/$gateway/x509/host.pem" "$directory/$gateway/x509/host.pem"
    test ! -e "$directory/$gateway/private/next.key"
done

# --- Vault (a stand-in) ---
python authority.py "$directory" serve "$OUTPUT_DIR/port" &
server=$!
trap 'kill $server' EXIT
until [ -s "$OUTPUT_DIR/port" ]; do sleep 0.1; done
vault=("${external[@]}" -e pki_sign_tasks=sign_vault.yml -e "pki_vault_url=http://127.0.0.1:$(cat "$OUTPUT_DIR/port")" -e pki_renew=true)
if roll_out "${vault[@]}" -e pki_vault_token=wrong; then exit 1; fi
grep -qF 'did not sign: permission denied' "$log"
before=$(openssl x509 -noout -serial -in "$directory/gw1/x509/host.pem")
roll_out "${vault[@]}" -e pki_vault_token=s.token-for-the-test
test "$before" != "$(openssl x509 -noout -serial -in "$directory/gw1/x509/host.pem")"
openssl verify -CAfile "$directory/root.pem" -untrusted "$directory/gw1/x509/host.pem" "$directory/gw1/x509/host.pem"
