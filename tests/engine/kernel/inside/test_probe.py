"""In a kernel with ESP the engine uses it."""

from __future__ import annotations

from ikeengine.datapath.probe import choose
from tests.lab.netns import Namespace


def test_auto_finds_esp_and_leaves_no_trace():
    with Namespace("probe") as namespace, namespace.entered():
        assert choose("auto").name == "xfrm"
        assert namespace.run("ip", "xfrm", "state").stdout == ""
