"""What can happen in IKE_SA_INIT: cookies, another key exchange group, both at once, and requests of strangers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from ikeengine.auth.credentials import CredentialStore
from ikeengine.crypto.rng import SeededRng
from ikeengine.endpoint import Endpoint
from ikeengine.model.commands import Initiate
from ikeengine.model.connection import EngineSettings
from ikeengine.model.path import Path
from ikeengine.outputs import AskPath, Transmit
from tests.engine.interop.lab import Lab, lab
from tests.engine.support.site import connection as engine_connection

STRANGER = {"left": "192.0.2.101", "right": "192.0.2.102"}
NO_LIMITS = {"cookie_threshold_ip": 0, "block_threshold": 0}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("init")
    limits = {"cookie_threshold": "1", "cookie_threshold_ip": "0", "block_threshold": "0"}
    with lab(directory, engine={"cookie_threshold": 1} | NO_LIMITS, charon=limits) as running:
        for gateway, number in ((running.left.gateway, "101"), (running.right.gateway, "102")):
            gateway.add_address("eth0", f"192.0.2.{number}/24")
        yield running


def half_open(site: Lab, responder: str) -> None:
    """Leave the responder with one half-open IKE SA, from a stranger that begins and then says nothing more."""
    sender, stranger = (site.left, STRANGER["left"]) if responder == "charon" else (site.right, STRANGER["right"])
    target = site.right.address if responder == "charon" else site.left.address
    request = init_request(target)
    with sender.gateway.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.bind((stranger, 0))
        sock.sendto(request, (target, 500))
        sock.recv(65535)


def init_request(target: str) -> bytes:
    """An IKE_SA_INIT request for IKE_PROPOSAL, made by a core in memory."""
    core = Endpoint(EngineSettings(), SeededRng(target), CredentialStore())
    core.load_connection(engine_connection("x", target, "a", "b", ("10.1.0.0/24", "10.2.0.0/24")), 0)
    core.command(Initiate(child="net"), 0)
    (ask,) = (output for output in core.take_outputs() if isinstance(output, AskPath))
    core.complete(ask.op, Path("192.0.2.1", 500, target, 500), 0)
    (transmit,) = (output for output in core.take_outputs() if isinstance(output, Transmit))
    return transmit.data


@contextlib.contextmanager
def cookies_wanted_by(site: Lab, responder: str) -> Iterator[None]:
    """The responder answers with a cookie during the block, and the test fails if it did not."""
    site.daemon(responder).load({"stranger": stranger_connection(site, responder)})
    half_open(site, responder)
    site.charon.mark_log()
    yield
    log = site.charon.log()
    assert "N(COOKIE)" in log, log


def stranger_connection(site: Lab, responder: str) -> dict[str, object]:
    """A connection for the stranger, so that it gets as far as a half-open IKE SA."""
    address = STRANGER["left"] if responder == "charon" else STRANGER["right"]
    return site.connection(responder) | {"remote_addrs": [address]}


def test_cookie(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk with charon.cookie_threshold=1: the initiator comes back with the cookie."""
    responder = "charon" if initiator == "engine" else "engine"
    site.connect()
    with cookies_wanted_by(site, responder):
        site.daemon(initiator).initiate("net")
    site.assert_traffic()


GUESSES = {"engine": "aes128gcm16-prfsha256-ecp384-x25519", "charon": "aes128gcm16-prfsha256-ecp256-x25519"}


def test_another_group(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk with a wrong first guess: INVALID_KE_PAYLOAD names the right one."""
    site.connect(**{initiator: {"proposals": [GUESSES[initiator]]}})
    site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_ike()
    assert mine["dh-group"] == "CURVE_25519"
    assert "N(INVAL_KE)" in site.charon.log()


def test_cookie_and_another_group(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk with both, a cookie and a wrong guess (RFC 7296 section 2.6.1)."""
    responder = "charon" if initiator == "engine" else "engine"
    site.connect(**{initiator: {"proposals": [GUESSES[initiator]]}})
    with cookies_wanted_by(site, responder):
        site.daemon(initiator).initiate("net")
    mine, _ = site.assert_same_ike()
    assert mine["dh-group"] == "CURVE_25519"
    assert "N(INVAL_KE)" in site.charon.log()


def test_another_group_for_the_child(site: Lab, initiator: str) -> None:
    """Mirrors strongSwan's unit suite child_rekey, ke_invalid: the wrong group first, then the right one."""
    esp = {"engine": "aes128gcm16-ecp384-x25519", "charon": "aes128gcm16-ecp256-x25519"}
    site.connect(**{initiator: {"children": {"net": {"esp_proposals": [esp[initiator]]}}}})
    site.daemon(initiator).initiate("net")
    site.rekey_child(initiator)
    assert site.engine.child()["dh-group"] == "CURVE_25519"
    assert "N(INVAL_KE)" in site.charon.log()


def test_another_group_for_the_ike_rekeying(site: Lab, initiator: str) -> None:
    """Mirrors the suite ike_rekey, ke_invalid, avoided: each side begins with the group that is in use."""
    site.connect(**{initiator: {"proposals": [GUESSES[initiator]]}})
    site.daemon(initiator).initiate("net")
    for name in ("engine", "charon"):
        site.charon.mark_log()
        site.rekey_ike(name)
        assert "N(INVAL_KE)" not in site.charon.log()
    assert site.engine.ike()["dh-group"] == "CURVE_25519"


def test_no_connection_for_a_stranger(site: Lab) -> None:
    """Mirrors ikev2/rw-whitelist, one layer below: a stranger gets NO_PROPOSAL_CHOSEN and leaves nothing behind."""
    site.engine.load({"other": site.connection("engine") | {"remote_addrs": ["192.0.2.77"]}})
    half_open(site, "engine")
    assert not site.engine.sas()
