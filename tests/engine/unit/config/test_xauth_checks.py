"""Users, passwords and the program that knows them."""

from __future__ import annotations

from typing import Any

import pytest

from ikeengine.model.secret import Secret

TEXT = """\
connections:
  home:
    version: 1
    remote_addrs: 192.0.2.1
    local-1: {auth: psk, id: carol.example.com}
    local-2: {auth: xauth, xauth_id: carol}
    remote: {auth: psk, id: gw.example.com}
secrets:
  ike-1: {secret: 0x000102030405060708090a0b0c0d0e0f}
  xauth-carol: {secret: hunter2, id: [carol, dave]}
  eap-x: {file: x.txt, id-1: eve}
"""
SERVER = """\
connections:
  rw:
    version: 1
    local: {auth: psk}
    remote-1: {auth: psk}
    remote-2: {auth: AUTH}
secrets:
  ike-1: {secret: 0x000102030405060708090a0b0c0d0e0f}
"""


def test_passwords_may_be_short_and_in_files(site: Any) -> None:
    site.write("x.txt", "0x616263\n")
    configuration = site.load(TEXT)
    found = {key.name: (key.secret, [owner.text for owner in key.owners]) for key in configuration.passwords}
    assert found == {"xauth-carol": (Secret(b"hunter2"), ["carol", "dave"]), "eap-x": (Secret(b"abc"), ["eve"])}
    assert [key.name for key in configuration.shared_keys] == ["ike-1"]
    assert "hunter2" not in repr(configuration)


def test_a_password_file_for_everybody_is_refused(site: Any) -> None:
    site.write("x.txt", "abc", 0o644)
    assert ["chmod 0600" in error for error in site.errors(TEXT)] == [True]


def test_a_user_needs_a_password(site: Any) -> None:
    site.write("x.txt", "abc")
    assert site.errors(TEXT.replace("xauth_id: carol", "xauth_id: mallory")) == [
        "ike.yml:6:28: connections.home.local-2.xauth_id: no password for mallory: "
        "add secrets.xauth-home with this `id`"
    ]
    anybody = TEXT.replace("xauth_id: carol", "xauth_id: mallory").replace(", id: [carol, dave]", "")
    assert site.load(anybody).passwords


def test_the_user_name_is_the_identity_unless_written(site: Any) -> None:
    site.write("x.txt", "abc")
    text = TEXT.replace(", xauth_id: carol", "").replace("id: carol.example.com", "id: carol")
    assert site.load(text).connections["home"].local[1].xauth_id is None
    (error,) = site.errors(TEXT.replace(", xauth_id: carol", "").replace(", id: carol.example.com", ""))
    assert "a user name is missing: write `xauth_id`" in error


def test_a_server_needs_passwords_or_a_program(site: Any) -> None:
    assert site.errors(SERVER.replace("AUTH", "xauth")) == [
        "ike.yml:6:16: connections.rw.remote-2.auth: there are no passwords: add secrets.xauth-<name>"
    ]
    assert site.errors(SERVER.replace("AUTH", "xauth-pam")) == [
        "ike.yml:6:16: connections.rw.remote-2.auth: there is no program: set engine.xauth_command"
    ]
    engine = "engine: {xauth_command: '/usr/local/bin/check \"a b\"', xauth_timeout: 3s}\n"
    configuration = site.load(SERVER.replace("AUTH", "xauth-pam") + engine)
    assert configuration.engine.xauth_command == ("/usr/local/bin/check", "a b")
    assert configuration.engine.xauth_timeout == 3


@pytest.mark.parametrize(
    ("command", "message"),
    [("check", "`check` is not an absolute path"), ("'/bin/a ''b'", "is not a command: No closing quotation")],
)
def test_a_program_is_named_by_its_path(site: Any, command: str, message: str) -> None:
    (error,) = site.errors(f"engine: {{xauth_command: {command}}}\n")
    assert message in error
