"""Runs the tests below `inside/` in kernels that have ESP and those below `emulated/` in one with XFRM interfaces.

Outside, each of those tests is replaced by one that reports what came of it inside; the first one boots the kernels.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.kernel.boots import Boots, Kind, kind_of, report, take
from tests.lab import guest, preforked
from tests.lab.needs import give_up

GROUP = "kernel"
"""With `--dist loadgroup` one worker of pytest-xdist gets all these tests."""


class KernelTest(pytest.Item):
    """Stands for a test that runs inside. `inside` is its name there, which has no xdist group at its end."""

    inside: str
    kind: Kind
    callspec: object
    """The parameters of the test inside, which tell the engine's role."""

    def runtest(self) -> None:
        boots = self.session.stash.setdefault(BOOTS, {})
        if self.kind.folder not in boots:
            if reason := self.kind.lab.missing():
                give_up(reason)
            boots[self.kind.folder] = self._boot()
        boots[self.kind.folder].judge(self.inside)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name

    def _boot(self) -> Boots:
        directory = Path(tempfile.mkdtemp(prefix="ikeengine-kernel-"))
        self.config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        items = (item for item in self.session.items if isinstance(item, KernelTest))
        tests = [item.inside for item in items if item.kind is self.kind]
        run = Boots(self.kind, directory, tests, self.config.rootpath)
        run.run()
        return run


BOOTS = pytest.StashKey[dict[Path, Boots]]()


def pytest_configure() -> None:
    """Inside, import what daemons need while the tests are collected."""
    if guest.inside():
        preforked.prepare()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Outside, mark before pytest deselects by marker."""
    if kind_of(item.path) is not None and not guest.inside():
        item.add_marker(pytest.mark.kernel)
        item.add_marker(pytest.mark.xdist_group(GROUP))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Outside, put a KernelTest in the place of each test that needs the kernel."""
    if guest.inside():
        return
    for position, item in enumerate(items):
        kind = kind_of(item.path)
        if kind is not None and item.parent is not None:
            stand_in = KernelTest.from_parent(item.parent, name=item.name, nodeid=item.nodeid)
            stand_in.inside, stand_in.kind = item.nodeid.removesuffix(f"@{GROUP}"), kind
            stand_in.own_markers = item.own_markers
            stand_in.callspec = getattr(item, "callspec", None)
            stand_in.keywords.update(item.keywords)
            items[position] = stand_in


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Inside, run the tests that no other kernel has taken. What comes next decides which fixtures stay."""
    if not guest.inside():
        return None
    items = take(session.items)
    item = next(items, None)
    while item is not None:
        following = next(items, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        item = following
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Inside, let the outside know."""
    made = yield
    if guest.inside() and _decides(made):
        report(made.nodeid, made.outcome, _text(made))
    return made


def _decides(made: pytest.TestReport) -> bool:
    return made.when == "call" or made.outcome != "passed"


def _text(made: pytest.TestReport) -> str:
    if made.outcome == "skipped" and isinstance(made.longrepr, tuple):
        return made.longrepr[2]
    sections = "\n".join(f"--- {title}\n{content}" for title, content in made.sections)
    return f"{made.longreprtext}\n{sections}" if made.outcome == "failed" else ""
