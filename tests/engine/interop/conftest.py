"""The engine against the real strongSwan, in network namespaces; one pair of daemons for the tests of a module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.lab import Lab, lab
from tests.lab import charon
from tests.lab.needs import give_up

HERE = Path(__file__).parent
PROGRAMS = {"ip": "iproute2", "nft": "nftables", "ping": "iputils-ping", "tcpdump": "tcpdump", "iperf3": "iperf3"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark before pytest deselects by marker."""
    if HERE in item.path.parents:
        item.add_marker(pytest.mark.interop)


def missing() -> str:
    """Why these tests cannot run here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    absent = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    return f"apt-get install {' '.join(absent)}" if absent else charon.missing()


@pytest.fixture(scope="session", autouse=True)
def _can_run() -> None:
    if reason := missing():
        give_up(reason)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine and charon, directly connected. Modules that need other settings have a fixture of their own."""
    with lab(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(site: Lab) -> Iterator[None]:
    """Each test begins with daemons that know nothing, and shows what they said if it fails."""
    site.reset()
    yield
    print("--- engine", site.engine.log(), "--- charon", site.charon.log(), sep="\n")


@pytest.fixture(params=["engine", "charon"], ids=["engine-begins", "charon-begins"])
def initiator(request: pytest.FixtureRequest) -> str:
    """Who begins."""
    name: str = request.param
    return name
