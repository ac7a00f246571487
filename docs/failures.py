"""Makes two engines fail to agree, in every common way, and writes what `ikeengine explain` prints into the guide.

`make docs-pictures` runs it (needs root). In docs/guide/troubleshooting.md, the block after each marker
`<!-- recorded: NAME -->` is replaced.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.picture import Picture
from tests.lab.certs import Issued, authority
from tests.lab.engine import Engine
from tests.lab.netns import Namespace, veth

GUIDE = Path(__file__).resolve().parent / "guide" / "troubleshooting.md"
MARKER = re.compile(r"(<!-- recorded: (?P<name>[a-z-]+) -->\n```text\n).*?(```\n)", re.DOTALL)
WIDTH = 116
LEFT, RIGHT = ("gw1", "192.0.2.1", "10.1.0.0/16"), ("gw2", "192.0.2.2", "10.2.0.0/16")

Config = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A mistake: what it changes in the configuration of gw1, who explains it, and what else is different.

    `rules` are what the firewall of gw2 does to packets that come in; `after` is what happens once the tunnel is up.
    """

    change: Callable[[Config], None] = lambda config: None
    explained_by: tuple[str, ...] = ("gw1", "gw2")
    peer_runs: bool = True
    rules: str = ""
    certificates: tuple[str, ...] = ()
    """The authorities of gw1's and gw2's certificates, if they do not use a pre-shared key."""
    after: str = ""
    datapath: str = "none"


def _set(config: Config, path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config.setdefault(key, {})
    config[last] = value


def _connection(path: str, value: object) -> Callable[[Config], None]:
    return lambda config: _set(config, f"connections.site.{path}", value)


def _by_key(config: Config) -> None:
    """Authenticate with a pre-shared key after all."""
    _set(config, "connections.site.local", {"auth": "psk", "id": "gw1.example.com"})
    _set(config, "secrets.ike-site.secret", "a key that gw2 knows nothing of")


SCENARIOS = {
    "wrong-psk": Scenario(lambda config: _set(config, "secrets.ike-site.secret", "not the key of the other side")),
    "wrong-id": Scenario(_connection("local.id", "gw1.example.org")),
    "no-proposal": Scenario(_connection("proposals", ["aes128-sha256-modp2048"])),
    "no-child-proposal": Scenario(_connection("children.net.esp_proposals", ["aes128-sha256"])),
    "selectors": Scenario(_connection("children.net.remote_ts", ["10.3.0.0/16"])),
    "untrusted-ca": Scenario(certificates=("Our CA", "Their CA")),
    "wrong-method": Scenario(_by_key, certificates=("Our CA", "Our CA")),
    "pfs": Scenario(_connection("children.net.esp_proposals", ["aes256gcm16-ecp256"]), after="rekey"),
    "silence": Scenario(explained_by=("gw1",), rules="udp dport 500 drop"),
    "closed-port": Scenario(explained_by=("gw1",), peer_runs=False),
    "blocked-port": Scenario(_connection("encap", True), ("gw1",), rules="udp dport 4500 drop"),
    "fragments": Scenario(
        _connection("fragmentation", "no"), ("gw1",), rules="meta length > 1200 drop", certificates=("Our CA", "Our CA")
    ),
    "esp-blocked": Scenario(explained_by=("gw1",), rules="meta l4proto esp drop", after="ping", datapath="userspace"),
    "no-name": Scenario(_connection("remote_addrs", ["gw2.example.invalid"]), ("gw1",)),
}


def base(own: tuple[str, str, str], peer: tuple[str, str, str]) -> Config:
    """The configuration of one side, with everything right."""
    return {
        "connections": {
            "site": {
                "local_addrs": [own[1]],
                "remote_addrs": [peer[1]],
                "proposals": ["aes256gcm16-prfsha384-x25519"],
                "local": {"auth": "psk", "id": f"{own[0]}.example.com"},
                "remote": {"auth": "psk", "id": f"{peer[0]}.example.com"},
                "children": {
                    "net": {"local_ts": [own[2]], "remote_ts": [peer[2]], "esp_proposals": ["aes256gcm16-x25519"]}
                },
            }
        },
        "secrets": {"ike-site": {"secret": "a key that both sides know"}},
    }


def with_certificates(config: Config, directory: Path, own: Issued, trusted: Issued) -> None:
    """Change a side to certificates: its own one, and an authority that it trusts."""
    directory.mkdir(parents=True)
    files = {"own.pem": own.pem, "own.key": own.key_pem, "ca.pem": trusted.pem}
    for name, content in files.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o600)
    connection = config["connections"]["site"]
    connection["local"] |= {"auth": "pubkey", "certs": [str(directory / "own.pem")]}
    connection["remote"] |= {"auth": "pubkey"}
    config["secrets"] = {"private-own": {"file": str(directory / "own.key")}}
    config["authorities"] = {"ours": {"file": str(directory / "ca.pem")}}


