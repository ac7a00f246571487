"""Revocation against strongSwan: both sides ask a web server on the engine's gateway for CRLs and OCSP responses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab, lab
from tests.engine.interop.test_certificates import equip
from tests.lab.certs import OCSP_SIGNING, Authority, Issued, authority, crl_at, ocsp_at
from tests.lab.control import Refused, in_parallel
from tests.lab.netns import wait_until
from tests.lab.publisher import Publisher, Responder, publishing

HOLE_TIMEOUT = "5s"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine and charon, with little patience for servers that do not answer."""
    directory = tmp_path_factory.mktemp("site")
    charon = {"plugins": {"revocation": {"timeout": HOLE_TIMEOUT}}}
    with lab(directory, engine={"fetch_timeout": HOLE_TIMEOUT, "cache_crls": True}, charon=charon) as running:
        yield running


@pytest.fixture(scope="module")
def server(site: Lab) -> Iterator[Publisher]:
    """The web server, on the engine's gateway."""
    with publishing(site.left.gateway, site.left.address) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_server(server: Publisher, site: Lab) -> None:
    server.reset()
    for daemon in (site.engine, site.charon):
        daemon.request("flush_certs")


class Case:
    """A root with gateways' certificates that point to the web server."""

    def __init__(self, site: Lab, server: Publisher, *, crl: bool = False, ocsp: bool = False) -> None:
        self.site, self.server = site, server
        name = f"Root {site.tests}"
        self.root = authority(name)
        self.published = b""
        pointers = [crl_at(server.uri("root.crl"))] if crl else []
        pointers += [ocsp_at(server.uri("ocsp"))] if ocsp else []
        self.mine = self.root.leaf(LEFT_ID, extensions=pointers)
        self.theirs = self.root.leaf(RIGHT_ID, extensions=pointers)

    def publish(self, *revoked: Issued) -> None:
        """Publish the CRL."""
        self.published = self.server.documents["root.crl"] = self.root.crl(*revoked)

    def answer(self, **how: Any) -> Responder:
        """Run the OCSP responder."""
        responder = Responder(self.root, [self.mine, self.theirs], **how)
        self.server.responders["ocsp"] = responder
        return responder

    def connect(self, revocation: str = "relaxed", charon: str = "relaxed", **both: Any) -> None:
        """Load everything on both sides."""
        equip(self.site.engine, self.mine, self.root)
        equip(self.site.charon, self.theirs, self.root)
        self.site.connect(
            engine={
                "local": {"auth": "pubkey", "certs": [self.mine.pem]},
                "remote": {"auth": "pubkey", "revocation": revocation},
            },
            charon={
                "local": {"auth": "pubkey", "certs": [self.theirs.pem]},
                "remote": {"auth": "pubkey", "revocation": charon},
            },
            **both,
        )

    def refused(self, initiator: str) -> dict[str, Any]:
        """Nothing comes up; why, in the engine's words."""
        with pytest.raises(Refused):
            self.site.daemon(initiator).initiate("net")
        # what charon finds out as the initiator reaches the engine a moment later
        wait_until(lambda: self.site.engine.failures(self.site.name) and not self.site.engine.children())
        record = self.site.engine.failures(self.site.name)[0]
        assert record["advice"]
        return record


MakeCase = Callable[..., Case]


@pytest.fixture
def case(site: Lab, server: Publisher) -> MakeCase:
    """Makes the certificates of a test."""
    return lambda **how: Case(site, server, **how)


@pytest.mark.scenario("ikev2/crl-revoked")
def test_crl_revokes_the_peer(case: MakeCase, initiator: str) -> None:
    """Mirrors ikev2/crl-revoked: charon's certificate is on the CRL that the engine fetches."""
    it = case(crl=True)
    it.publish(it.theirs)
    it.connect()
    record = it.refused(initiator)
    assert (record["alert"], record["side"]) == ("cert-revoked", "local")
    serial = f"serial {it.theirs.certificate.serial_number:x}"
    assert serial in record["reason"]
    assert "keyCompromise" in record["reason"]


@pytest.mark.scenario("ikev2/crl-revoked")
def test_crl_revokes_the_engine(case: MakeCase, initiator: str) -> None:
    """Mirrors ikev2/crl-revoked: the engine's certificate is on the CRL that charon fetches."""
    it = case(crl=True)
    it.publish(it.mine)
    it.connect()
    assert it.refused(initiator)["alert"] == "local-auth-failed"
    assert "certificate was revoked" in it.site.charon.log()


