"""Options of `engine`, for the daemon as a whole. Names and defaults are those of charon in strongswan.conf(5)."""

from __future__ import annotations

from ikeengine.config.address_kinds import ADDRESS, ENDPOINT
from ikeengine.config.command_kinds import COMMAND
from ikeengine.config.ike_kinds import SELECTORS, SERVICES
from ikeengine.config.kinds import (
    BOOLEAN,
    COUNT,
    DURATION,
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
from ikeengine.config.schema import Option, Section, Subsection
from ikeengine.model.connection import FETCH_SCHEMES

_DATAPATHS = Choice({word: word for word in ("auto", "xfrm", "userspace", "none")})
LEVEL = Integer(-1, 4, "log level")
_LEVEL: Kind[int | None] = LEVEL

LISTEN = Option("listen", ListOf(ADDRESS), "Addresses to listen on.", "", derived="all addresses, IPv4 and IPv6")
PORT_IKE = Option("port", PORT, "UDP port of IKE.", "500")
PORT_NAT_T = Option("port_nat_t", PORT, "UDP port of IKE and ESP behind a NAT.", "4500")
DATAPATH = Option(
    "datapath",
    _DATAPATHS,
    "Who encrypts the packets: the kernel (`xfrm`), ikeengine itself "
    "(`userspace`), nobody, or the kernel if it can ESP.",
    "auto",
)
KEYLOG = Option(
    "keylog",
    TEXT,
    "Directory for tables of the keys of all SAs from then on, with which Wireshark decrypts IKE and ESP. "
    "Whoever reads them reads the traffic.",
    "",
)
QCD_SECRET = Option(
    "qcd_secret",
    TEXT,
    "File that keeps the secret of quick crash detection over restarts; it is made if it is not there.",
    "",
    derived="`qcd.secret` in the run directory",
)
METRICS = Option("metrics", ENDPOINT, "Address and TCP port that serve metrics to Prometheus.", "")
RETRANSMIT_TIMEOUT = Option("retransmit_timeout", DURATION, "Time before the first retransmission.", "4s", unit="s")
RETRANSMIT_BASE = Option("retransmit_base", RETRANSMIT_BASES, "Factor by which each next waiting time grows.", "1.8")
RETRANSMIT_TRIES = Option("retransmit_tries", RETRANSMISSIONS, "Retransmissions before the peer counts as dead.", "5")
RETRANSMIT_JITTER = Option(
    "retransmit_jitter", JITTERS, "Largest random part to subtract from a waiting time.", "0", unit="%"
)
RETRANSMIT_LIMIT = Option("retransmit_limit", DURATION, "Longest waiting time; 0 for none.", "0s", unit="s")
HALF_OPEN_TIMEOUT = Option("half_open_timeout", DURATION, "Time that a peer has to authenticate.", "30s", unit="s")
COOKIE_THRESHOLD = Option(
    "cookie_threshold", COUNT, "Half-open IKE SAs from which on cookies are demanded; 0 never.", "30"
)
COOKIE_THRESHOLD_IP = Option("cookie_threshold_ip", COUNT, "The same for one address.", "3")
BLOCK_THRESHOLD = Option(
    "block_threshold", COUNT, "Half-open IKE SAs of one address from which on it is ignored; 0 never.", "5"
)
IKESA_LIMIT = Option("ikesa_limit", COUNT, "Most IKE SAs; 0 for no limit.", "0")
KEEP_ALIVE = Option("keep_alive", DURATION, "Time between NAT keepalives; 0 sends none.", "20s", unit="s")
ENABLE_CRL = Option("enable_crl", BOOLEAN, "Use CRLs to learn whether certificates are revoked.", "yes")
ENABLE_OCSP = Option("enable_ocsp", BOOLEAN, "Use OCSP to learn whether certificates are revoked.", "yes")
FETCH_TIMEOUT = Option("fetch_timeout", DURATION, "Longest time to fetch one CRL or OCSP response.", "10s", unit="s")
FETCH_SCHEME_LIST = Option(
    "fetch_schemes",
    ListOf(Choice({scheme: scheme for scheme in FETCH_SCHEMES})),
    "Kinds of URIs that are fetched. Files only where `crl_uris` names them, never for a certificate.",
    "http, https, file",
)
CACHE_CRLS = Option("cache_crls", BOOLEAN, "Write fetched CRLs to the directory `x509crl`, once verified.", "no")
RETRY_INITIATE_INTERVAL = Option(
    "retry_initiate_interval",
    DURATION,
    "Time before a failed initiation is tried again, as when a host name was not found; 0 never. Doubles each time.",
    "10s",
    unit="s",
)
RETRY_INITIATE_LIMIT = Option(
    "retry_initiate_limit", DURATION, "Longest time before a failed initiation is tried again.", "120s", unit="s"
)
MAKE_BEFORE_BREAK = Option(
    "make_before_break",
    BOOLEAN,
    "Whether the new IKE SA of a reauthentication is up before the old one is deleted.",
    "yes",
)
DELETE_REKEYED_DELAY = Option(
    "delete_rekeyed_delay",
    DURATION,
    "How long the old inbound Child SA stays after a rekeying or a reauthentication.",
    "5s",
    unit="s",
)
LEASE_LIMIT = Option(
    "lease_limit",
    COUNT,
    "Most virtual IP addresses of a pool that one identity may have at the same time; 0 for no limit.",
    "16",
)
LEASE_FILE = Option(
    "lease_file",
    TEXT,
    "File that remembers over a restart who had which virtual IP address.",
    "",
    derived="`leases.json` in the run directory",
)
INSTALL_VIRTUAL_IP = Option("install_virtual_ip", BOOLEAN, "Give this host the virtual IPs that peers assign.", "yes")
INSTALL_VIRTUAL_IP_ON = Option(
    "install_virtual_ip_on",
    TEXT,
    "Network interface that gets the virtual IPs.",
    "",
    derived="the interface with the local address of the IKE SA",
)
RESOLV_CONF = Option(
    "resolv_conf",
    TEXT,
    "File that the name servers of peers are written to, such as `/etc/resolv.conf`; empty writes none.",
    "",
)
RESOLVECTL = Option(
    "resolvectl", BOOLEAN, "Hand the name servers of peers, and the domains they are for, to systemd-resolved.", "no"
)
REUSE_IKESA = Option("reuse_ikesa", BOOLEAN, "Create Child SAs in an IKE SA that exists.", "yes")
MULTIPLE_AUTHENTICATION = Option(
    "multiple_authentication", BOOLEAN, "Offer and accept several authentication rounds (RFC 4739).", "yes"
)
SIGNATURE_AUTHENTICATION = Option(
    "signature_authentication",
    BOOLEAN,
    "Negotiate the hash of signatures (RFC 7427). Without it, RSA signs with SHA-1 and ECDSA with the hash of its "
    "curve, for peers that cannot do better.",
    "yes",
)

FRAGMENT_SIZE = Option(
    "fragment_size",
    Integer(0, 65535),
    "Largest IP datagram of an IKE message in fragments; 0 for 576 octets with IPv4 and 1280 with IPv6.",
    "1280",
)
RETURN_ROUTABILITY = Option(
    "return_routability",
    BOOLEAN,
    "Let a peer that moves (MOBIKE) prove that it receives at its new address, before traffic is sent there.",
    "yes",
)
INTERFACES_USE = Option(
    "interfaces_use",
    ListOf(TEXT),
    "The only interfaces whose addresses may be told to peers and moved to (MOBIKE). "
    "If it is set, `interfaces_ignore` has no effect.",
    "",
    derived="all interfaces",
)
INTERFACES_IGNORE = Option(
    "interfaces_ignore", ListOf(TEXT), "Interfaces whose addresses are neither told to peers nor moved to (MOBIKE).", ""
)
HASH_AND_URL = Option(
    "hash_and_url",
    BOOLEAN,
    "Send and take the hash and URL of certificates instead of themselves (RFC 7296 section 3.6). Lets everybody who "
    "can send IKE messages to us make us fetch an http URL.",
    "no",
)

AGGRESSIVE_PSK = Option(
    "i_dont_care_about_security_and_use_aggressive_mode_psk",
    BOOLEAN,
    "Answer IKEv1 Aggressive Mode with a pre-shared key: whoever sends one packet can guess the key offline.",
    "no",
)
CISCO_UNITY = Option(
    "cisco_unity",
    BOOLEAN,
    "Announce Cisco's Unity extensions (IKEv1), so that peers tell and take networks for split tunnels.",
    "no",
)
XAUTH_COMMAND = Option(
    "xauth_command",
    COMMAND,
    "Program that checks user name and password for `xauth-pam` and `xauth-radius`: gets them as two lines on its "
    "standard input, and accepts with exit code 0. An absolute path and arguments; run without a shell.",
    "",
)
XAUTH_TIMEOUT = Option(
    "xauth_timeout",
    DURATION,
    "Longest time for `xauth_command`, then it is killed and the user refused.",
    "10s",
    unit="s",
)

BYPASS_NETWORKS = Option(
    "bypass_networks",
    SELECTORS,
    "Remote networks, `net[proto/port]`, whose packets pass unprotected whatever the connections say: those that the "
    "gateway is managed from. IKE itself always passes.",
    "",
)
BYPASS_PORTS = Option(
    "bypass_ports",
    SERVICES,
    "Our own services, such as `tcp/22`, whose packets pass unprotected whatever the connections say.",
    "",
)

LOG_GROUPS = ("dmn", "mgr", "ike", "chd", "job", "cfg", "knl", "net", "asn", "enc", "esp", "tls", "app", "lib")
LOG_DEFAULT = Option("default", LEVEL, "Level of all groups that are not named.", "1")
LOG_JSON = Option("json", BOOLEAN, "Write JSON lines instead of text.", "no")
LOG_LEVELS = {
    group: Option(group, _LEVEL, f"Level of the group `{group}`.", derived="`default`") for group in LOG_GROUPS
}
LOG = Section(
    "engine.log",
    "Log levels, from -1 (silent) over 1 (operation) to 4 (everything but keys).",
    (LOG_DEFAULT, LOG_JSON, *LOG_LEVELS.values()),
)

ENGINE = Section(
    "engine",
    "The daemon as a whole. `listen`, `port`, `port_nat_t`, `datapath`, `metrics`, `qcd_secret`, `lease_file` and "
    "`install_virtual_ip*` take effect at the next start.",
    (
        LISTEN,
        PORT_IKE,
        PORT_NAT_T,
        DATAPATH,
        KEYLOG,
        QCD_SECRET,
        METRICS,
        BYPASS_NETWORKS,
        BYPASS_PORTS,
        RETRANSMIT_TIMEOUT,
        RETRANSMIT_BASE,
        RETRANSMIT_TRIES,
        RETRANSMIT_JITTER,
        RETRANSMIT_LIMIT,
        HALF_OPEN_TIMEOUT,
        COOKIE_THRESHOLD,
        COOKIE_THRESHOLD_IP,
        BLOCK_THRESHOLD,
        IKESA_LIMIT,
        KEEP_ALIVE,
        ENABLE_CRL,
        ENABLE_OCSP,
        FETCH_TIMEOUT,
        FETCH_SCHEME_LIST,
        CACHE_CRLS,
        RETRY_INITIATE_INTERVAL,
        RETRY_INITIATE_LIMIT,
        MAKE_BEFORE_BREAK,
        DELETE_REKEYED_DELAY,
        REUSE_IKESA,
        LEASE_LIMIT,
        LEASE_FILE,
        INSTALL_VIRTUAL_IP,
        INSTALL_VIRTUAL_IP_ON,
        RESOLV_CONF,
        RESOLVECTL,
        FRAGMENT_SIZE,
        MULTIPLE_AUTHENTICATION,
        SIGNATURE_AUTHENTICATION,
        HASH_AND_URL,
        AGGRESSIVE_PSK,
        CISCO_UNITY,
        XAUTH_COMMAND,
        XAUTH_TIMEOUT,
        RETURN_ROUTABILITY,
        INTERFACES_USE,
        INTERFACES_IGNORE,
    ),
    sections=(Subsection("log", LOG),),
)
