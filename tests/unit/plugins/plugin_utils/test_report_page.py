# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import html.parser
import itertools
import json
import pathlib
import random
import re
import shutil
import subprocess
import typing as t
from xml.etree import ElementTree

import pytest

from ansible_collections.keymesh.ike.plugins.filter.tunnel_report import tunnel_report
from ansible_collections.keymesh.ike.plugins.plugin_utils import _report
from ansible_collections.keymesh.ike.tests.unit.plugins.verification import probe, sas, tunnel

Results = t.Dict[str, t.List[t.Dict[str, t.Any]]]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def results(*pairs: t.Tuple[str, str], bad: t.Sequence[str] = (), down: t.Sequence[str] = ()) -> Results:
    """The results of these pairs in both directions, unless the second host is a partner."""
    found: Results = {}
    for pair in pairs:
        for host, peer in (pair, pair[::-1]):
            if host.startswith("partner"):
                continue
            one = tunnel(host, peer, managed=not peer.startswith("partner"))
            name = one["name"]
            up = [] if name in down else sas((1, 9), name=name)
            changes = {"mtu": {"size": 1400, "passed": False, "largest": 1300}} if name in bad else {}
            before = sas((1, 0), name=name)
            found.setdefault(host, []).extend(_report.tunnel_results([one], probe(before, up, name, **changes)))
    return found


MESH = results(("a", "b"), ("a", "c"), ("b", "c"), ("a", "partner"), bad=["a--c"], down=["b--c"])


def test_tunnels_and_nodes() -> None:
    report = tunnel_report(MESH, time="2026-11-21T19:00:00Z")
    assert {one["name"]: one["state"] for one in report["tunnels"]} == {
        "a--b": "ok",
        "a--c": "failed",
        "b--c": "down",
        "a--partner": "one_sided",
    }
    assert not report["ok"] and report["summary"]["working"] == 3 and report["summary"]["directions"] == 7
    nodes = {one["name"]: one for one in report["nodes"]}
    assert not nodes["partner"]["managed"] and nodes["c"]["failing"] == 2
    assert [one["note"] for one in report["tunnels"] if one["note"]] == [
        "partner is not managed from here: only the direction from a is tested."
    ]
    assert json.loads(tunnel_report(MESH, "json", time="2026-11-21T19:00:00Z")) == report


def test_hubs() -> None:
    star = results(*[("hub", f"s{number}") for number in range(5)])
    assert [one["name"] for one in tunnel_report(star)["nodes"] if one["hub"]] == ["hub"]
    assert not any(one["hub"] for one in tunnel_report(MESH)["nodes"] if one["name"] != "a")


def test_a_host_that_gave_nothing() -> None:
    some = {"a": results(("a", "b"))["a"]}
    report = tunnel_report(some, missing=["b"])
    assert not report["ok"] and report["tunnels"][0]["note"].startswith("b was not reached")
    assert tunnel_report(some)["ok"] and "not part of this run" in tunnel_report(some)["tunnels"][0]["note"]
    assert tunnel_report({}, missing=["b"])["ok"] is False
    assert "gave no results" in tunnel_report({}, "html", missing=["b"])


def test_junit() -> None:
    root = ElementTree.fromstring(tunnel_report(MESH, "junit", time="2026-11-21T19:00:00Z", missing=["d"]))
    suites = {suite.get("name"): suite for suite in root}
    assert root.tag == "testsuites" and list(suites) == ["a", "b", "c", "d"]
    assert (root.get("tests"), root.get("failures")) == ("8", "5")
    assert (suites["a"].get("tests"), suites["a"].get("failures")) == ("3", "1")
    for suite in suites.values():
        assert len(suite.findall("testcase")) == int(suite.get("tests"))
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures"))
    failure = suites["b"].find("testcase[@name='b to c']/failure")
    assert failure is not None and "no Child SA" in failure.get("message") and "explain" in failure.text


def test_text_of_hosts_does_no_harm() -> None:
    nasty = {
        "a": [dict(results(("a", "b"))["a"][0], ok=False, problem="<script>alert(1)</script>\x00 ]]>", advice="&")]
    }
    page = tunnel_report(nasty, "html", title="<b>")
    assert (
        "<script>alert" not in page
        and "<b>" not in page.replace("<b>1", "").replace("<b>2", "").replace("<b>0", "")[:900]
    )
    assert ElementTree.fromstring(tunnel_report(nasty, "junit")).find(".//failure") is not None