@pytest.mark.scenario("ikev2-multi-ca/crls")
def test_crls_of_several_authorities(site: Lab, server: Publisher, initiator: str) -> None:
    """Mirrors ikev2-multi-ca/crls: strict checks along chains with an intermediate each, with packets."""
    root = authority(f"Multi {site.tests}")
    at_root = [crl_at(server.uri("root.crl"))]
    sales = root.intermediate("Sales CA", extensions=at_root)
    research = root.intermediate("Research CA", "rsa2048", extensions=at_root)
    mine = sales.leaf(LEFT_ID, extensions=[crl_at(server.uri("sales.crl"))])
    theirs = research.leaf(RIGHT_ID, extensions=[crl_at(server.uri("research.crl"))])
    server.documents |= {"root.crl": root.crl(), "sales.crl": sales.crl(), "research.crl": research.crl()}
    equip(site.engine, mine, root, intermediates=(sales,))
    equip(site.charon, theirs, root, intermediates=(research,))
    strict = {"auth": "pubkey", "revocation": "strict"}
    site.connect(
        engine={"local": {"auth": "pubkey", "certs": [mine.pem]}, "remote": strict},
        charon={"local": {"auth": "pubkey", "certs": [theirs.pem]}, "remote": strict},
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    with site.engine.session() as session:
        listed = list(session.list_certs({"type": "X509_CRL"}))
    assert len(listed) == 2


@pytest.mark.scenario("ikev2-multi-ca/revoked")
def test_revoked_intermediate(site: Lab, server: Publisher, initiator: str) -> None:
    """Mirrors ikev2-multi-ca/revoked: the authority between charon and the root is revoked."""
    root = authority(f"Multi {site.tests}")
    research = root.intermediate("Research CA", extensions=[crl_at(server.uri("root.crl"))])
    mine, theirs = root.leaf(LEFT_ID), research.leaf(RIGHT_ID, extensions=[crl_at(server.uri("research.crl"))])
    server.documents |= {"root.crl": root.crl(research), "research.crl": research.crl()}
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root, intermediates=(research,))
    site.connect(
        engine={"local": {"auth": "pubkey", "certs": [mine.pem]}, "remote": {"auth": "pubkey"}},
        charon={"local": {"auth": "pubkey", "certs": [theirs.pem]}, "remote": {"auth": "pubkey"}},
    )
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    assert record["alert"] == "cert-revoked"
    assert "Research CA" in record["reason"]
    assert "research.crl" not in server.asked


IKEV1 = {"version": "1", "proposals": ["aes128-sha256-x25519"]}


@pytest.mark.parametrize("aggressive", ["no", "yes"])
def test_ikev1_waits_for_the_crl(case: MakeCase, initiator: str, site: Lab, server: Publisher, aggressive: str) -> None:
    """Mirrors ikev2/crl-revoked with IKEv1: phase 1 waits while both sides fetch the CRL, and then all is well."""
    it = case(crl=True)
    it.publish()
    it.connect("strict", "strict", aggressive=aggressive, **IKEV1)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    assert server.asked.count("root.crl") >= 2


@pytest.mark.parametrize("aggressive", ["no", "yes"])
def test_crl_revokes_the_peer_with_ikev1(case: MakeCase, initiator: str, aggressive: str) -> None:
    """Mirrors ikev2/crl-revoked with IKEv1: charon's certificate is on the CRL that the engine fetches."""
    it = case(crl=True)
    it.publish(it.theirs)
    it.connect(aggressive=aggressive, **IKEV1)
    record = it.refused(initiator)
    assert (record["alert"], record["side"]) == ("cert-revoked", "local")


@pytest.mark.scenario("ikev2/crl-to-cache")
def test_fetched_crls_are_written(case: MakeCase, initiator: str, site: Lab) -> None:
    """Mirrors ikev2/crl-to-cache: what was fetched and verified is in x509crl."""
    it = case(crl=True)
    it.publish()
    it.connect("strict")
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    written = site.engine.configuration.parent / "x509crl"
    wait_until(lambda: it.published in {file.read_bytes() for file in written.glob("*.crl")})


