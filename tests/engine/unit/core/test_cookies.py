"""Stateless cookies (D02)."""

from __future__ import annotations

from ikeengine.cookies import SECRET_LIFETIME, CookieJar
from ikeengine.crypto.rng import SeededRng
from ikeengine.model.path import Path

PATH = Path("192.0.2.1", 500, "198.51.100.1", 500)
NONCE, SPI = bytes(32), b"12345678"


def jar() -> CookieJar:
    return CookieJar(SeededRng(1))


def test_a_cookie_is_good_for_its_sender_and_request_only() -> None:
    cookies = jar()
    cookie = cookies.make(NONCE, SPI, PATH, 0.0)
    assert cookies.check(cookie, NONCE, SPI, PATH, 1.0)
    assert not cookies.check(cookie, NONCE + b"\0", SPI, PATH, 1.0)
    assert not cookies.check(cookie, NONCE, b"87654321", PATH, 1.0)
    assert not cookies.check(cookie, NONCE, SPI, PATH._replace(remote="198.51.100.2"), 1.0)
    assert not cookies.check(cookie, NONCE, SPI, PATH._replace(remote_port=501), 1.0)
    assert not cookies.check(b"", NONCE, SPI, PATH, 1.0)
    assert not cookies.check(cookie[:-1], NONCE, SPI, PATH, 1.0)
    assert not jar().check(cookie[:1] + bytes(32), NONCE, SPI, PATH, 1.0)


def test_two_secrets_are_valid() -> None:
    cookies = jar()
    cookie = cookies.make(NONCE, SPI, PATH, 0.0)
    assert cookies.check(cookie, NONCE, SPI, PATH, SECRET_LIFETIME * 1.5)
    assert len(cookies._secrets) == 2
    assert not cookies.check(cookie, NONCE, SPI, PATH, SECRET_LIFETIME * 2.6)
    assert len(cookies._secrets) == 2


def test_after_a_long_silence_every_old_cookie_is_void() -> None:
    cookies = jar()
    cookie = cookies.make(NONCE, SPI, PATH, 0.0)
    assert not cookies.check(cookie, NONCE, SPI, PATH, 86400.0)
    assert len(cookies._secrets) == 1


def test_the_version_wraps() -> None:
    cookies = jar()
    for turn in range(600):
        cookie = cookies.make(NONCE, SPI, PATH, turn * SECRET_LIFETIME)
        assert len(cookies._secrets) <= 2
    assert cookies.check(cookie, NONCE, SPI, PATH, 600 * SECRET_LIFETIME)


def test_r07_a_clock_that_jumps_back_does_no_harm() -> None:
    cookies = jar()
    cookie = cookies.make(NONCE, SPI, PATH, 86400.0)
    assert cookies.check(cookie, NONCE, SPI, PATH, 0.0)
