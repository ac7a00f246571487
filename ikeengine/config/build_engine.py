"""Makes an EngineConfig out of the values of the `engine` section."""

from __future__ import annotations

from ikeengine.config.configuration import EngineConfig
from ikeengine.config.options import engine as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Values
from ikeengine.model.connection import EngineSettings
from ikeengine.wire.caps import MAX_FRAGMENTS

LEAST_FRAGMENT_SIZE = 400
"""Octets of an IP datagram, of which 255 take the longest of messages."""


def build_engine(values: Values, problems: Problems) -> EngineConfig:
    """The daemon-wide settings."""
    if values[options.PORT_IKE] == values[options.PORT_NAT_T]:
        problems.add(
            values.mark_of(options.PORT_NAT_T), values.key(options.PORT_NAT_T), "port and port_nat_t must differ"
        )
    if 0 < values[options.FRAGMENT_SIZE] < LEAST_FRAGMENT_SIZE:
        problems.add(
            values.mark_of(options.FRAGMENT_SIZE),
            values.key(options.FRAGMENT_SIZE),
            f"must be 0 or at least {LEAST_FRAGMENT_SIZE}: a message has {MAX_FRAGMENTS} fragments at most",
        )
    return EngineConfig(
        listen=values[options.LISTEN],
        datapath=values[options.DATAPATH],
        keylog=values[options.KEYLOG],
        qcd_secret=values[options.QCD_SECRET],
        metrics=values[options.METRICS],
        lease_file=values[options.LEASE_FILE],
        install_virtual_ip=values[options.INSTALL_VIRTUAL_IP],
        install_virtual_ip_on=values[options.INSTALL_VIRTUAL_IP_ON],
        resolv_conf=values[options.RESOLV_CONF],
        resolvectl=values[options.RESOLVECTL],
        bypass_networks=values[options.BYPASS_NETWORKS],
        bypass_ports=values[options.BYPASS_PORTS],
        log=_levels(values.one("log")),
        log_json=values.one("log")[options.LOG_JSON],
        xauth_command=values[options.XAUTH_COMMAND],
        xauth_timeout=values[options.XAUTH_TIMEOUT],
        interfaces_use=values[options.INTERFACES_USE],
        interfaces_ignore=values[options.INTERFACES_IGNORE],
        settings=_settings(values),
    )


def _levels(values: Values) -> dict[str, int]:
    levels = {group: values[option] for group, option in options.LOG_LEVELS.items()}
    named = {group: level for group, level in levels.items() if level is not None}
    return {"default": values[options.LOG_DEFAULT], **named}


def _settings(values: Values) -> EngineSettings:
    return EngineSettings(
        port=values[options.PORT_IKE],
        port_nat_t=values[options.PORT_NAT_T],
        retransmit_timeout=values[options.RETRANSMIT_TIMEOUT],
        retransmit_base=values[options.RETRANSMIT_BASE],
        retransmit_tries=values[options.RETRANSMIT_TRIES],
        retransmit_jitter=float(values[options.RETRANSMIT_JITTER]),
        retransmit_limit=values[options.RETRANSMIT_LIMIT],
        half_open_timeout=values[options.HALF_OPEN_TIMEOUT],
        cookie_threshold=values[options.COOKIE_THRESHOLD],
        cookie_threshold_ip=values[options.COOKIE_THRESHOLD_IP],
        block_threshold=values[options.BLOCK_THRESHOLD],
        ikesa_limit=values[options.IKESA_LIMIT],
        keep_alive=values[options.KEEP_ALIVE],
        retry_initiate_interval=values[options.RETRY_INITIATE_INTERVAL],
        retry_initiate_limit=values[options.RETRY_INITIATE_LIMIT],
        make_before_break=values[options.MAKE_BEFORE_BREAK],
        delete_rekeyed_delay=values[options.DELETE_REKEYED_DELAY],
        reuse_ikesa=values[options.REUSE_IKESA],
        lease_limit=values[options.LEASE_LIMIT],
        fragment_size=values[options.FRAGMENT_SIZE],
        multiple_authentication=values[options.MULTIPLE_AUTHENTICATION],
        signature_authentication=values[options.SIGNATURE_AUTHENTICATION],
        hash_and_url=values[options.HASH_AND_URL],
        i_dont_care_about_security_and_use_aggressive_mode_psk=values[options.AGGRESSIVE_PSK],
        cisco_unity=values[options.CISCO_UNITY],
        enable_crl=values[options.ENABLE_CRL],
        enable_ocsp=values[options.ENABLE_OCSP],
        fetch_timeout=values[options.FETCH_TIMEOUT],
        fetch_schemes=values[options.FETCH_SCHEME_LIST],
        cache_crls=values[options.CACHE_CRLS],
        return_routability=values[options.RETURN_ROUTABILITY],
        keylog=bool(values[options.KEYLOG]),
    )
