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
mkdir "$OUTPUT_DIR/ended"
python - "$OUTPUT_DIR/ended" <<'PYTHON'
import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

directory, key, name = pathlib.Path(sys.argv[1]), ec.generate_private_key(ec.SECP256R1()), x509.Name([])
ended = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, ended - datetime.timedelta(days=1), ended).sign(key, hashes.SHA256())
pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
(directory / "ca.pem").write_bytes(certificate.public_bytes(pem))
(directory / "ca.key").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
PYTHON
ansible-playbook -i inventory.yml refused.yml -e "other_key=$OUTPUT_DIR/other.key" -e "ended=$OUTPUT_DIR/ended" 2>&1 | tee "$log"
grep -c 'was refused as expected' "$log" | grep -qx 5
if grep 'changed=[1-9]' "$log"; then exit 1; fi

# A vault that nobody has the password of.
ansible-vault encrypt_string --name pki_ca_passphrase 'open sesame' --vault-password-file <(echo other) >"$OUTPUT_DIR/vault.yml"
is_refused 'pki_ca_passphrase' -e "@$OUTPUT_DIR/vault.yml" --limit gw1

# gw2 has left the inventory, and gw3 has come. The files of the CA are those of before.
gone=$(openssl x509 -noout -serial -in "$directory/gw2/x509/host.pem")
sed 's/gw2/gw3/' inventory.yml >"$OUTPUT_DIR/inventory.yml"
ansible-playbook -i "$OUTPUT_DIR/inventory.yml" roll_out.yml --limit gw3 -e '{"pki_ca_passphrase": "open sesame"}' -e pki_revoke_absent=true \
    -e '{"pki_crl_uris": ["http://crl.example.com/mesh.crl"]}'
openssl crl -noout -text -in "$directory/gw3/x509crl/mesh.crl" | grep -F "Serial Number: ${gone#serial=}"
cat "$directory/gw3/x509ca/mesh.pem" "$directory/gw3/x509crl/mesh.crl" >"$OUTPUT_DIR/trusted.pem"
openssl verify -crl_check -CAfile "$OUTPUT_DIR/trusted.pem" "$directory"/gw[13]/x509/host.pem
if openssl verify -crl_check -CAfile "$OUTPUT_DIR/trusted.pem" "$directory/gw2/x509/host.pem"; then exit 1; fi
openssl x509 -noout -text -in "$directory/gw3/x509/host.pem" | grep -F 'URI:http://crl.example.com/mesh.crl'
