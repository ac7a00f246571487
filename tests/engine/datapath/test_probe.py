"""Which datapath a host gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikeengine.datapath import probe
from ikeengine.datapath.probe import NAMES, choose, kernel_has_esp
from ikeengine.datapath.xfrm import XfrmDatapath
from ikeengine.errors import DatapathError, LocalMisuse
from tests.engine.datapath.xfrm.fake_kernel import FakeKernel, FakeSocket


@pytest.fixture
def kernel(monkeypatch) -> FakeKernel:
    kernel = FakeKernel()
    monkeypatch.setattr(probe, "NetlinkSocket", lambda family: FakeSocket(kernel))
    return kernel


@pytest.mark.parametrize("name", ["xfrm", "userspace", "none"])
def test_a_named_datapath_is_taken_as_it_is(kernel: FakeKernel, name: str):
    kernel.has_esp = False
    assert choose(name).name == name
    assert kernel.changes == []


@pytest.mark.parametrize(("has_esp", "expected"), [(True, "xfrm"), (False, "userspace")])
def test_auto_asks_the_kernel_and_leaves_no_trace(kernel: FakeKernel, caplog, has_esp: bool, expected: str):
    caplog.set_level("INFO")
    kernel.has_esp = has_esp
    assert choose("auto").name == expected
    assert kernel.states == {}
    assert kernel.closed == 1
    assert ("packets will be protected in userspace: the kernel has no usable ESP" in caplog.text) is not has_esp


def test_a_kernel_without_netlink_has_no_esp(monkeypatch):
    def refuse(family: int) -> None:
        raise DatapathError("netlink family 6 is not available")

    monkeypatch.setattr(probe, "NetlinkSocket", refuse)
    assert not kernel_has_esp()


def test_the_kernel_datapath_gets_its_options(tmp_path: Path):
    datapath = choose("xfrm", journal=tmp_path / "journal", install_routes=False)
    assert isinstance(datapath, XfrmDatapath)
    assert datapath._journal._path == tmp_path / "journal"
    assert datapath._install_routes is False


def test_an_unknown_name(kernel: FakeKernel):
    with pytest.raises(LocalMisuse, match="there is no datapath 'kernel', only auto, xfrm, userspace, none"):
        choose("kernel")
    assert set(NAMES) == {"auto", "xfrm", "userspace", "none"}
