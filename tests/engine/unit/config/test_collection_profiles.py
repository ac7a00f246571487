"""`ikeengine check` accepts what the collection writes, for each of its profiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ikeengine.cli.main import main
from ikeengine.crypto.kex import ADDITIONAL_KEX
from ikeengine.crypto.selftest import is_usable
from ikeengine.model.proposal import Transform
from ikeengine.registry import TransformType
from tests.engine.support.collection import plugin_utils

Check = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return plugin_utils("_mesh", tmp_path_factory.mktemp("collections"))


@pytest.fixture
def check(mesh: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """The exit code and the output of `ikeengine check` for the file of gw1 in a mesh of two."""

    def run(**settings: object) -> tuple[int, str]:
        definition = {"name": "backbone", "group": "gateways", **settings}
        hosts = {
            f"gw{n}": {"ike_address": f"192.0.2.{n}", "ike_subnets": [f"10.{n}.0.0/16"], "ike_meshes": [definition]}
            for n in (1, 2)
        }
        data = mesh.mesh(hosts, {"gateways": list(hosts)}, list(hosts))
        text = mesh.file_text(mesh.tunnels(data, "gw1"), {})
        (tmp_path / "tunnels.yml").write_text(text)
        (tmp_path / "psk.yml").write_text(f"secrets: {{ike-1: {{secret: '0x{'ab' * 32}', id: [gw1, gw2]}}}}\n")
        (tmp_path / "psk.yml").chmod(0o600)
        code = main(["check", "--config", str(tmp_path)])
        output = capsys.readouterr()
        return code, output.out + output.err

    return run


def test_profiles(mesh: ModuleType, check: Check) -> None:
    lacks_mlkem = not all(is_usable(Transform(TransformType.KE, method.id)) for method in ADDITIONAL_KEX.values())
    for name, profile in mesh.PROFILES.items():
        code, output = check(proposal=name, allow_weak=True)
        if lacks_mlkem and "mlkem" in str(profile):
            assert code == 2
            assert "the installed cryptography library lacks it" in output
        else:
            assert (code, output.strip() != "") == (0, True), f"{name}: {output}"
            assert ("warning: " in output) == (profile.get("version") == 1)


def test_transit_and_addresses_of_both_families(mesh: ModuleType, check: Check) -> None:
    code, output = check(topology="hub_spoke", hubs=["gw1"], transit=True, child={"rekey_time": "10m"})
    assert code == 0, output