def run(name: str, scenario: Scenario, directory: Path, hosts: dict[str, Namespace], picture: Picture | None) -> str:
    """Let gw1 try to connect, and return what is explained."""
    left, right = base(LEFT, RIGHT), base(RIGHT, LEFT)
    if scenario.certificates:
        ours, theirs = map(authority, scenario.certificates)
        kind = "rsa3072" if name == "fragments" else "ecdsa256"
        with_certificates(left, directory / "left", ours.leaf("gw1.example.com", kind), ours)
        with_certificates(right, directory / "right", theirs.leaf("gw2.example.com"), theirs)
    left = copy.deepcopy(left)
    scenario.change(left)
    settings = {"retransmit_timeout": "0.1s", "log": {"default": 0}}
    engines = {
        "gw1": Engine(hosts["gw1"], directory / "gw1", settings, left, datapath=scenario.datapath),
        "gw2": Engine(hosts["gw2"], directory / "gw2", settings, right, datapath=scenario.datapath),
    }
    started = [engine for host, engine in engines.items() if host == "gw1" or scenario.peer_runs]
    try:
        for engine in started:
            engine.start()
        with firewall(hosts["gw2"], scenario.rules):
            engines["gw1"].cli("initiate", "--child", "net", "--quiet", check=False)
            go_on(scenario.after, engines["gw1"], hosts["gw1"])
        if picture:
            _draw(picture, engines["gw2"])
        return "\n".join(f"{host}$ ikeengine explain\n{_explain(engines[host])}" for host in scenario.explained_by)
    finally:
        for engine in started:
            engine.kill()


@contextmanager
def firewall(host: Namespace, rules: str) -> Iterator[None]:
    """Let a firewall do this to what comes in."""
    if rules:
        table = "table inet recorded { chain in { type filter hook input priority filter; %s; }; }"
        host.run("nft", "-f", "-", input=table % rules)
    yield
    if rules:
        host.run("nft", "delete", "table", "inet", "recorded")


def go_on(what: str, engine: Engine, host: Namespace) -> None:
    """What shows only when the tunnel is up."""
    if what == "rekey":
        engine.cli("rekey", "--child", "net", check=False)
    elif what == "ping":
        host.ping("10.2.0.1", "-I", "10.1.0.1", count=5, wait=0.2)


def _explain(engine: Engine) -> str:
    """The latest record: retransmissions may have left more than one of the same kind."""
    return engine.cli("explain").stdout.partition("\n\n")[0].rstrip("\n") + "\n"


def _draw(picture: Picture, engine: Engine) -> None:
    picture.prompt("ikeengine explain", engine.namespace.name.rpartition("-")[2])
    command = [sys.executable, "-m", "ikeengine", "explain", "--socket", str(engine.socket_path)]
    picture.run(engine.namespace.prefix(command))


def main() -> int:
    """Record every scenario."""
    if os.geteuid() != 0:
        print("This makes network namespaces, which needs root")
        return 1
    picture = Picture("explain", "a negotiation that failed", WIDTH)
    recorded: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        prefix = f"docs{os.getpid()}-"
        hosts = {name: stack.enter_context(Namespace(prefix + name)) for name in ("gw1", "gw2")}
        veth(hosts["gw1"], hosts["gw2"])
        for name, address, _ in (LEFT, RIGHT):
            hosts[name].add_address("eth0", f"{address}/24")
        hosts["gw1"].add_address("lo", "10.1.0.1/32")
        hosts["gw2"].add_address("lo", "10.2.0.1/32")
        for name, scenario in SCENARIOS.items():
            drawn = picture if name == "selectors" else None
            recorded[name] = run(name, scenario, Path(temporary) / name, hosts, drawn)
    text = GUIDE.read_text()
    GUIDE.write_text(MARKER.sub(lambda match: match[1] + recorded[match["name"]] + match[3], text))
    print(picture.save())
    print(GUIDE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