class Reader(html.parser.HTMLParser):
    """Collects what a test asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: t.List[t.Tuple[str, t.Dict[str, t.Optional[str]]]] = []

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        self.found.append((tag, dict(attrs)))


def read(page: str) -> t.List[t.Tuple[str, t.Dict[str, t.Optional[str]]]]:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader.found


def test_the_page() -> None:
    found = read(tunnel_report(MESH, "html"))
    names = {"a--b", "a--c", "b--c", "a--partner"}
    assert {
        attributes["data-tunnel"] for tag, attributes in found if tag == "g" and "data-tunnel" in attributes
    } == names
    assert {
        attributes["data-tunnel"] for tag, attributes in found if tag == "tr" and "data-tunnel" in attributes
    } == names
    assert {attributes["data-node"] for tag, attributes in found if "data-node" in attributes} == {
        "a",
        "b",
        "c",
        "partner",
    }
    for tag, attributes in found:
        assert not {"src", "srcset", "action"} & set(attributes), f"{tag} loads something"
        assert attributes.get("href", "#").startswith("#")
        assert not attributes.get("tabindex") or attributes.get("role") or tag in ("a", "button", "input", "select")


def full_mesh(size: int) -> Results:
    """With SPIs, times, ages and counters that are all different, as they are."""
    hosts = [f"gateway{number:02}" for number in range(size)]
    found = results(*itertools.combinations(hosts, 2), down=["gateway00--gateway01"])
    chance = random.Random(4)
    spis: t.Dict[str, str] = {}
    for host, directions in found.items():
        number = hosts.index(host)
        for one in directions:
            other = hosts.index(one["peer"])
            one.update(source=f"10.{number}.0.1", target=f"10.{other}.0.1", milliseconds=chance.randrange(999999) / 1000)
            for side in ("initiator_spi", "responder_spi"):
                spis.setdefault(one["name"] + side, f"{chance.getrandbits(64):016x}")
            if one["child"] is None:
                continue
            spi = [spis.setdefault(f"{a}>{b}", f"{chance.getrandbits(32):08x}") for a, b in ((number, other), (other, number))]
            octets = [chance.randrange(10**6) for unused in range(2)]
            one["ike"].update({side: spis[one["name"] + side] for side in ("initiator_spi", "responder_spi")})
            one["ike"].update(
                age=chance.randrange(14400), local_host=f"192.0.2.{number}", remote_host=f"192.0.2.{other}", nat=[]
            )
            one["child"].update(spi_in=spi[0], spi_out=spi[1], bytes_in=octets[0], bytes_out=octets[1])
            one["child"].update(age=chance.randrange(3600), mode="TUNNEL", encap=False)
            one["child"].update(local_ts=[f"10.{number}.0.0/16"], remote_ts=[f"10.{other}.0.0/16"])
    return found


def test_a_large_mesh_makes_no_large_page() -> None:
    assert len(tunnel_report(full_mesh(50), "html")) < 600_000


def test_what_all_have_in_common_is_there_once() -> None:
    page = tunnel_report(full_mesh(20), "html")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    columns = data["directions"]["columns"]
    assert data["tunnels"]["rows"] == 190 and data["directions"]["rows"] == 380
    assert columns["clear"] == {"one": 0}
    assert len(columns["from"]["of"]) == 20 and len(columns["from"]["at"]) == 380
    assert data["tunnels"]["columns"]["mesh"] == {"one": "backbone"}
    assert isinstance(columns["milliseconds"], list)


def test_failures_come_first() -> None:
    page = tunnel_report(MESH, "html")
    rows = re.findall(r'<tr data-tunnel="([^"]+)"', page)
    assert rows[:2] == ["b--c", "a--c"]
    assert page.index("What does not work") < page.index("<svg")
    assert "What does not work" not in tunnel_report(results(("a", "b")), "html")


def structure(row: str) -> str:
    """A row of the table without what is in it."""
    return re.sub(r"\s+", "", re.sub(r">[^<]+<", "><", re.sub(r'(data-tunnel|data-state|class)="[^"]*"', "", row)))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("size", [3, 50])
def test_a_browser_runs_the_page(tmp_path: pathlib.Path, size: int) -> None:
    pairs = size * (size - 1) // 2
    mesh = full_mesh(size)
    page = tmp_path / "page.html"
    page.write_text(tunnel_report(mesh, "html"))
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --enable-logging=stderr --v=0"
    command = [str(CHROMIUM), *options.split(), f"--user-data-dir={tmp_path}/profile", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = read(done.stdout)
    # The script sets this attribute when it has run to its end.
    assert ("html", str(pairs)) == (found[0][0], found[0][1].get("data-ready"))
    assert sum("data-tunnel" in attributes for tag, attributes in found if tag == "g") == pairs
    rows = re.findall(r'<tr data-tunnel="[^"]*" data-state="[a-z]+"[^>]*>.*?</tr>', done.stdout)
    assert len(rows) == pairs and len({*map(structure, rows[1:])}) == 1, "the script makes other rows than the page has"
    last = mesh["gateway00"][-1]
    assert f"{last['milliseconds']:.1f} ms" in next(row for row in rows if f'"{last["name"]}"' in row)
    # The worst tunnel is shown from the start.
    assert "gateway00 – gateway01" in done.stdout.split('id="details"')[1].split("</section>")[0]
