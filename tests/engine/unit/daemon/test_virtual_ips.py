"""Leases in a file, name servers in a resolv.conf, and virtual IP addresses on an interface."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from ikeengine.config.vici import pool_from_vici
from ikeengine.daemon import name_servers as name_servers_module
from ikeengine.daemon.lease_file import LeaseFile
from ikeengine.daemon.name_servers import NameServers
from ikeengine.daemon.virtual_ips import VirtualIps
from ikeengine.datapath.virtual_ips import VirtualIpInstaller
from ikeengine.errors import DatapathError
from ikeengine.negotiate.identities import parse_identity
from ikeengine.negotiate.leases import Claim, LeaseTable
from ikeengine.outputs import DeleteAddress, InstallAddress, LeaseChanged, LogLine
from tests.lab.needs import need_root
from tests.lab.netns import Namespace
from tests.lab.topology import unique_name

CAROL = parse_identity("carol@example.com")
FOREIGN = "# mine\nnameserver 192.0.2.53\nsearch example.com\n"


def table() -> LeaseTable:
    made = LeaseTable()
    made.set_pool(pool_from_vici("rw", {"addrs": "10.3.0.0/28"}))
    return made


def lease_file(path: Path, leases: LeaseTable, loop: asyncio.AbstractEventLoop) -> LeaseFile:
    return LeaseFile(path, leases, loop)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def test_leases_survive(tmp_path, loop):
    before, path = table(), tmp_path / "leases.json"
    before.acquire(["rw"], Claim(CAROL, 1, "192.0.2.1"), bytes(4))
    before.acquire(["rw"], Claim(CAROL, 2, "192.0.2.1"), bytes(4))
    before.release(1)
    lease_file(path, before, loop).write()
    assert path.stat().st_mode & 0o777 == 0o600
    after = table()
    lease_file(path, after, loop).restore()
    assert {str(ip_address(lease.address)): lease.online for lease in after.leases()} == {
        "10.3.0.1": False,
        "10.3.0.2": False,
    }
    assert {lease.identity for lease in after.leases()} == {CAROL}


def test_many_changes_are_one_write(tmp_path, loop, monkeypatch):
    monkeypatch.setattr("ikeengine.daemon.lease_file.DELAY", 0.0)
    leases, path = table(), tmp_path / "leases.json"
    file = lease_file(path, leases, loop)
    leases.acquire(["rw"], Claim(CAROL, 1, "192.0.2.1"), bytes(4))
    (lease,) = leases.leases()
    file(LogLine(1, "IKE", "something else"))
    assert not path.exists()
    for _ in range(5):
        file(LeaseChanged(lease, "rw", 1))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert len(json.loads(path.read_text())["leases"]) == 1


def test_without_leases_no_file(tmp_path, loop):
    lease_file(tmp_path / "leases.json", table(), loop).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"leases": [{}]}', '{"leases": [{"pool": "rw", "address": "x"}]}', "7"]
)
def test_a_broken_file_is_no_reason_not_to_start(tmp_path, loop, text, caplog):
    path, leases = tmp_path / "leases.json", table()
    path.write_text(text)
    lease_file(path, leases, loop).restore()
    assert list(leases.leases()) == []
    assert "cannot be read" in caplog.text


def test_a_place_that_cannot_be_written(tmp_path, loop, caplog):
    lease_file(tmp_path / "nowhere" / "leases.json", table(), loop).write()
    assert "cannot be written" in caplog.text


@pytest.fixture
def resolv_conf(tmp_path: Path) -> Path:
    file = tmp_path / "resolv.conf"
    file.write_text(FOREIGN)
    file.chmod(0o640)
    return file


def test_our_lines_come_first_and_go_again(resolv_conf):
    servers = NameServers()
    servers.configure(str(resolv_conf), False)
    servers.add(1, ("10.0.0.53", "fd00::53"), (), "")
    servers.add(2, ("10.9.0.53", "10.0.0.53"), (), "")
    mark = name_servers_module.MARK
    ours = "".join(f"nameserver {server}{mark}\n" for server in ("10.9.0.53", "10.0.0.53", "fd00::53"))
    assert resolv_conf.read_text() == ours + FOREIGN
    assert resolv_conf.stat().st_mode & 0o777 == 0o640
    servers.remove(2)
    servers.remove(2)
    servers.clear()
    assert resolv_conf.read_text() == FOREIGN


def test_lines_of_a_killed_predecessor_go(resolv_conf):
    NameServers().configure(str(resolv_conf), False)
    dead = NameServers()
    dead.configure(str(resolv_conf), False)
    dead.add(1, ("10.0.0.53",), (), "")
    alive = NameServers()
    alive.configure(str(resolv_conf), False)
    assert resolv_conf.read_text() == FOREIGN


def test_servers_for_some_domains_are_not_for_all_names(resolv_conf):
    servers = NameServers()
    servers.configure(str(resolv_conf), False)
    servers.add(1, ("10.0.0.53",), ("corp.example",), "")
    assert resolv_conf.read_text() == FOREIGN


def test_nothing_is_written_without_a_setting(resolv_conf):
    servers = NameServers()
    servers.add(1, ("10.0.0.53",), (), "eth0")
    servers.configure(str(resolv_conf), False)
    assert resolv_conf.read_text().startswith("nameserver 10.0.0.53")
    servers.configure("", False)
    assert resolv_conf.read_text() == FOREIGN, "nor left behind when the setting goes"


def test_a_link_stays_a_link(resolv_conf, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(resolv_conf)
    servers = NameServers()
    servers.configure(str(link), False)
    servers.add(1, ("10.0.0.53",), (), "")
    assert link.is_symlink()
    assert "10.0.0.53" in resolv_conf.read_text()


def test_a_file_that_cannot_be_written(tmp_path, caplog):
    servers = NameServers()
    servers.configure(str(tmp_path / "no" / "file"), False)
    servers.add(1, ("10.0.0.53",), (), "")
    assert "cannot be written" in caplog.text


def test_systemd_resolved_is_told(tmp_path, monkeypatch):
    program, record = tmp_path / "resolvectl", tmp_path / "record"
    program.write_text(f'#!/bin/sh\necho "$@" >> {record}\n')
    program.chmod(0o755)
    monkeypatch.setattr(name_servers_module, "_RESOLVECTL", str(program))
    servers = NameServers()
    servers.configure("", True)
    servers.add(1, ("10.0.0.53", "fd00::53"), ("corp.example",), "eth0")
    servers.add(2, ("10.0.0.54",), (), "eth1")
    servers.add(3, ("10.0.0.55",), (), "")
    servers.clear()
    assert record.read_text().splitlines() == [
        "dns eth0 10.0.0.53 fd00::53",
        "domain eth0 ~corp.example",
        "dns eth1 10.0.0.54",
        "domain eth1 ~.",
        "revert eth0",
        "revert eth1",
    ]


# --- on interfaces


@pytest.fixture
def host() -> Iterator[Namespace]:
    need_root()
    with Namespace(unique_name("vip")) as namespace:
        namespace.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
        namespace.run("ip", "link", "set", "eth0", "up")
        namespace.run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth0")
        with namespace.entered():
            yield namespace


def addresses(namespace: Namespace, interface: str = "eth0") -> list[str]:
    words = namespace.run("ip", "-o", "addr", "show", "dev", interface, "scope", "global").stdout.split()
    return [word for word in words if "/" in word]


def test_addresses_come_and_go(host, tmp_path):
    installer = VirtualIpInstaller(tmp_path / "journal")
    installer.start()
    installer.install("10.3.0.1", "192.0.2.1")
    installer.install("fd00:3::1", "192.0.2.1")
    assert addresses(host) == ["192.0.2.1/24", "10.3.0.1/32", "fd00:3::1/128"]
    assert "tentative" not in host.run("ip", "addr").stdout
    assert installer.interface_of("10.3.0.1") == "eth0"
    installer.delete("10.3.0.1")
    installer.delete("10.3.0.1")
    assert addresses(host) == ["192.0.2.1/24", "fd00:3::1/128"]
    installer.stop()
    assert addresses(host) == ["192.0.2.1/24"]
    assert not (tmp_path / "journal").exists()


def test_a_chosen_interface(host, tmp_path):
    installer = VirtualIpInstaller(None, "lo")
    installer.start()
    installer.install("10.3.0.1", "192.0.2.1")
    assert addresses(host, "lo") == ["10.3.0.1/32"]
    installer.stop()
    missing = VirtualIpInstaller(None, "nowhere0")
    missing.start()
    with pytest.raises(DatapathError, match="no interface nowhere0"):
        missing.install("10.3.0.1", "192.0.2.1")
    missing.stop()


def test_what_the_host_has_already_is_not_ours(host, tmp_path):
    host.run("ip", "addr", "add", "10.3.0.1/32", "dev", "eth0")
    installer = VirtualIpInstaller(tmp_path / "journal")
    installer.start()
    installer.install("10.3.0.1", "192.0.2.1")
    installer.stop()
    assert "10.3.0.1/32" in addresses(host)


def test_what_a_killed_daemon_left_behind_is_removed(host, tmp_path):
    killed = VirtualIpInstaller(tmp_path / "journal")
    killed.start()
    killed.install("10.3.0.1", "192.0.2.1")
    killed._journal._entries.clear()
    os.close(killed._journal._file)
    host.run("ip", "addr", "add", "10.3.0.2/32", "dev", "eth0")
    heir = VirtualIpInstaller(tmp_path / "journal")
    heir.start()
    assert addresses(host) == ["192.0.2.1/24", "10.3.0.2/32"]
    heir.stop()


def test_the_core_hears_of_failures(host, tmp_path):
    told: list[tuple[int, str]] = []
    vips = VirtualIps(tmp_path / "journal")
    vips.start(lambda op, error: told.append((op, str(error))))
    vips.install(InstallAddress(7, "10.3.0.1", "192.0.2.99"))
    assert told == [(7, "there is no interface with the address 192.0.2.99")]
    vips.install(InstallAddress(8, "10.3.0.1", "192.0.2.1"))
    vips.delete(DeleteAddress("10.3.0.1"))
    assert len(told) == 1
    vips.stop()
    assert addresses(host) == ["192.0.2.1/24"]


def test_without_installing_nothing_happens():
    vips = VirtualIps(None, install=False)
    vips.start(lambda op, error: pytest.fail(str(error)))
    vips.install(InstallAddress(8, "10.3.0.1", "192.0.2.1"))
    vips.delete(DeleteAddress("10.3.0.1"))
    vips.stop()
