"""The options and directories that are about certificate paths and revocation."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ikeengine.config.load import load
from ikeengine.config.problems import ConfigErrors
from ikeengine.config.revocation_files import crl_from
from ikeengine.config.vici import connection_from_vici
from ikeengine.crypto.crl import Crl
from ikeengine.daemon.crl_files import write_crl
from ikeengine.errors import LocalMisuse
from ikeengine.model.connection import Ocsp, Revocation
from ikeengine.outputs import CrlVerified
from tests.engine.pki import authority, issue, make_crl

ROOT = authority("CN=Root")


def write(directory: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = directory / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    config = directory / "config.yml"
    config.write_text("engine: {}\n")
    config.chmod(0o600)
    return config


def test_directories(tmp_path: Path) -> None:
    crl, responder = make_crl(ROOT), issue("CN=ocsp")
    pem = b"-----BEGIN X509 CRL-----\n" + base64.b64encode(make_crl(ROOT, number=2)) + b"\n-----END X509 CRL-----\n"
    config = write(tmp_path, x509crl__a=crl, x509crl__b_dot_pem=pem, x509ocsp__r_dot_der=responder.der)
    loaded = load(config)
    assert [Crl.from_der(der).number for der in loaded.crls] == [1, 2]
    assert loaded.responders == (responder.der,)
    assert loaded.base == tmp_path


def test_broken_files_are_named(tmp_path: Path) -> None:
    config = write(tmp_path, x509crl__bad_dot_crl=b"nonsense", x509ocsp__bad_dot_pem=b"nonsense")
    with pytest.raises(ConfigErrors) as caught:
        load(config)
    texts = [str(error) for error in caught.value.errors]
    assert len(texts) == 2
    assert "x509crl/bad.crl" in texts[0]
    assert "not a usable CRL" in texts[0]
    assert "x509ocsp/bad.pem" in texts[1]


def test_written_crls_are_loaded_again(tmp_path: Path) -> None:
    crl, delta = make_crl(ROOT), make_crl(ROOT, number=3, base=1)
    write_crl(tmp_path / "x509crl", CrlVerified(crl, b"\x01" * 20, is_delta=False))
    write_crl(tmp_path / "x509crl", CrlVerified(delta, b"\x01" * 20, is_delta=True))
    assert load(write(tmp_path)).crls == (crl, delta)
    assert [file.name for file in sorted((tmp_path / "x509crl").iterdir())] == [
        "01" * 20 + ".crl",
        "01" * 20 + "_delta.crl",
    ]


def test_crl_texts() -> None:
    assert crl_from(make_crl(ROOT)).number == 1
    for garbage in (b"", b"-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----"):
        with pytest.raises(ValueError, match="not a usable CRL"):
            crl_from(garbage)


def test_remote_options() -> None:
    config = connection_from_vici(
        "site",
        {
            "ocsp": "both",
            "local": {"auth": "psk"},
            "remote": {
                "auth": "rsa-2048-sha256",
                "revocation": "ifuri",
                "cert_policy": ["1.2.3.4", "2.5.29.32.0"],
                "cacerts": [ROOT.der],
            },
        },
    )
    (remote,) = config.remote
    assert config.ocsp is Ocsp.BOTH
    assert remote.revocation is Revocation.IF_URI
    assert remote.cert_policy == ("1.2.3.4", "2.5.29.32.0")
    assert remote.chain_constraints == ("rsa-2048-sha256",)


@pytest.mark.parametrize(
    ("remote", "words"),
    [
        ({"revocation": "sometimes"}, "is not one of strict, ifuri, relaxed"),
        ({"cert_policy": "1.2.x"}, "`1.2.x` is not an object identifier"),
        ({"auth": "rsa-md5"}, "`md5` is not known here"),
    ],
)
def test_wrong_remote_options(remote: dict[str, str], words: str) -> None:
    with pytest.raises((ConfigErrors, LocalMisuse), match=words):
        connection_from_vici("site", {"local": {"auth": "psk"}, "remote": {"cacerts": [ROOT.der], **remote}})
