"""version, stats, reload-settings."""

from __future__ import annotations

import platform
import time

from ikeengine import __version__
from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, Handler, Request

_PRIORITIES = ("critical", "high", "medium", "low")
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))


async def version(request: Request) -> Section:
    """Who we are, and on what."""
    system = platform.uname()
    return {
        "daemon": "ikeengine",
        "version": __version__,
        "sysname": system.system,
        "release": system.release,
        "machine": system.machine,
    }


async def stats(request: Request) -> Section:
    """Load and uptime. There is one thread for everything, so workers and queues say little."""
    control = request.control
    running = control.service.now() - control.started
    sas = control.service.core.status()
    half_open = sum(1 for ike in sas if ike.state == "CONNECTING")
    return {
        "uptime": {"running": span(running), "since": time.strftime("%b %d %H:%M:%S %Y", _started_at(running))},
        "workers": {"total": 1, "idle": 0, "active": {p: int(p == "medium") for p in _PRIORITIES}},
        "queues": dict.fromkeys(_PRIORITIES, 0),
        "scheduled": int(control.service.core.next_timeout() is not None),
        "ikesas": {"total": len(sas), "half-open": half_open},
        "plugins": [control.service.datapath.name, "vici", "counters"],
    }


def _started_at(running: float) -> time.struct_time:
    return time.localtime(time.time() - running)


def span(seconds: float) -> str:
    """A time span as strongSwan words it: in the largest unit of which there are more than two."""
    for size, unit in _UNITS:
        if seconds > 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} second{'' if int(seconds) == 1 else 's'}"


async def reload_settings(request: Request) -> Section:
    """Read the `engine` section of the configuration again; connections and credentials stay as they are."""
    await request.control.loader.reload_engine()
    return SUCCESS


COMMANDS: dict[str, Handler] = {"version": version, "stats": stats, "reload-settings": reload_settings}
