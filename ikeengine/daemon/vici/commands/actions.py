"""initiate, terminate, rekey, install, uninstall: commands that take time and stream `control-log` events meanwhile.

`timeout` is in milliseconds: 0 waits for the end, a negative one does not wait at all. `loglevel` is the highest
level streamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ikeengine.daemon.vici.bridge import log_section
from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request
from ikeengine.model.commands import Initiate, Install, Rekey, Terminate, Uninstall
from ikeengine.model.immutable import immutable
from ikeengine.model.status import IkeStatus
from ikeengine.observe.events import failure_fields
from ikeengine.outputs import CommandDone, LogLine

_DEFAULT_LOG_LEVEL = 1


@immutable
class Target:
    """Which SAs a command is for."""

    child: str = ""
    ike: str = ""
    child_id: int = 0
    ike_id: int = 0

    def __bool__(self) -> bool:
        return bool(self.child or self.ike or self.child_id or self.ike_id)

    def __str__(self) -> str:
        if self.child or self.child_id:
            return f"CHILD_SA '{self.child}'" if self.child else f"CHILD_SA #{self.child_id}"
        return f"IKE_SA '{self.ike}'" if self.ike else f"IKE_SA #{self.ike_id}"


def _target(request: Request) -> Target:
    return Target(request.text("child"), request.text("ike"), request.number("child-id"), request.number("ike-id"))


async def initiate(request: Request) -> Section:
    """Establish a Child SA, or only an IKE SA."""
    target = Target(request.text("child"), request.text("ike"))
    if not target:
        raise CommandFailed("missing configuration name")
    done = await _carry_out(request, Initiate(target.child, target.ike), target, "established")
    if done is not None and not done.ok:
        raise _failed(done, f"establishing {target} failed")
    return SUCCESS


async def terminate(request: Request) -> Section:
    """Close SAs."""
    target = _target(request)
    if not target:
        raise CommandFailed("missing terminate selector")
    _require_match(request, target, "terminate")
    command = Terminate(target.child, target.ike, target.child_id, target.ike_id, force=request.flag("force"))
    done = await _carry_out(request, command, target, "terminated")
    if done is None:
        return SUCCESS
    if not done.ok:
        raise _failed(done, f"terminating {target} failed")
    return SUCCESS | {"matches": done.matched, "terminated": done.matched}


async def rekey(request: Request) -> Section:
    """Replace SAs by new ones. Unlike strongSwan, the answer comes when that is done (or failed)."""
    target = _target(request)
    if not target:
        raise CommandFailed("missing rekey selector")
    _require_match(request, target, "rekey")
    command = Rekey(target.child, target.ike, target.child_id, target.ike_id, reauth=request.flag("reauth"))
    done = await _carry_out(request, command, target, "rekeyed")
    if done is None:
        return SUCCESS
    if not done.ok:
        raise _failed(done, f"rekeying {target} failed")
    return SUCCESS | {"matches": done.matched}


async def install(request: Request) -> Section:
    """Set a trap, or put a shunt into force."""
    return await _policies(request, Install, "install")


async def uninstall(request: Request) -> Section:
    """Take a trap or shunt back. SAs that are up stay."""
    return await _policies(request, Uninstall, "uninstall")


async def _policies(request: Request, command: type[Install | Uninstall], what: str) -> Section:
    child = request.text("child")
    if not child:
        raise CommandFailed("missing configuration name")
    done = await request.control.service.execute(command(child, request.text("ike")))
    if not done.ok:
        raise _failed(done, f"{what} '{child}' failed")
    return SUCCESS


async def _carry_out(
    request: Request, command: Initiate | Terminate | Rekey, target: Target, what: str
) -> CommandDone | None:
    """Run a command to its end, or for as long as the client wants to wait; None if it does not wait for the end."""
    timeout = request.number("timeout")
    bridge, service = request.control.bridge, request.control.service
    if timeout < 0:
        done = service.execute(command)
        return done.result() if done.done() else None
    concerns = _concerns(request, target)
    level = request.number("loglevel", _DEFAULT_LOG_LEVEL)

    def tap(line: LogLine) -> None:
        if line.level <= level and concerns(line):
            request.session.push_event("control-log", log_section(line))

    bridge.taps.append(tap)
    try:
        return await asyncio.wait_for(service.execute(command), timeout / 1000 if timeout > 0 else None)
    except TimeoutError:
        raise CommandFailed(f"{target} not {what} after {timeout}ms") from None
    finally:
        bridge.taps.remove(tap)


def _require_match(request: Request, target: Target, what: str) -> None:
    if not any(_matches(ike, target) for ike in request.control.service.core.status()):
        raise CommandFailed(f"no matching SAs to {what} found", {"matches": 0})


def _matches(ike: IkeStatus, target: Target) -> bool:
    if target.ike not in ("", ike.name) or target.ike_id not in (0, ike.unique_id):
        return False
    if not (target.child or target.child_id):
        return True
    return any(target.child in ("", child.name) and target.child_id in (0, child.unique_id) for child in ike.children)


def _concerns(request: Request, target: Target) -> Callable[[LogLine], bool]:
    """Which log lines belong to a command: those of its connections."""
    core = request.control.service.core
    if target.ike:
        names = {target.ike}
    elif target.child:
        names = {config.name for config in core.connections.values() if target.child in config.children}
    else:
        names = {ike.name for ike in core.status() if _matches(ike, target)}
    return lambda line: line.connection in names


def _failed(done: CommandDone, default: str) -> CommandFailed:
    """The failure with all that is known about it, for clients that look for more than `errmsg`."""
    section: Section = {}
    if done.record is not None:
        section |= {key: value for key, value in failure_fields(done.record).items() if value}
    return CommandFailed(done.reason or default, section)


COMMANDS: dict[str, Handler] = {
    "initiate": initiate,
    "terminate": terminate,
    "rekey": rekey,
    "install": install,
    "uninstall": uninstall,
}