@pytest.mark.scenario("ikev2/crl-from-cache")
def test_loaded_crl(case: MakeCase, initiator: str, site: Lab, server: Publisher) -> None:
    """Mirrors ikev2/crl-from-cache: a CRL that is loaded needs no server."""
    it = case()
    it.connect("strict", "strict")
    for daemon in (site.engine, site.charon):
        daemon.request("load_cert", {"type": "X509_CRL", "flag": "NONE", "data": it.root.crl()})
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    assert not server.asked


@pytest.mark.scenario("ikev2/ocsp-root-cert")
def test_ocsp_of_the_authority_itself(case: MakeCase, initiator: str, site: Lab) -> None:
    """Mirrors ikev2/ocsp-root-cert: the root signs the responses itself."""
    it = case(ocsp=True)
    it.answer()
    it.connect("strict", "strict")
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()
    with site.engine.session() as session:
        assert [answer["type"] for answer in session.list_certs({"type": "OCSP_RESPONSE"})] == [b"OCSP_RESPONSE"]


@pytest.mark.scenario("ikev2/ocsp-signer-cert")
def test_ocsp_of_a_delegate(case: MakeCase, initiator: str, site: Lab) -> None:
    """Mirrors ikev2/ocsp-signer-cert: the root has certified somebody to sign the responses."""
    it = case(ocsp=True)
    it.answer(signer=it.root.leaf("ocsp.example.com", extensions=[OCSP_SIGNING]))
    it.connect("strict", "strict")
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/ocsp-local-cert")
def test_ocsp_of_a_local_responder(case: MakeCase, initiator: str, site: Lab) -> None:
    """Mirrors ikev2/ocsp-local-cert: the configuration trusts the responder, which does not send its certificate."""
    it = case(ocsp=True)
    signer = Authority(**vars(authority("Local OCSP"))).leaf("ocsp.example.com", extensions=[OCSP_SIGNING])
    it.answer(signer=signer, sends_signer=False)
    it.connect("strict")
    site.engine.request("load_cert", {"type": "X509", "flag": "OCSP", "data": signer.pem})
    site.daemon(initiator).initiate("net")
    site.assert_same_child()


@pytest.mark.scenario("ikev2/ocsp-revoked")
def test_ocsp_revokes_the_peer(case: MakeCase, initiator: str) -> None:
    """Mirrors ikev2/ocsp-revoked."""
    it = case(ocsp=True)
    it.answer(revoked=[it.theirs])
    it.connect()
    record = it.refused(initiator)
    assert record["alert"] == "cert-revoked"
    assert "OCSP" in record["reason"]


@pytest.mark.scenario("ikev2/ocsp-revoked")
def test_ocsp_revokes_the_engine(case: MakeCase, initiator: str) -> None:
    """Mirrors ikev2/ocsp-revoked: charon learns it about the engine."""
    it = case(ocsp=True)
    it.answer(revoked=[it.mine])
    it.connect()
    assert it.refused(initiator)["alert"] == "local-auth-failed"
    assert "certificate was revoked" in it.site.charon.log()


@pytest.mark.scenario("ikev2/ocsp-untrusted-cert")
def test_ocsp_of_a_stranger(case: MakeCase, initiator: str) -> None:
    """Mirrors ikev2/ocsp-untrusted-cert: the response is signed by somebody whom nobody has certified."""
    it = case(ocsp=True)
    it.answer(signer=authority("Stranger").leaf("ocsp.example.com", extensions=[OCSP_SIGNING]))
    it.connect("strict")
    record = it.refused(initiator)
    assert record["alert"] == "cert-validation-failed"
    assert "is not certified by" in record["reason"]


@pytest.mark.scenario("ikev2/ocsp-no-signer-cert")
def test_ocsp_without_the_signer(case: MakeCase, initiator: str) -> None:
    """Mirrors ikev2/ocsp-no-signer-cert: the delegate's certificate is not in the response."""
    it = case(ocsp=True)
    it.answer(signer=it.root.leaf("ocsp.example.com", extensions=[OCSP_SIGNING]), sends_signer=False)
    it.connect("strict")
    assert "not trusted" in it.refused(initiator)["reason"]


