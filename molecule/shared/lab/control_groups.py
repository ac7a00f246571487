"""A control group of its own for each container."""

import contextlib
import os


def control_groups(name):
    """The directories of a control group for one container, in each hierarchy that systemd uses.

    Containers in the same one would share the groups of their services too, and remove them under each other.
    """
    roots = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
    return [os.path.join(root, name) for root in roots if os.path.exists(os.path.join(root, "cgroup.procs"))]


def within(groups, command):
    """A command line that runs another one in control groups."""
    enter = "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)
    return ["sh", "-c", f'{enter}exec "$@"', "sh", *command]


def remove_control_groups(name):
    """Remove them with all below, as far as nothing is in them any more."""
    for group in control_groups(name):
        for directory, _below, _files in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
