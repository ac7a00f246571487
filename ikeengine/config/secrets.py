"""Secrets in configuration: their text forms, and the rules for files that hold them (design D13).

No message of this module shows a secret or a part of one.
"""

from __future__ import annotations

import base64
import binascii
import errno
import os
import stat
from pathlib import Path

from ikeengine.config.kinds import JsonSchema
from ikeengine.model.secret import Secret

LARGEST_FILE = 1 << 20
"""Octets. No key is larger."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Mode bits that a file with secrets must not have."""
STRONG_ENOUGH = 16
"""Octets of a pre-shared key: 128 bits, since a shorter one can be guessed offline (RFC 7296 section 5)."""


class SecretText:
    """A secret written in the configuration itself."""

    label = "secret"

    def parse(self, text: str) -> Secret:
        """The secret octets."""
        return Secret(decode_secret(text.encode("utf-8", "surrogateescape")))

    def json_schema(self) -> JsonSchema:
        """A string, or what YAML takes for a number."""
        return {"type": ["string", "number"]}


class Password:
    """A password, taken literally."""

    label = "password"

    def parse(self, text: str) -> Secret:
        """The octets of the password."""
        return Secret(text.encode("utf-8", "surrogateescape"))

    def json_schema(self) -> JsonSchema:
        """A string, or what YAML takes for a number."""
        return {"type": ["string", "number"]}


def decode_secret(octets: bytes) -> bytes:
    """Octets of a secret in text form: as they are, `0x` and hexadecimal, or `0s` and Base64. Raises ValueError."""
    if not octets:
        raise ValueError("the secret is empty")
    prefix, rest = octets[:2], octets[2:]
    try:
        if prefix == b"0x":
            return _not_empty(binascii.unhexlify(rest.replace(b":", b"")))
        if prefix == b"0s":
            return _not_empty(base64.b64decode(rest, validate=True))
    except binascii.Error:
        name = "hexadecimal" if prefix == b"0x" else "Base64"
        raise ValueError(f"the secret begins with {prefix.decode()} but is not {name}") from None
    return octets


def _not_empty(octets: bytes) -> bytes:
    if not octets:
        raise ValueError("the secret is empty")
    return octets


def read_secret_file(path: Path, *, any_owner: bool = False) -> Secret:
    """The secret in a file that nobody else can read; one line break at its end does not count. Raises ValueError."""
    octets = read_private_file(path, any_owner=any_owner).reveal()
    line = octets.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return Secret(decode_secret(line))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_private_file(path: Path, *, any_owner: bool = False) -> Secret:
    """The octets of a regular file of mode 0600 or stricter that belongs to root or to us. Raises ValueError.

    `any_owner` is for root who checks a configuration on behalf of a daemon that runs as another user.
    """
    descriptor = _open(path)
    try:
        if complaint := _file_complaint(path, os.fstat(descriptor), any_owner=any_owner):
            raise ValueError(complaint)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            octets = file.read(LARGEST_FILE + 1)
    finally:
        os.close(descriptor)
    if len(octets) > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE} bytes; this is no key")
    return Secret(octets)


def _open(path: Path) -> int:
    """A descriptor, without following a link at the end of the path and without waiting for a FIFO."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError(_open_complaint(path, error)) from error


def _open_complaint(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link; name the file itself"
    if error.errno == errno.ENOENT:
        return f"{path} does not exist"
    return f"{path} cannot be read: {error.strerror}"


def _file_complaint(path: Path, status: os.stat_result, *, any_owner: bool) -> str:
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not a regular file"
    if not any_owner and status.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to user {status.st_uid}, who could change it: chown root {path}"
    return mode_complaint(path, status.st_mode)


def mode_complaint(path: Path, mode: int) -> str:
    """What is wrong with the mode of a file with secrets, or nothing."""
    if not mode & OTHERS:
        return ""
    return f"{path} holds a secret but others have access to it (mode {stat.S_IMODE(mode):04o}): chmod 0600 {path}"
