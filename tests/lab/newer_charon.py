"""A strongSwan newer than the machine's, with ML-KEM, in a root directory of its own (`provision.sh strongswan`)."""

from __future__ import annotations

from pathlib import Path

from tests.lab.charon import BINARY, Charon

ROOT = Path(__file__).resolve().parents[2] / ".build" / "strongswan"

# `ip netns exec` gives the command mounts of its own, so these are gone when it ends.
_ENTER = """
set -e
mkdir -p "$0$1"
mount --bind "$1" "$0$1"
mount --bind /dev "$0/dev"
mount -t proc proc "$0/proc"
exec chroot "$0" "$2"
"""


class NewerCharon(Charon):
    """The daemon in its own root directory, where it sees the directory of the test under the same path."""

    def _command(self) -> list[str]:
        return ["sh", "-c", _ENTER, str(ROOT), str(self.log_file.parent), BINARY]

    def version(self) -> str:
        """Such as 6.1.0."""
        return str(self.request("version")["version"])


def missing() -> str:
    """Why it cannot run here; empty if it can."""
    if not (ROOT / ".complete").exists():
        return f"no newer strongSwan below {ROOT}: tests/lab/provision.sh strongswan {ROOT}"
    return ""
