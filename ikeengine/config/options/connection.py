"""Options of `connections.<conn>` and of its authentication rounds."""

from __future__ import annotations

from ikeengine.config.address_kinds import ADDRESS, HOST_PATTERN
from ikeengine.config.certificate_kinds import OIDS, REMOTE_AUTH_KIND
from ikeengine.config.ike_kinds import AUTH, IDENTITY, IKE_PROPOSALS, PATTERN, VERSION
from ikeengine.config.kinds import (
    BOOLEAN,
    COUNT,
    DURATION,
    FILE,
    JITTERS,
    PORT,
    RETRANSMISSIONS,
    RETRANSMIT_BASES,
    TEXT,
    Choice,
    Integer,
    Kind,
    ListOf,
)
from ikeengine.config.mark_kinds import IF_ID
from ikeengine.config.options.child import CHILD
from ikeengine.config.options.interface import INTERFACE
from ikeengine.config.schema import Fixed, Form, Option, Section, Subsection
from ikeengine.model.connection import Childless, Fragmentation, Ocsp, Revocation, SendCert, Unique

_UNIQUE = Choice({word.value: word for word in Unique})
_FRAGMENTATION = Choice({word.value: word for word in Fragmentation})
_SEND_CERT = Choice({word.value: word for word in SendCert}, {"yes": "always", "no": "never"})
_REVOCATION = Choice({word.value: word for word in Revocation})
_OCSP = Choice({word.value: word for word in Ocsp}, {"no": "never"})
_CHILDLESS = Choice({word.value: word for word in Childless})
_TIME: Kind[float | None] = DURATION
_FACTOR: Kind[float | None] = RETRANSMIT_BASES
_TRIES: Kind[int | None] = RETRANSMISSIONS
_PERCENT: Kind[int | None] = JITTERS
_FILES = ListOf(FILE)

IKE_VERSION = Option(
    "version",
    VERSION,
    "IKE major version. IKEv1 is only for peers that know nothing better; 0 accepts both and initiates IKEv2.",
    "2",
)
AGGRESSIVE = Option(
    "aggressive",
    BOOLEAN,
    "Aggressive instead of Main Mode (IKEv1): shows the identities to everybody, and with a pre-shared key lets "
    "everybody guess it offline. To answer it with a pre-shared key takes a switch in `engine` as well.",
    "no",
)
PULL = Option(
    "pull",
    BOOLEAN,
    "With IKEv1, the client asks for virtual IP addresses (mode config pull); `no` lets the server begin (push).",
    "yes",
)
LOCAL_ADDRS = Option(
    "local_addrs",
    ListOf(HOST_PATTERN),
    "Our addresses: the first single one is used to initiate, all are accepted.",
    "%any",
)
REMOTE_ADDRS = Option(
    "remote_addrs",
    ListOf(HOST_PATTERN),
    "The peer's addresses: the single ones are tried in turn to initiate, all are accepted.",
    "%any",
)
LOCAL_PORT = Option("local_port", PORT, "Our UDP port for IKE.", "500")
REMOTE_PORT = Option("remote_port", PORT, "The peer's UDP port for IKE.", "500")
PROPOSALS = Option("proposals", IKE_PROPOSALS, "IKE proposals to offer and accept, best first.", "default")
ENCAP = Option("encap", BOOLEAN, "Force UDP encapsulation of ESP, as if there were a NAT.", "no")
FRAGMENTATION = Option(
    "fragmentation",
    _FRAGMENTATION,
    "Send large IKE messages in fragments (RFC 7383): if the peer announces support, never but announce it, "
    "even without the peer's announcement, or never. "
    "IKEv1 has fragments of its own. Fragments of the peer are always accepted.",
    "yes",
)
MOBIKE = Option(
    "mobike", BOOLEAN, "Let the tunnels survive changes of addresses (RFC 4555), if the peer can do that, too.", "yes"
)
DPD_DELAY = Option(
    "dpd_delay",
    _TIME,
    "Ask the peer whether it is alive when nothing came from it for this long; 0 never.",
    derived="0s, or 30s if a child has `keep_up`",
    unit="s",
)
DPD_TIMEOUT = Option(
    "dpd_timeout",
    DURATION,
    "How long nothing may come from the peer before an unanswered `dpd_delay` question makes it count as dead; "
    "0 leaves that to the retransmissions. With IKEv1 the questions are R-U-THERE (RFC 3706).",
    "0s",
    unit="s",
)
QCD = Option(
    "qcd",
    BOOLEAN,
    "Quick crash detection (RFC 6290): give the peer a token that proves, after a restart, that the IKE SA was lost.",
    "yes",
)
KEYINGTRIES = Option(
    "keyingtries",
    COUNT,
    "How often to try to connect before giving up, with a growing pause in between; 0 without end.",
    "1",
)
RETRANSMIT_TIMEOUT = Option(
    "retransmit_timeout",
    _TIME,
    "Time before the first retransmission to this peer.",
    derived="`engine.retransmit_timeout`",
    unit="s",
)
RETRANSMIT_BASE = Option(
    "retransmit_base",
    _FACTOR,
    "Factor by which each next waiting time grows.",
    derived="`engine.retransmit_base`",
)
RETRANSMIT_TRIES = Option(
    "retransmit_tries",
    _TRIES,
    "Retransmissions before this peer counts as dead.",
    derived="`engine.retransmit_tries`",
)
RETRANSMIT_JITTER = Option(
    "retransmit_jitter",
    _PERCENT,
    "Largest random part to subtract from a waiting time.",
    derived="`engine.retransmit_jitter`",
    unit="%",
)
RETRANSMIT_LIMIT = Option(
    "retransmit_limit",
    _TIME,
    "Longest waiting time; 0 for none.",
    derived="`engine.retransmit_limit`",
    unit="s",
)
UNIQUE = Option(
    "unique",
    _UNIQUE,
    "What to do with a second IKE SA of the same peer: never care, heed INITIAL_CONTACT, "
    "keep the old one, or replace it.",
    "no",
)
REAUTH_TIME = Option("reauth_time", DURATION, "When to authenticate again with a new IKE SA; 0 never.", "0s", unit="s")
REKEY_TIME = Option(
    "rekey_time",
    _TIME,
    "When to rekey the IKE SA, minus a random part of `rand_time`; 0 never.",
    derived="4h, or 0 if `reauth_time` is set",
    unit="s",
)
OVER_TIME = Option(
    "over_time",
    _TIME,
    "How long after `rekey_time` or `reauth_time` the IKE SA ends if that failed.",
    derived="10 % of the longer of rekey_time and reauth_time",
    unit="s",
)
RAND_TIME = Option(
    "rand_time",
    _TIME,
    "Largest random time to subtract from `rekey_time` and `reauth_time`.",
    derived="over_time, at most half of rekey_time",
    unit="s",
)
VIPS = Option(
    "vips",
    ListOf(ADDRESS),
    "Virtual IP addresses to ask the peer for; `0.0.0.0` and `::` ask for any of their family.",
    "",
)
POOLS = Option(
    "pools",
    ListOf(TEXT),
    "Pools (see `pools.<name>`) that virtual IP addresses for the peer come from; when one is full, the next.",
    "",
)
IF_ID_IN = Option(
    "if_id_in",
    IF_ID,
    "ID of the XFRM interface that packets come out of, for all children without one of their own; "
    "`%unique` is one for each IKE SA.",
    "0",
)
IF_ID_OUT = Option("if_id_out", IF_ID, "ID of the XFRM interface that packets go into, likewise.", "0")
CHILDLESS = Option(
    "childless",
    _CHILDLESS,
    "IKE SAs that begin without a Child SA (RFC 6023): allow them to the peer, prefer or force them, or never have "
    "them.",
    "allow",
)
SEND_CERT = Option("send_cert", _SEND_CERT, "When to send our certificate.", "ifasked")
SEND_CERTREQ = Option("send_certreq", BOOLEAN, "Send the hashes of our authorities to the peer.", "yes")

