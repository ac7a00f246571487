"""The program that checks passwords of XAUTH."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from ikeengine.daemon import xauth
from ikeengine.daemon.xauth import XauthProgram
from ikeengine.errors import LocalMisuse
from ikeengine.limits import Attempts
from ikeengine.model.connection import XauthBackend
from ikeengine.model.secret import Secret
from ikeengine.outputs import AskXauth
from tests.lab.netns import wait_until

CHECK = """#!/bin/sh
read -r user
read -r password
echo "$#|$user|$IKE_CONNECTION|$IKE_BACKEND|$IKE_PEER|$(tr '\\0' ' ' < /proc/$$/cmdline)" > "${0%/*}/seen"
env > "${0%/*}/environment"
echo "never shown: $password" >&2
[ "$password" = "correct horse" ]
"""


def ask(user: bytes = b"carol", password: bytes = b"correct horse") -> AskXauth:
    return AskXauth(1, "rw", XauthBackend.PAM, user, Secret(password), "192.0.2.7")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "check"
    path.write_text(CHECK)
    path.chmod(0o755)
    return path


def run(asked: Iterable[AskXauth], *command: str, timeout: float = 30.0) -> list[bool | LocalMisuse]:
    answers: list[bool | LocalMisuse] = []

    async def check() -> None:
        checker = XauthProgram(lambda: 0.0)
        checker.configure(command, timeout)
        expected = 0
        done = asyncio.Event()

        def answer(result: bool | LocalMisuse) -> None:
            answers.append(result)
            done.set()

        for one in asked:
            expected += 1
            checker.check(one, answer)
        while len(answers) < expected:
            await done.wait()
            done.clear()

    asyncio.run(check())
    return answers


def test_right_and_wrong(program: Path) -> None:
    assert run([ask()], str(program), "-f", "a b") == [True]
    assert (program.parent / "seen").read_text().startswith("2|carol|rw|pam|192.0.2.7|/bin/sh ")
    assert run([ask(password=b"correct hors")], str(program)) == [False]
    assert run([ask(password=b"")], str(program)) == [False]


def test_no_secret_can_be_seen(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run([ask()], str(program))
    seen = (program.parent / "seen").read_text() + (program.parent / "environment").read_text()
    output = capfd.readouterr()
    assert "correct horse" not in seen + output.out + output.err + repr(ask())


def test_the_environment_of_the_daemon_stays_its_own(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    run([ask()], str(program))
    assert "NOTIFY_SOCKET" not in (program.parent / "environment").read_text()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (ask(b"carol\nroot"), "the user name or password holds a line break"),
        (ask(password=b"x\0"), "the user name or password holds a line break"),
        (ask(b"--help"), "the user name looks like an option"),
    ],
)
def test_what_no_program_gets_to_see(program: Path, asked: AskXauth, reason: str) -> None:
    (answer,) = run([asked], str(program))
    assert str(answer) == reason
    assert not (program.parent / "seen").exists()


def test_without_a_program() -> None:
    assert str(run([ask()])[0]) == "engine.xauth_command is not set"
    assert str(run([ask()], "/nowhere/check")[0]) == "/nowhere/check cannot be run: No such file or directory"


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    path = tmp_path / "hang"
    path.write_text('#!/bin/sh\nsleep 1000 &\necho $! > "${0%/*}/child"\nwait\n')
    path.chmod(0o755)
    (answer,) = run([ask()], str(path), timeout=0.5)
    assert isinstance(answer, LocalMisuse)
    assert "has not decided within 0.5 s" in str(answer)
    number = tmp_path / "child"
    if number.exists() and number.read_text():
        child = Path("/proc", number.read_text().strip(), "stat")
        wait_until(lambda: _has_ended(child))


def test_a_program_that_does_not_read_decides_all_the_same() -> None:
    assert run([ask(password=b"x" * 1000)], "/bin/true") == [True]
    assert run([ask()], "/bin/false") == [False]


def test_a_user_name_cannot_be_tried_without_end() -> None:
    answers = run([ask()] * 6 + [ask(b"dave")], "/bin/true")
    assert sorted(map(str, answers)) == ["True"] * 6 + ["too many attempts for this user name"]


def test_users_that_wait_are_bounded() -> None:
    many = xauth.WORKERS + xauth.MAX_WAITING + 1
    answers = run([ask(b"user%d" % number) for number in range(many)], "/bin/true")
    assert sorted(map(str, answers)) == ["True"] * (many - 1) + ["too many users wait for engine.xauth_command"]


def test_attempts() -> None:
    attempts = Attempts(rate=0.1, burst=2, most=2)
    assert [attempts.admit(b"a", 0.0) for _number in range(3)] == [True, True, False]
    assert attempts.admit(b"b", 0.0)
    assert attempts.admit(b"a", 10.0)
    assert not attempts.admit(b"a", 10.0)
    attempts.admit(b"b", 10.0)
    attempts.admit(b"c", 10.0)
    assert attempts.admit(b"a", 10.0)


def _has_ended(stat: Path) -> bool:
    """Whether a process is gone, or only waits to be reaped."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
