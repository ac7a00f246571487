#!/usr/bin/env bash
# The own CA, on a host of the inventory.
. ./lib.sh

own=(-e pki_ca_host=gw2 -e '{"pki_ca_passphrase": "open sesame"}')
roll_out "${own[@]}" --check
test ! -e "$directory/store"
roll_out "${own[@]}"
grep -q ENCRYPTED "$directory/store/ca.key"
changes_nothing "${own[@]}"
openssl verify -x509_strict -CAfile "$directory/gw1/x509ca/mesh.pem" "$directory"/gw?/x509/host.pem
openssl x509 -noout -text -in "$directory/gw2/x509/host.pem" | grep -F 'IP Address:192.0.2.2'
openssl crl -noout -text -in "$directory/gw1/x509crl/mesh.crl" | grep -F 'X509v3 CRL Number'

# What is wrong with it is found before anything is changed.
openssl genpkey -algorithm ED25519 -aes256 -pass 'pass:open sesame' -out "$OUTPUT_DIR/other.key"
ansible-playbook -i inventory.yml refused.yml -e "other_key=$OUTPUT_DIR/other.key" 2>&1 | tee "$log"
grep -c 'was refused as expected' "$log" | grep -qx 4
! grep -q 'changed=[1-9]' "$log"

# A vault that nobody has the password of.
ansible-vault encrypt_string --name pki_ca_passphrase 'open sesame' --vault-password-file <(echo other) >"$OUTPUT_DIR/vault.yml"
is_refused 'pki_ca_passphrase' -e "@$OUTPUT_DIR/vault.yml" --limit gw1

# gw2 has left the inventory, and gw3 has come. The files of the CA are those of before.
gone=$(openssl x509 -noout -serial -in "$directory/gw2/x509/host.pem")
sed 's/gw2/gw3/' inventory.yml >"$OUTPUT_DIR/inventory.yml"
ansible-playbook -i "$OUTPUT_DIR/inventory.yml" roll_out.yml -e '{"pki_ca_passphrase": "open sesame"}' -e pki_revoke_absent=true \
    -e '{"pki_crl_uris": ["http://crl.example.com/mesh.crl"]}'
for gateway in gw1 gw3; do
    openssl crl -noout -text -in "$directory/$gateway/x509crl/mesh.crl" | grep -F "Serial Number: ${gone#serial=}"
    openssl verify -crl_check -CAfile <(cat "$directory/gw1/x509ca/mesh.pem" "$directory/gw1/x509crl/mesh.crl") "$directory/$gateway/x509/host.pem"
done
! openssl verify -crl_check -CAfile <(cat "$directory/gw1/x509ca/mesh.pem" "$directory/gw1/x509crl/mesh.crl") "$directory/gw2/x509/host.pem"
openssl x509 -noout -text -in "$directory/gw3/x509/host.pem" | grep -F 'URI:http://crl.example.com/mesh.crl'

# A CA that has ended.
rm -rf "$directory"
if roll_out -e pki_ca_days=0 --limit gw1; then exit 1; fi
grep -qF 'make a new CA with the playbook keymesh.ike.rotate_certs' "$log"
test ! -e "$directory/gw1"
