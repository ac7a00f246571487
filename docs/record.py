"""Records the pictures of the documentation from a real run of the demo: `make docs-pictures` (needs root)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from docs.picture import Picture
from tests.lab.demo.__main__ import Demo, alone, fetch_wheels, fresh_directory, tell_story
from tests.lab.demo.topology import PREFIX

WIDTH = 104


class RecordedDemo(Demo):
    """The demo, but its last step goes into a picture of its own."""

    def status(self) -> None:
        """Nothing here: see `record_status`."""

    def client_command(self, *arguments: str) -> list[str]:
        """A command line of ikeengine on the left gateway."""
        host = self.directory / "hosts" / self.left.gateway
        engine = [str(host / "opt/current/bin/ikeengine"), "--socket", str(host / "run/ikeengine.vici")]
        return ["ip", "netns", "exec", PREFIX + self.left.gateway, *engine, *arguments]


def record() -> list[Path]:
    """Run the demo once and save its pictures."""
    story = Picture("demo", "make demo", WIDTH)
    demo = RecordedDemo(story.console, fresh_directory())
    try:
        fetch_wheels(Console(), demo.wheels)
        story.prompt("make demo")
        tell_story(demo)
        return [story.save(), record_status(demo).save()]
    finally:
        demo.topology.close()
        shutil.rmtree(demo.directory)


def record_status(demo: RecordedDemo) -> Picture:
    """What `ikeengine` shows on a gateway."""
    picture = Picture("status", f"ikeengine on {demo.left.gateway}", WIDTH)
    for command in ("status", "rekey --child net"):
        picture.prompt(f"ikeengine {command}", demo.left.gateway)
        picture.run(demo.client_command(*command.split()))
    return picture


def main() -> int:
    """Record everything."""
    if os.geteuid() != 0:
        print("The pictures come from a run of the demo, which makes network namespaces: sudo make docs-pictures")
        return 1
    with alone(Console()):
        for path in record():
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
