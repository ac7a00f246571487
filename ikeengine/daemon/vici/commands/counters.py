"""get-counters, reset-counters."""

from __future__ import annotations

from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request


async def get_counters(request: Request) -> Section:
    """The counters of one connection (`name`), of every connection (`all`), or the global ones."""
    counters = request.control.observer.counters
    names = counters.connections() if request.flag("all") else [request.text("name")]
    sets = {name: found for name in names if (found := counters.get(name)) is not None}
    if not sets and not request.flag("all"):
        raise CommandFailed("no counters found for this connection")
    return {"counters": sets} | SUCCESS


async def reset_counters(request: Request) -> Section:
    """Set the same counters to zero."""
    counters = request.control.observer.counters
    if request.flag("all"):
        counters.reset_all()
    else:
        counters.reset(request.text("name"))
    return SUCCESS


COMMANDS: dict[str, Handler] = {"get-counters": get_counters, "reset-counters": reset_counters}
