"""Certificates by hash and URL (RFC 7296 section 3.6): both daemons fetch them from a web server on a gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.engine.interop.lab import Lab, lab
from tests.engine.interop.test_certificates import connect, leafs
from tests.lab.certs import Issued, authority
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.publisher import Publisher, publishing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine and charon, both with hash and URL."""
    directory = tmp_path_factory.mktemp("site")
    settings = {"hash_and_url": "yes"}
    with lab(directory, engine=settings | {"fetch_timeout": "5s"}, charon=settings) as running:
        yield running


@pytest.fixture(scope="module")
def server(site: Lab) -> Iterator[Publisher]:
    """The web server, on the engine's gateway."""
    with publishing(site.left.gateway, site.left.address) as running:
        yield running


def name_of(issued: Issued) -> str:
    """What follows `cert_uri_base`."""
    der = issued.certificate.public_bytes(Encoding.DER)
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()


def prepare(site: Lab, server: Publisher) -> tuple[Issued, Issued]:
    """Load certificates on both sides, which both name by URL, and publish them."""
    server.reset()
    mine, theirs = leafs("rsa3072")
    for daemon, own in ((site.engine, mine), (site.charon, theirs)):
        section = {"cacert": authority().pem, "cert_uri_base": server.uri("certs/")}
        daemon.request("load-authority", {"ours": section})
        daemon.load_certificate(own.pem)
        daemon.load_key(own.key_pem)
    site.charon.request("flush-certs")
    server.documents = {f"certs/{name_of(i)}": i.certificate.public_bytes(Encoding.DER) for i in (mine, theirs)}
    return mine, theirs


@pytest.mark.scenario("ikev2/rw-hash-and-url")
def test_certificates_are_fetched(site: Lab, server: Publisher, initiator: str) -> None:
    """Mirrors ikev2/rw-hash-and-url: neither certificate travels in IKE_AUTH, both are fetched."""
    mine, theirs = prepare(site, server)
    connect(site, mine, theirs)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_traffic()
    assert f"certs/{name_of(theirs)}" in server.asked, "the engine has fetched charon's certificate"
    assert "received hash-and-url" in site.charon.log(), "charon has got a hash and URL from the engine"


@pytest.mark.parametrize("flaw", ["not there", "another certificate", "no answer", "endless"])
def test_what_cannot_be_fetched(site: Lab, server: Publisher, initiator: str, flaw: str) -> None:
    """Mirrors ikev2/rw-hash-and-url gone wrong: charon's certificate is not where it should be. Nobody hangs."""
    mine, theirs = prepare(site, server)
    path = f"certs/{name_of(theirs)}"
    if flaw == "not there":
        del server.documents[path]
    elif flaw == "another certificate":
        server.documents[path] = mine.certificate.public_bytes(Encoding.DER)
    elif flaw == "no answer":
        server.holes.add(path)
    else:
        server.documents[path] = bytes(1 << 20)
    connect(site, mine, theirs)
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    words = {
        "not there": "HTTP status 404",
        "another certificate": "does not have the hash",
        "no answer": "no ",
        "endless": "larger than 16384 octets",
    }
    assert words[flaw] in record["reason"]
    assert "hash_and_url" in record["advice"]
    assert not site.engine.children()
