"""The tables for Wireshark: their lines, their modes, and tshark itself decrypting ESP with them."""

from __future__ import annotations

import os
import socket
import stat
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ikeengine.errors import LocalMisuse
from ikeengine.model.connection import EngineSettings
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import IpsecSa, SaId
from ikeengine.model.secret import Secret
from ikeengine.negotiate.proposals import parse_ike
from ikeengine.observe.keylog import ESP_TABLE, IKE_TABLE, KeyLog, esp_line, ike_line
from ikeengine.outputs import IkeKeys
from ikeengine.registry import EncrId, IntegId, Protocol, TransformType
from tests.engine.support.site import psk_pair
from tests.engine.unit.daemon.fakes import ENCR_CBC, INTEG, esp_sa
from tests.lab.needs import need_programs

IKE_CIPHERS = [
    (EncrId.AES_CBC, 128, 16, "AES-CBC-128 [RFC3602]"),
    (EncrId.AES_CBC, 256, 32, "AES-CBC-256 [RFC3602]"),
    (EncrId.AES_CTR, 192, 28, "AES-CTR-192 [RFC5930]"),
    (EncrId.AES_GCM_8, 128, 20, "AES-GCM-128 with 8 octet ICV [RFC5282]"),
    (EncrId.AES_GCM_12, 192, 28, "AES-GCM-192 with 12 octet ICV [RFC5282]"),
    (EncrId.AES_GCM_16, 256, 36, "AES-GCM-256 with 16 octet ICV [RFC5282]"),
    (EncrId.AES_CCM_8, 128, 19, "AES-CCM-128 with 8 octet ICV [RFC5282]"),
    (EncrId.AES_CCM_12, 192, 27, "AES-CCM-192 with 12 octet ICV [RFC5282]"),
    (EncrId.AES_CCM_16, 256, 35, "AES-CCM-256 with 16 octet ICV [RFC5282]"),
    (EncrId.TRIPLE_DES_CBC, None, 24, "3DES [RFC2451]"),
    (EncrId.NULL, None, 0, "NULL [RFC2410]"),
]
"""Cipher, key length, octets of SK_e with the salt, and Wireshark's name."""
ESP_CIPHERS = [EncrId.NULL, EncrId.TRIPLE_DES_CBC, EncrId.AES_CBC, EncrId.AES_CTR, EncrId.AES_GCM_8]
ESP_CIPHERS += [EncrId.AES_GCM_12, EncrId.AES_GCM_16]
ESP_INTEGRITY = [IntegId.HMAC_MD5_96, IntegId.HMAC_SHA1_96, IntegId.AES_CMAC_96, IntegId.AES_XCBC_96]
ESP_INTEGRITY += [IntegId.HMAC_SHA2_256_128, IntegId.HMAC_SHA2_384_192, IntegId.HMAC_SHA2_512_256]

IKE_INTEGRITY = {
    IntegId.HMAC_MD5_96: 16,
    IntegId.HMAC_SHA1_96: 20,
    IntegId.HMAC_SHA2_256_128: 32,
    IntegId.HMAC_SHA2_384_192: 48,
    IntegId.HMAC_SHA2_512_256: 64,
    IntegId.AES_CMAC_96: 16,
    IntegId.AES_XCBC_96: 16,
    None: 0,
}


def ike_keys(encr: Transform = ENCR_CBC, integ: Transform | None = INTEG, octets: int = 16, auth: int = 32) -> IkeKeys:
    pairs = [
        Secret(bytes([mark]) * count) for mark, count in ((0xE1, octets), (0xE2, octets), (0xA1, auth), (0xA2, auth))
    ]
    return IkeKeys(b"\x11" * 8, b"\x22" * 8, *pairs, encr, integ)


def encr(number: int, bits: int | None = None) -> Transform:
    return Transform(TransformType.ENCR, number, bits)


def integ(number: int | None) -> Transform | None:
    return None if number is None else Transform(TransformType.INTEG, number)


@pytest.mark.parametrize(("number", "bits", "octets", "wireshark"), IKE_CIPHERS)
def test_ike_ciphers(number: int, bits: int | None, octets: int, wireshark: str) -> None:
    assert f'"{wireshark}"' in ike_line(ike_keys(encr(number, bits), octets=octets))