@pytest.mark.scenario("ikev2/ocsp-timeouts-good")
def test_ocsp_times_out_and_the_crl_helps(case: MakeCase, initiator: str, server: Publisher, site: Lab) -> None:
    """Mirrors ikev2/ocsp-timeouts-good: the responder does not answer, but something else does."""
    it = case(crl=True, ocsp=True)
    server.holes.add("ocsp")
    it.publish()
    it.connect("strict")
    site.daemon(initiator).initiate("net")
    site.assert_same_child()


@pytest.mark.scenario("ikev2/ocsp-timeouts-unknown")
def test_ocsp_times_out(case: MakeCase, initiator: str, server: Publisher) -> None:
    """Mirrors ikev2/ocsp-timeouts-unknown: nobody answers, and `strict` wants to know."""
    it = case(ocsp=True)
    server.holes.add("ocsp")
    it.connect("strict")
    record = it.refused(initiator)
    assert f"{server.uri('ocsp')}: no answer within" in record["reason"]
    assert "its status is unknown" in record["reason"]


@pytest.mark.scenario("ikev2-multi-ca/ocsp-strict-ifuri")
@pytest.mark.parametrize("has_uri", [True, False])
def test_if_there_is_a_uri(case: MakeCase, initiator: str, site: Lab, has_uri: bool) -> None:
    """Mirrors ikev2-multi-ca/ocsp-strict-ifuri: no URI is fine, a URI without an answer is not."""
    it = case(ocsp=has_uri)
    it.connect("ifuri")
    if has_uri:
        assert "HTTP status 404" in it.refused(initiator)["reason"]
    else:
        site.daemon(initiator).initiate("net")
        site.assert_same_child()


@pytest.mark.scenario("ikev2-multi-ca/ocsp-signers")
def test_each_authority_has_its_responder(site: Lab, server: Publisher, initiator: str) -> None:
    """Mirrors ikev2-multi-ca/ocsp-signers: the root and the intermediate authority certify a responder each."""
    root = authority(f"Multi {site.tests}")
    research = root.intermediate("Research CA", extensions=[ocsp_at(server.uri("root"))])
    mine = root.leaf(LEFT_ID, extensions=[ocsp_at(server.uri("root"))])
    theirs = research.leaf(RIGHT_ID, extensions=[ocsp_at(server.uri("research"))])
    for path, issuer, known in (("root", root, [research, mine]), ("research", research, [theirs])):
        signer = issuer.leaf(f"{path}.example.com", extensions=[OCSP_SIGNING])
        server.responders[path] = Responder(issuer, known, signer=signer)
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root, intermediates=(research,))
    strict = {"auth": "pubkey", "revocation": "strict"}
    site.connect(
        engine={"local": {"auth": "pubkey", "certs": [mine.pem]}, "remote": strict},
        charon={"local": {"auth": "pubkey", "certs": [theirs.pem]}, "remote": strict},
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/ocsp-disabled")
def test_ocsp_is_switched_off(case: MakeCase, initiator: str, server: Publisher, site: Lab) -> None:
    """Mirrors ikev2/ocsp-disabled: the responder is not asked, the CRL decides."""
    it = case(crl=True, ocsp=True)
    it.answer(revoked=[it.theirs])
    it.publish()
    with reconfigured(site, {"enable_ocsp": False}):
        it.connect("strict", "relaxed")
        site.charon.configure({"plugins": {"revocation": {"enable_ocsp": "no"}}})
        try:
            site.daemon(initiator).initiate("net")
            site.assert_same_child()
        finally:
            site.charon.configure({})
    assert set(server.asked) == {"root.crl"}


@contextlib.contextmanager
def reconfigured(site: Lab, settings: dict[str, Any]) -> Iterator[None]:
    """Other settings of the engine for a while."""
    before = dict(site.engine._settings)
    try:
        site.engine._settings.update(settings)
        site.engine.configure({})
        site.engine.cli("apply", "--config", str(site.engine.configuration))
        yield
    finally:
        site.engine._settings = before
        site.engine.configure({})
        site.engine.cli("apply", "--config", str(site.engine.configuration))


def test_black_hole_does_not_stop_other_peers(case: MakeCase, site: Lab, server: Publisher) -> None:
    """D11: while one IKE_AUTH waits for a server that never answers, packets and commands go on."""
    it = case(ocsp=True)
    server.holes.add("ocsp")
    it.connect()
    wait = in_parallel(lambda: site.engine.initiate("net"))
    wait_until(lambda: server.asked)
    assert site.engine.request("version")["daemon"]
    wait()
    site.assert_same_child()
