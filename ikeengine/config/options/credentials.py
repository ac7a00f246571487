"""Options of `secrets` and `authorities`."""

from __future__ import annotations

from ikeengine.config.certificate_kinds import URIS
from ikeengine.config.ike_kinds import PATTERNS
from ikeengine.config.kinds import BOOLEAN, FILE, TEXT, Kind
from ikeengine.config.schema import Fixed, Form, Option, Section, Subsection
from ikeengine.config.secrets import Password, SecretText
from ikeengine.model.secret import Secret

_SECRET: Kind[Secret | None] = SecretText()
_PASSWORD: Kind[Secret | None] = Password()
_FILE: Kind[str | None] = FILE
_TEXT_FORMS = "text, `0x` and hexadecimal, or `0s` and Base64"

SECRET = Option("secret", _SECRET, f"The key itself: {_TEXT_FORMS}. Only in a configuration file of mode 0600.")
SECRET_FILE = Option(
    "file", _FILE, f"A file of mode 0600 that holds the key: {_TEXT_FORMS}. Relative to the configuration's directory."
)
OWNERS = Option(
    "id",
    PATTERNS,
    "Whose key it is: the identities of both sides, as a list or as `id-1`, `id-2`. Nobody: it is for all.",
    "",
    suffixed=True,
)
ALLOW_WEAK = Option(
    "allow_weak",
    BOOLEAN,
    "Take a key of less than 128 bits, which can be guessed offline by whoever records or answers one handshake.",
    "no",
)
KEY_FILE = Option(
    "file",
    _FILE,
    "Key file (PEM or DER) of mode 0600, in the directory of the same name as the "
    "section's prefix, or with an absolute path.",
)
PASSWORD = Option(
    "password", _PASSWORD, "Password of an encrypted key file. Only in a configuration file of mode 0600."
)
PASSPHRASE = Option("secret", _PASSWORD, "The same as `password`, in swanctl's word.")

PRIVATE_KEY_PREFIXES = ("private", "rsa", "ecdsa", "pkcs8")

MANUAL_PREFIX = "manual"
_MANUAL = Section(
    "secrets.manual<suffix>", "A key of a manually keyed SA (`manual`).", (SECRET, SECRET_FILE, ALLOW_WEAK)
)
_IKE = Section(
    "secrets.ike<suffix>",
    "A pre-shared key. Of several keys for the same identities a peer may use any, and is answered with the same one. "
    "We initiate with the first in the configuration.",
    (SECRET, SECRET_FILE, OWNERS, ALLOW_WEAK),
)
PASSWORD_PREFIXES = ("xauth", "eap")
USERS = Option(
    "id",
    PATTERNS,
    "User names, as a list or as `id-1`, `id-2`. Nobody: it is the password of every user.",
    "",
    suffixed=True,
)
_PASSWORDS = {
    prefix: Section(f"secrets.{prefix}<suffix>", "The password of users, for XAUTH.", (SECRET, SECRET_FILE, USERS))
    for prefix in PASSWORD_PREFIXES
}
_PRIVATE = {
    prefix: Section(f"secrets.{prefix}<suffix>", "A private key.", (KEY_FILE, PASSWORD, PASSPHRASE))
    for prefix in PRIVATE_KEY_PREFIXES
}
_PKCS12 = Section(
    "secrets.pkcs12<suffix>",
    "A PKCS#12 container: a private key, its certificate, and the authorities in it, which are trusted.",
    (KEY_FILE, PASSWORD, PASSPHRASE),
)

SECRETS = Section(
    "secrets",
    "Pre-shared keys, passwords and private keys.",
    fixed=(
        Fixed("ntlm", "EAP", suffixed=True),
        Fixed("ppk", "postquantum pre-shared keys, RFC 8784", suffixed=True),
        Fixed("token", "keys on a token", suffixed=True),
    ),
    sections=(
        Subsection("ike", _IKE, Form.SUFFIXED),
        *(Subsection(prefix, section, Form.SUFFIXED) for prefix, section in _PASSWORDS.items()),
        Subsection(MANUAL_PREFIX, _MANUAL, Form.SUFFIXED),
        *(Subsection(prefix, section, Form.SUFFIXED) for prefix, section in _PRIVATE.items()),
        Subsection("pkcs12", _PKCS12, Form.SUFFIXED),
    ),
)

CACERT = Option(
    "cacert",
    _FILE,
    "The certificate of the authority: a file in the directory `x509ca`, or with an absolute path. With several "
    "certificates in it, such as one and the one that is to replace it, all of them are trusted.",
)
AUTHORITY_FILE = Option("file", _FILE, "The same as `cacert`, relative to the configuration's directory.")

CRL_URIS = Option(
    "crl_uris", URIS, "Where the CRLs of the authority are, besides what its certificates say: http, https or file.", ""
)
OCSP_URIS = Option("ocsp_uris", URIS, "OCSP responders for its certificates, asked before those in them.", "")
CERT_URI_BASE = Option(
    "cert_uri_base",
    TEXT,
    "Where peers fetch the certificates of this authority with `engine.hash_and_url`: an http URL, to which the SHA-1 "
    "of the certificate (DER) is added in hexadecimal.",
    "",
)

AUTHORITY = Section(
    "authorities.<name>",
    "A certification authority that is trusted to vouch for peers.",
    (CACERT, AUTHORITY_FILE, CRL_URIS, OCSP_URIS, CERT_URI_BASE),
    (*(Fixed(name, "certificates on a token") for name in ("handle", "slot", "module")),),
)
