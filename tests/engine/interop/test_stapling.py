"""OCSP inside IKE (RFC 4806) between two engines: strongSwan 5.9.8 cannot do it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab, engines_lab
from tests.engine.interop.test_certificates import equip
from tests.lab.certs import OCSP_SIGNING, authority, ocsp_at
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.publisher import Publisher, Responder, publishing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two engines."""
    with engines_lab(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def server(site: Lab) -> Iterator[Publisher]:
    """The web server, on the left gateway."""
    with publishing(site.left.gateway, site.left.address) as running:
        yield running


@pytest.mark.scenario("ikev2/ocsp-rfc4806-both", role="both")
@pytest.mark.scenario("ikev2/ocsp-rfc4806-signer", role="both")
@pytest.mark.parametrize("revoked", ["", "left", "right"])
def test_status_inside_ike(site: Lab, server: Publisher, initiator: str, revoked: str) -> None:
    """Mirrors ikev2/ocsp-rfc4806-both and -signer: each gateway gets its own status, and the other one believes it."""
    server.reset()
    root = authority(f"Root {site.tests}")
    mine = root.leaf(LEFT_ID, extensions=[ocsp_at(server.uri("left"))])
    theirs = root.leaf(RIGHT_ID, extensions=[ocsp_at(server.uri("right"))])
    signer = root.leaf("ocsp.example.com", extensions=[OCSP_SIGNING])
    for path, issued in (("left", mine), ("right", theirs)):
        bad = [issued] if path == revoked else []
        server.responders[path] = Responder(root, [issued], revoked=bad, signer=signer)
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    strict = {"auth": "pubkey", "revocation": "strict"}
    site.connect(
        engine={"local": {"auth": "pubkey", "certs": [mine.pem]}, "remote": strict},
        charon={"local": {"auth": "pubkey", "certs": [theirs.pem]}, "remote": strict},
        ocsp="both",
    )
    if not revoked:
        site.daemon(initiator).initiate("net")
        site.assert_same_child()
        site.assert_traffic()
        assert sorted(server.asked) == ["left", "right"], "nobody asks about the other one"
        return
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: not site.engine.children() and not site.charon.children())
    judge = site.charon if revoked == "left" else site.engine
    assert judge.failures(site.name)[0]["alert"] == "cert-revoked"
