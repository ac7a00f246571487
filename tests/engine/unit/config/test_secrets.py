from __future__ import annotations

import os
from pathlib import Path

import pytest

from ikeengine.config import secrets
from ikeengine.config.secrets import Password, SecretText, decode_secret, read_private_file, read_secret_file


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "octets"),
    [(b"plain text", b"plain text"), (b"0x0aFF", b"\x0a\xff"), (b"0x0a:ff", b"\x0a\xff"), (b"0sAQID", b"\x01\x02\x03"),
     (b"\xff\x00", b"\xff\x00")],
)  # fmt: skip
def test_text_forms_of_secrets(text: bytes, octets: bytes) -> None:
    assert decode_secret(text) == octets


@pytest.mark.parametrize("text", [b"", b"0x", b"0s"])
def test_an_empty_secret_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="the secret is empty"):
        decode_secret(text)


@pytest.mark.parametrize(("text", "name"), [(b"0xhunter2", "hexadecimal"), (b"0shunter2 hunter2", "Base64")])
def test_a_broken_secret_is_refused_without_showing_it(text: bytes, name: str) -> None:
    with pytest.raises(ValueError, match=name) as caught:
        decode_secret(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_inline_secrets_become_secrets_at_once() -> None:
    assert SecretText().parse("0x00ff").reveal() == b"\x00\xff"
    assert Password().parse("0x00ff").reveal() == b"0x00ff"
    assert "hunter2" not in repr(SecretText().parse("hunter2"))


@pytest.mark.parametrize("data", [b"the key", b"the key\n", b"the key\r\n", b"0x746865206b6579\n"])
def test_a_secret_file_may_end_with_a_line_break(tmp_path: Path, data: bytes) -> None:
    assert read_secret_file(write(tmp_path / "psk", data)).reveal() == b"the key"


def test_a_secret_file_without_a_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"psk: the secret is empty"):
        read_secret_file(write(tmp_path / "psk", b"\n"))


def test_key_files_are_read_as_they_are(tmp_path: Path) -> None:
    assert read_private_file(write(tmp_path / "key", b"\x30\x00\n", 0o400)).reveal() == b"\x30\x00\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601, 0o644])
def test_a_file_that_others_can_access_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "key", b"hunter2", mode)
    with pytest.raises(ValueError, match=rf"mode {mode:04o}\): chmod 0600 {path}") as caught:
        read_private_file(path)
    assert "hunter2" not in str(caught.value)


def test_a_link_a_directory_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    target = write(tmp_path / "key", b"secret")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ValueError, match="is a symbolic link; name the file itself"):
        read_private_file(tmp_path / "link")
    with pytest.raises(ValueError, match="is not a regular file"):
        read_private_file(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        read_private_file(tmp_path / "nothing")


def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(ValueError, match="is not a regular file"):
        read_private_file(tmp_path / "fifo")


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "key", b"secret")
    if os.geteuid() == 0:
        os.chown(path, 4711, -1)
    else:
        monkeypatch.setattr(secrets.os, "geteuid", lambda: 4711)
    with pytest.raises(ValueError, match=r"belongs to user .*chown root"):
        read_private_file(path)
    assert read_private_file(path, any_owner=True).reveal() == b"secret"


def test_an_unreadable_file_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(secrets.os, "open", refuse)
    with pytest.raises(ValueError, match="cannot be read: Permission denied"):
        read_private_file(tmp_path / "key")


def test_a_huge_file_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "LARGEST_FILE", 4)
    with pytest.raises(ValueError, match="this is no key"):
        read_private_file(write(tmp_path / "key", b"12345"))
