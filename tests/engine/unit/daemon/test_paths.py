"""Finding a way to a peer: source addresses, several remote addresses, names, and name servers that do not answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from ikeengine.daemon.network import HostAddresses
from ikeengine.daemon.paths import Lookup, PathFinder, lookup
from ikeengine.daemon.udp import UdpSockets
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.path import Path
from ikeengine.outputs import AskPath, AskRoutes

NAMES = {
    "gw.example.com": ["127.0.0.2", "127.0.0.3", "::1"],
    "six.example.com": ["::1"],
    "own.example.com": ["127.0.0.9"],
}


def resolve(name: str) -> Sequence[str]:
    if name not in NAMES:
        raise OSError(-2, "Name or service not known")
    return NAMES[name]


def ask(remote: str, local: str = "%any", *, attempt: int = 0, local_port: int = 500) -> AskPath:
    def split(text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text.split(","))

    return AskPath(1, split(local), split(remote), local_port, 500, attempt)


def find(
    question: AskPath,
    *,
    listen: tuple[str, ...] = (),
    names: Lookup = resolve,
    timeout: float = 60.0,
    prepare: Any = None,
) -> Path | LocalMisuse:
    async def main() -> Path | LocalMisuse:
        sockets = UdpSockets(listen, 1500, 14500)
        finder = PathFinder(sockets, prepare or (lambda sock, nat_t: None), resolve=names, timeout=timeout)
        answer: asyncio.Future[Path | LocalMisuse] = asyncio.get_running_loop().create_future()
        finder.find(question, answer.set_result)
        try:
            return await asyncio.wait_for(answer, 60)
        finally:
            finder.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (ask("127.0.0.2"), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
        (ask("::1"), Path("::1", 1500, "::1", 500)),
        (ask("127.0.0.2", "127.0.0.7"), Path("127.0.0.7", 1500, "127.0.0.2", 500)),
        (ask("127.0.0.2", "::1, 127.0.0.7"), Path("127.0.0.7", 1500, "127.0.0.2", 500)),
        (ask("127.0.0.2", "10.0.0.0/8, 127.0.0.0/8"), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
        (ask("127.0.0.2", local_port=14500), Path("127.0.0.1", 14500, "127.0.0.2", 500)),
        (ask("127.0.0.2", local_port=4242), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
        (ask("%any, 10.0.0.0/8, 10.0.0.1-10.0.0.9, 127.0.0.2"), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
        (ask("127.0.0.2, 127.0.0.3", attempt=1), Path("127.0.0.1", 1500, "127.0.0.3", 500)),
        (ask("127.0.0.2, 127.0.0.3", attempt=2), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
        (ask("gw.example.com", attempt=1), Path("127.0.0.1", 1500, "127.0.0.3", 500)),
        (ask("gw.example.com", "::1"), Path("::1", 1500, "::1", 500)),
        (ask("missing.example.com, 127.0.0.2"), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
        (ask("127.0.0.2", "own.example.com"), Path("127.0.0.9", 1500, "127.0.0.2", 500)),
        (ask("127.0.0.2", "missing.example.com, %any"), Path("127.0.0.1", 1500, "127.0.0.2", 500)),
    ],
)
def test_paths(question: AskPath, expected: Path) -> None:
    assert find(question) == expected


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (ask("%any"), "no address to connect to in remote_addrs %any"),
        (ask("10.0.0.0/8"), "no address to connect to"),
        (ask("127.0.0.2", "::1"), "none of local_addrs ::1 can reach 127.0.0.2"),
        (ask("127.0.0.2", "10.0.0.0/8"), "none of local_addrs"),
        (ask("missing.example.com"), "cannot resolve missing.example.com: Name or service not known"),
        (ask("127.0.0.2", "missing.example.com"), "cannot resolve missing.example.com"),
    ],
)
def test_no_path(question: AskPath, words: str) -> None:
    answer = find(question)
    assert isinstance(answer, LocalMisuse)
    assert words in str(answer)


def test_an_address_that_we_listen_on_is_used() -> None:
    assert find(ask("127.0.0.2"), listen=("127.0.0.5", "::1")) == Path("127.0.0.5", 1500, "127.0.0.2", 500)
    assert isinstance(find(ask("127.0.0.2"), listen=("::1",)), LocalMisuse)


def test_a_probe_that_cannot_be_exempted_is_an_answer() -> None:
    def prepare(sock: object, nat_t: bool) -> None:
        raise DatapathError("cannot mark a socket")

    answer = find(ask("127.0.0.2"), prepare=prepare)
    assert isinstance(answer, LocalMisuse)
    assert "cannot mark" in str(answer)


def test_a_name_server_that_does_not_answer_delays_only_who_asks() -> None:
    stuck = threading.Event()

    def black_hole(name: str) -> Sequence[str]:
        stuck.wait(60)
        return []

    async def main() -> None:
        finder = PathFinder(UdpSockets((), 1500, 14500), lambda sock, nat_t: None, resolve=black_hole, timeout=0.2)
        answers: dict[str, Path | LocalMisuse] = {}
        began = time.monotonic()
        finder.find(ask("slow.example.com"), lambda answer: answers.update(slow=answer))
        finder.find(ask("127.0.0.2"), lambda answer: answers.update(literal=answer))
        assert list(answers) == ["literal"]
        async with asyncio.timeout(30):
            while len(answers) < 2:
                await asyncio.sleep(0.01)
        assert time.monotonic() - began < 30
        assert "no answer from the name servers within 0.2 s" in str(answers["slow"])
        finder.close()
        stuck.set()

    asyncio.run(main())


def test_close_abandons_what_is_under_way() -> None:
    release = threading.Event()

    async def main() -> None:
        finder = PathFinder(
            UdpSockets((), 1, 2), lambda sock, nat_t: None, resolve=lambda name: release.wait(60) and []
        )
        finder.find(ask("slow.example.com"), lambda answer: pytest.fail("answered"))
        await asyncio.sleep(0.01)
        finder.close()
        await asyncio.sleep(0.01)
        release.set()

    asyncio.run(main())


def test_the_resolver_of_the_system() -> None:
    assert "127.0.0.1" in lookup("localhost") or "::1" in lookup("localhost")
    with pytest.raises(OSError, match=r"."):
        lookup("no-such-host.invalid")


# --- for addresses that move


def routes(
    preferred: str, *remotes: str, host: HostAddresses | None = None, listen: tuple[str, ...] = ()
) -> dict[str, str]:
    finder = PathFinder(UdpSockets(listen, 1500, 14500), lambda sock, nat_t: None)
    try:
        return finder.routes(AskRoutes(1, preferred, remotes), host)
    finally:
        finder.close()


def test_routes_stay_with_the_preferred_address() -> None:
    assert routes("127.0.0.9", "127.0.0.2", "::1") == {"127.0.0.2": "127.0.0.9", "::1": "::1"}


def test_routes_leave_an_address_that_is_gone() -> None:
    assert routes("192.0.2.200", "127.0.0.2") == {"127.0.0.2": "127.0.0.1"}


def test_routes_leave_an_address_of_another_interface() -> None:
    host = HostAddresses({"127.0.0.9": "one", "127.0.0.1": "two"})
    assert routes("127.0.0.9", "127.0.0.2", host=host) == {"127.0.0.2": "127.0.0.1"}


def test_routes_use_no_address_that_is_not_ours_to_use() -> None:
    assert routes("192.0.2.200", "127.0.0.2", listen=("127.0.0.7",)) == {}
    assert routes("192.0.2.200", "127.0.0.2", host=HostAddresses({"127.0.0.9": "one"})) == {}