def test_ike_lines() -> None:
    assert ike_line(ike_keys()) == (
        f'{"11" * 8},{"22" * 8},{"e1" * 16},{"e2" * 16},"AES-CBC-128 [RFC3602]",'
        f'{"a1" * 32},{"a2" * 32},"HMAC_SHA2_256_128 [RFC4868]"\n'
    )
    aead = ike_keys(encr(EncrId.AES_GCM_16, 128), None, 20, 0)
    assert ike_line(aead).endswith('"AES-GCM-128 with 16 octet ICV [RFC5282]",,,"NONE [RFC4306]"\n')


def test_what_wireshark_does_not_know_is_a_comment() -> None:
    """The keys are there for other tools; the table stays readable for Wireshark."""
    chacha = encr(EncrId.CHACHA20_POLY1305)
    assert ike_line(ike_keys(chacha, None, 36, 0)).startswith(f"# not known to Wireshark: {'11' * 8},{'22' * 8},e1e1")
    assert '"CHACHA20_POLY1305",,,"NONE [RFC4306]"' in ike_line(ike_keys(chacha, None, 36, 0))
    assert esp_line(esp_sa(1, encr=chacha)).startswith('# not known to Wireshark: "IPv4","192.0.2.1"')
    ccm = esp_line(esp_sa(1, encr=encr(EncrId.AES_CCM_16, 128)))
    assert ccm.startswith("# ")
    assert '"AES_CCM_16"' in ccm
    assert ike_line(ike_keys(integ=integ(99))).startswith("# ")


def test_what_wireshark_cannot_check_has_no_key() -> None:
    for number in (IntegId.AES_CMAC_96, IntegId.AES_XCBC_96):
        line = ike_line(ike_keys(integ=integ(number), auth=16))
        assert line.endswith(',"AES-CBC-128 [RFC3602]",,,"ANY 96-bits of Authentication [No Checking]"\n')


def test_an_sa_that_moves_gets_another_line(tmp_path: Path) -> None:
    """As behind a NAT that changes its mind: Wireshark finds the keys by the addresses."""
    log, sa = KeyLog(tmp_path), esp_sa(0xC0FFEE)
    log.esp(sa)
    log.moved(sa.id, "192.0.2.77", "192.0.2.2")
    log.moved(sa.id, "192.0.2.78", "192.0.2.79")
    log.gone(SaId(Protocol.ESP, "192.0.2.79", 0xC0FFEE))
    log.moved(sa.id, "192.0.2.1", "192.0.2.2")
    log.close()
    lines = (tmp_path / ESP_TABLE).read_text().splitlines()
    assert [line.split(",")[1:3] for line in lines] == [
        ['"192.0.2.1"', '"192.0.2.2"'],
        ['"192.0.2.77"', '"192.0.2.2"'],
        ['"192.0.2.78"', '"192.0.2.79"'],
    ]
    assert len({line.split(",")[5] for line in lines}) == 1


def test_esp_lines() -> None:
    sa = esp_sa(0xC0FFEE, encr=ENCR_CBC, encr_key=Secret(b"\xe1" * 16), integ=INTEG, integ_key=Secret(b"\xa1" * 32))
    assert esp_line(sa) == (
        f'"IPv4","192.0.2.1","192.0.2.2","0x00c0ffee","AES-CBC [RFC3602]","0x{"e1" * 16}",'
        f'"HMAC-SHA-256-128 [RFC4868]","0x{"a1" * 32}"\n'
    )
    assert esp_line(esp_sa(1, source="2001:db8::1", destination="2001:db8::2")).startswith('"IPv6","2001:db8::1",')
    assert esp_line(esp_sa(1, protocol=Protocol.AH, encr=None, integ=INTEG)) == ""


def test_files_are_private_and_appended_to(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    for _ in range(2):
        log = KeyLog(directory)
        log.ike(ike_keys())
        log.esp(esp_sa(1))
        log.esp(esp_sa(1, protocol=Protocol.AH, encr=None, integ=INTEG))
        log.close()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for name in (IKE_TABLE, ESP_TABLE):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
        assert (directory / name).read_text().count("\n") == 2


def test_modes_of_an_existing_file_are_tightened(tmp_path: Path) -> None:
    (tmp_path / ESP_TABLE).touch(mode=0o666)
    KeyLog(tmp_path).close()
    assert stat.S_IMODE((tmp_path / ESP_TABLE).stat().st_mode) == 0o600


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("/dev/null"), lambda p: p.mkdir(), os.mkfifo])
def test_traps_are_refused(tmp_path: Path, make: object) -> None:
    make(tmp_path / IKE_TABLE)  # type: ignore[operator]
    with pytest.raises(LocalMisuse):
        KeyLog(tmp_path)


