"""plan, apply, confirm, failures: what strongSwan's VICI lacks, in the same style.

plan()     => { success, errmsg, errors = [], connections = { <name> = { action, details = [] } }, others = [],
                drops = { <number> = { connection, child, uniqueid, remote-host, remote-id, established (seconds ago),
                                       children = [], again } } }
apply({ path, confirm-within (seconds) })
           => the same, after it was done; undone again unless `confirm` comes within that time
confirm()  => { success, errmsg }: keep what `apply` has put into force
failures({ connection }) => { failures = { <number> = { alert, side, phase, reason, age, connection, child, peer,
                              offered = [], accepted = [], nearest, advice } }, the latest first,
                              hints = { <number> = the same about tunnels that are up, but seem dead } }
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from ikeengine.config.problems import ConfigErrors
from ikeengine.daemon.drops import Drop
from ikeengine.daemon.hints import hints
from ikeengine.daemon.reload import Plan
from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request
from ikeengine.observe.events import failure_fields

MAX_FAILURES = 200
"""Records in one answer, so that it fits into a packet."""
MAX_DROPS = 1000
"""SAs that a plan names, for the same reason; `drop-count` counts all of them."""


async def plan(request: Request) -> Section:
    """What a reload of the configuration would change."""
    try:
        return SUCCESS | _section(request, await request.control.loader.plan(_path(request)))
    except ConfigErrors as error:
        raise _invalid(error) from error


async def apply(request: Request) -> Section:
    """Reload the configuration, for good or until it is confirmed. Nothing changes if there is any error in it."""
    control, path, seconds = request.control, _path(request), request.number("confirm-within")
    try:
        made = await (control.trial.apply(path, seconds) if seconds else control.loader.apply(path))
        return SUCCESS | _section(request, made)
    except ConfigErrors as error:
        raise _invalid(error) from error


async def confirm(request: Request) -> Section:
    """Keep the configuration that is on trial."""
    if not request.control.trial.confirm():
        raise CommandFailed("no configuration waits for a confirmation")
    return SUCCESS


def _path(request: Request) -> Path | None:
    """The configuration that the client means; None for ours. Only who may read every file may name another one."""
    text = request.text("path")
    if not text or Path(text) == request.control.loader.path.resolve():
        return None
    if request.session.peer.uid not in (0, os.geteuid()):
        raise CommandFailed(f"the configuration is {request.control.loader.path}; only root may name another one")
    if not Path(text).is_absolute():
        raise CommandFailed(f"the path {text} is not absolute")
    return Path(text)


def _section(request: Request, made: Plan) -> Section:
    now, left = request.control.service.now(), request.control.trial.left
    on_trial: Section = {} if left is None else {"unconfirmed": int(left)}
    return on_trial | {
        "connections": {
            entry.connection: {"action": entry.action.value, "details": list(entry.details)} for entry in made.entries
        },
        "others": list(made.others),
        "drops": {str(number): _drop(drop, now) for number, drop in enumerate(made.drops[:MAX_DROPS], 1)},
        "drop-count": len(made.drops),
    }


def _drop(drop: Drop, now: float) -> Section:
    return {
        "connection": drop.connection,
        "child": drop.child,
        "uniqueid": drop.unique_id,
        "remote-host": drop.peer,
        "remote-id": drop.peer_id,
        "established": "" if drop.since is None else max(0, int(now - drop.since)),
        "children": list(drop.children),
        "again": drop.again,
    }


def _invalid(error: ConfigErrors) -> CommandFailed:
    count = len(error.errors)
    errors = [str(one) for one in error.errors]
    return CommandFailed(f"the configuration has {count} error{'s' if count != 1 else ''}", {"errors": errors})


async def failures(request: Request) -> Section:
    """Records of failed negotiations."""
    service = request.control.service
    now = service.now()
    suspicions = hints(service, request.text("connection"))
    records = sorted(service.core.failures(request.text("connection")), key=lambda record: -record.at)
    sections = {
        str(number): {"age": max(0, int(now - record.at))} | failure_fields(record)
        for number, record in enumerate(records[:MAX_FAILURES], 1)
    }
    return {
        "failures": sections,
        "hints": {
            str(number): {"age": 0} | failure_fields(record)
            for number, record in enumerate(islice(suspicions, MAX_FAILURES), 1)
        },
    }


COMMANDS: dict[str, Handler] = {"plan": plan, "apply": apply, "confirm": confirm, "failures": failures}