OCSP = Option(
    "ocsp",
    _OCSP,
    "OCSP responses inside IKE_AUTH (RFC 4806): send the one about our certificate if the peer asks (`reply`), ask the "
    "peer for its own (`request`), or both.",
    "reply",
)

CERTIFICATE_FILE: Option[str | None] = Option("file", FILE, "File of the certificate, like an item of the list.")
_TOKEN = tuple(Fixed(name, "certificates on a token") for name in ("handle", "slot", "module"))
_CERT = Section("connections.<conn>.local<suffix>.cert<suffix>", "One more certificate.", (CERTIFICATE_FILE,), _TOKEN)
_REMOTE_CERT = Section(
    "connections.<conn>.remote<suffix>.cert<suffix>", "One more certificate of the peer.", (CERTIFICATE_FILE,), _TOKEN
)
_CACERT = Section(
    "connections.<conn>.remote<suffix>.cacert<suffix>", "One more authority's certificate.", (CERTIFICATE_FILE,), _TOKEN
)

ROUND = Option(
    "round",
    COUNT,
    "Place of this section among several ones, which are rounds of one authentication (RFC 4739); "
    "sections with the same number keep their order.",
    "0",
)
LOCAL_AUTH = Option(
    "auth",
    AUTH,
    "How we authenticate: `psk`, `pubkey`, or `ike:` with signature schemes, such as `ike:rsa/pss-sha256`. `xauth` is "
    "user name and password, for IKEv1: after another round, or alone if the peer has a certificate (hybrid).",
    "pubkey",
)
XAUTH_ID = Option("xauth_id", IDENTITY, "Our user name for `auth: xauth`.", derived="`id`")
LOCAL_ID = Option(
    "id",
    IDENTITY,
    "Our identity: an address, a name, an e-mail address or a distinguished name.",
    derived="the subject of the certificate, or our address",
)
LOCAL_CERTS = Option(
    "certs",
    _FILES,
    "Our certificates: files in the directory `x509`, or with absolute paths. More "
    "certificates in a file are sent as intermediate ones.",
    "",
)
LOCAL_PUBKEYS = Option(
    "pubkeys",
    _FILES,
    "Our raw public keys instead of certificates (RFC 7670): files in the directory `pubkey`, or with absolute paths. "
    "The first one whose private key is loaded is used.",
    "",
)
REMOTE_AUTH = Option(
    "auth",
    REMOTE_AUTH_KIND,
    "How the peer must authenticate; written like `local.auth`. Kinds of keys with a least number of bits and hashes, "
    "such as `rsa-3072-sha256-ecdsa-256-sha256`, are demands on every certificate of its chain, and on its signature "
    "unless `-ike:` with signature schemes follows. With `xauth` the passwords are in `secrets`; with `xauth-pam` and "
    "`xauth-radius` the program `engine.xauth_command` is asked.",
    "pubkey",
)
REMOTE_ID = Option("id", PATTERN, "The identity that the peer must prove; `*` is a wildcard, `%any` takes all.", "%any")
REMOTE_CERTS = Option("certs", _FILES, "Certificates that the peer may use; files as in `local.certs`.", "")
REMOTE_CACERTS = Option(
    "cacerts",
    _FILES,
    "Authorities that may vouch for the peer: files in the directory `x509ca`, or with absolute paths.",
    "",
    derived="all of `authorities`",
)
REMOTE_PUBKEYS = Option(
    "pubkeys", _FILES, "Raw public keys that the peer may use, trusted as they are; files as in `local.pubkeys`.", ""
)