def tshark(tmp_path: Path, capture: Path, *options: str) -> tuple[str, str]:
    need_programs("tshark")
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(tmp_path)}
    result = subprocess.run(
        ["tshark", "-r", str(capture), "-o", "esp.enable_encryption_decode:TRUE", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    return result.stdout, result.stderr


def write_pcap(path: Path, *packets: bytes) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def ipv4(protocol: int, body: bytes, source: str = "192.0.2.1", destination: str = "192.0.2.2") -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + addresses + body


def test_tshark_takes_every_line_that_we_can_write(tmp_path: Path) -> None:
    log = KeyLog(tmp_path)
    for number, bits, octets, name in IKE_CIPHERS:
        for check, check_octets in IKE_INTEGRITY.items():
            if check is None or "ICV" not in name:
                log.ike(ike_keys(encr(number, bits), integ(check), octets, check_octets))
    for cipher in ESP_CIPHERS:
        for check in (None, *ESP_INTEGRITY):
            log.esp(esp_sa(1, encr=encr(cipher, 128), integ=integ(check), integ_key=Secret(bytes(32))))
    log.ike(ike_keys(encr(EncrId.CHACHA20_POLY1305), None, 36, 0))
    log.esp(esp_sa(1, encr=encr(EncrId.CHACHA20_POLY1305)))
    log.close()
    write_pcap(tmp_path / "empty.pcap")
    _, errors = tshark(tmp_path, tmp_path / "empty.pcap")
    complaints = [line for line in errors.splitlines() if "Error loading table" in line]
    assert complaints == []


def test_tshark_decrypts_esp_with_the_table(tmp_path: Path) -> None:
    sa: IpsecSa = esp_sa(0xC0FFEE01)
    log = KeyLog(tmp_path)
    log.esp(sa)
    log.close()
    inner = ipv4(17, struct.pack("!HHHH", 4660, 22136, 8 + 5, 0) + b"hello", "10.1.0.1", "10.2.0.1")
    padding = bytes(range(1, 1 + (-len(inner) - 2) % 4))
    plaintext = inner + padding + bytes([len(padding), 4])
    header, iv = struct.pack("!II", sa.spi, 1), bytes(8)
    key, salt = sa.encr_key.reveal()[:16], sa.encr_key.reveal()[16:]
    sealed = AESGCM(key).encrypt(salt + iv, plaintext, header)
    write_pcap(tmp_path / "esp.pcap", ipv4(50, header + iv + sealed))
    shown, _ = tshark(tmp_path, tmp_path / "esp.pcap")
    assert "10.1.0.1" in shown
    assert "4660" in shown


@pytest.mark.parametrize(
    "proposal",
    [
        "aes256-sha384-x25519",
        "aes128gcm16-prfsha256-x25519",
        "aes256gcm12-prfsha384-x25519",
        "aes128gcm8-prfsha256-x25519",
        "aes192ccm16-prfsha256-x25519",
        "aes256ccm8-prfsha256-x25519",
        "aes128ctr-sha256-x25519",
        "aes256ctr-sha1-x25519",
        "aes128-aesxcbc-x25519",
        "aes256-aescmac-x25519",
        "3des-sha1-x25519",
    ],
)
def test_tshark_decrypts_ike_with_the_table(tmp_path: Path, proposal: str) -> None:
    net, left, _ = psk_pair(proposals=(parse_ike(proposal),))
    # Small fragments, because Wireshark has to join those, too.
    left.endpoint.set_settings(EngineSettings(keylog=True, fragment_size=250))
    assert net.initiate(left).ok
    log = KeyLog(tmp_path)
    (keys,) = left.events(IkeKeys)
    log.ike(keys)
    log.close()
    packets = [
        ipv4(17, struct.pack("!HHHH", 500, 500, 8 + len(sent.data), 0) + sent.data, sent.path.local, sent.path.remote)
        for _, sent in net.sent
    ]
    write_pcap(tmp_path / "ike.pcap", *packets)
    shown, _ = tshark(tmp_path, tmp_path / "ike.pcap", "-V")
    assert "left.example.com" in shown
    assert "right.example.com" in shown
    assert "Traffic Selector - Initiator" in shown