CERT_POLICY = Option(
    "cert_policy", OIDS, "Certificate policies for which the peer's chain must be valid (RFC 5280 section 6.1).", ""
)
REVOCATION = Option(
    "revocation",
    _REVOCATION,
    "What to do when OCSP and CRLs cannot tell whether a certificate of the peer's chain is revoked: refuse it, refuse "
    "it if there is a URI to ask, or accept it.",
    "relaxed",
)

_LOCAL = Section(
    "connections.<conn>.local<suffix>",
    "How we prove our identity.",
    (ROUND, LOCAL_AUTH, LOCAL_ID, LOCAL_CERTS, LOCAL_PUBKEYS, XAUTH_ID),
    (
        Fixed("eap_id", "EAP"),
        Fixed("aaa_id", "EAP"),
    ),
    (Subsection("cert", _CERT, Form.SUFFIXED),),
)
_REMOTE = Section(
    "connections.<conn>.remote<suffix>",
    "What the peer must prove.",
    (ROUND, REMOTE_AUTH, REMOTE_ID, REMOTE_CERTS, REMOTE_CACERTS, REMOTE_PUBKEYS, CERT_POLICY, REVOCATION),
    (
        Fixed("eap_id", "EAP"),
        Fixed("groups", "group memberships"),
        Fixed("ca_id", "constraints on the authority's identity"),
    ),
    (Subsection("cert", _REMOTE_CERT, Form.SUFFIXED), Subsection("cacert", _CACERT, Form.SUFFIXED)),
)

_NOT_YET = (
    Fixed("dscp", "DSCP of IKE packets", "000000", Integer()),
    Fixed("ppk_id", "postquantum pre-shared keys, RFC 8784"),
    Fixed("ppk_required", "postquantum pre-shared keys, RFC 8784", "no", BOOLEAN),
    Fixed("mediation", "mediation", "no", BOOLEAN),
    Fixed("mediated_by", "mediation"),
    Fixed("mediation_peer", "mediation"),
)

CONNECTION = Section(
    "connections.<conn>",
    "One connection to a peer (or a group of alike peers), named `<conn>`.",
    (
        IKE_VERSION,
        LOCAL_ADDRS,
        REMOTE_ADDRS,
        LOCAL_PORT,
        REMOTE_PORT,
        PROPOSALS,
        AGGRESSIVE,
        PULL,
        REKEY_TIME,
        OVER_TIME,
        RAND_TIME,
        REAUTH_TIME,
        DPD_DELAY,
        DPD_TIMEOUT,
        QCD,
        KEYINGTRIES,
        RETRANSMIT_TIMEOUT,
        RETRANSMIT_BASE,
        RETRANSMIT_TRIES,
        RETRANSMIT_JITTER,
        RETRANSMIT_LIMIT,
        UNIQUE,
        VIPS,
        POOLS,
        IF_ID_IN,
        IF_ID_OUT,
        ENCAP,
        FRAGMENTATION,
        CHILDLESS,
        MOBIKE,
        SEND_CERT,
        SEND_CERTREQ,
        OCSP,
    ),
    _NOT_YET,
    (
        Subsection("local", _LOCAL, Form.SUFFIXED),
        Subsection("remote", _REMOTE, Form.SUFFIXED),
        Subsection("interface", INTERFACE),
        Subsection("children", CHILD, Form.NAMED),
    ),
)
