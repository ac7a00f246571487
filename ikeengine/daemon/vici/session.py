"""One client of the control socket: reads packets, runs its commands one at a time, sends answers and events.

A client that does not read is cut off. It never makes anybody else wait: events are queued up to `MAX_BACKLOG`
octets, and the answer to a command waits at most `STALL_TIMEOUT` seconds for its own client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ikeengine.daemon.vici.codec import (
    Deframer,
    MalformedMessage,
    Message,
    Packet,
    PacketType,
    ReceivedPacket,
    decode_packet,
    encode_packet,
)
from ikeengine.daemon.vici.hub import EVENTS, EventHub
from ikeengine.daemon.vici.peer import Peer

MAX_BACKLOG = 4 * 1024 * 1024
HIGH_WATER = 64 * 1024
STALL_TIMEOUT = 30.0
_READ_SIZE = 64 * 1024

Answer = Mapping[str, object]
Runner = Callable[["Session", str, Message], Awaitable[Answer]]


class Session:
    """One client. `run_command` answers its requests; None stands for a command that does not exist."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        peer: Peer,
        hub: EventHub,
        find_command: Callable[[str], Runner | None],
    ) -> None:
        self.peer = peer
        self._reader = reader
        self._writer = writer
        self._hub = hub
        self._find_command = find_command
        self._events: set[str] = set()
        self._running: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(high=HIGH_WATER)

    async def serve(self) -> None:
        """Until the client goes away. Raises MalformedMessage if it does not speak VICI."""
        deframer = Deframer()
        try:
            while data := await self._reader.read(_READ_SIZE):
                for segment in deframer.feed(data):
                    await self._handle(decode_packet(segment))
        except ConnectionError:
            return
        finally:
            self._hub.forget(self)
            if self._running is not None:
                self._running.cancel()

    def close(self) -> None:
        """Cut the client off."""
        self._writer.transport.abort()

    def push(self, frame: bytes) -> None:
        """Send an event without waiting; a client with too long a backlog is cut off."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(frame) > MAX_BACKLOG:
            transport.abort()
            return
        transport.write(frame)

    async def stream(self, event: str, message: Answer) -> None:
        """Send an event that belongs to the running command, if the client has registered for it."""
        if event in self._events:
            await self._send(Packet(PacketType.EVENT, event, message))

    def push_event(self, event: str, message: Answer) -> None:
        """The same without waiting."""
        if event in self._events:
            self.push(encode_packet(Packet(PacketType.EVENT, event, message)))

    async def _handle(self, packet: ReceivedPacket) -> None:
        if packet.type is PacketType.CMD_REQUEST:
            await self._begin(packet)
        elif packet.type is PacketType.EVENT_REGISTER:
            await self._confirm(self._register(packet.name))
        elif packet.type is PacketType.EVENT_UNREGISTER:
            await self._confirm(self._unregister(packet.name))
        else:
            raise MalformedMessage(f"a client does not send {packet.type.name}")

    async def _begin(self, packet: ReceivedPacket) -> None:
        """Run a command beside the reading, so that the end of the client is noticed; one at a time."""
        if self._running is not None and not self._running.done():
            await asyncio.wait([self._running])
        self._running = asyncio.get_running_loop().create_task(self._run(packet))

    async def _run(self, packet: ReceivedPacket) -> None:
        command = self._find_command(packet.name)
        try:
            if command is None:
                await self._send(Packet(PacketType.CMD_UNKNOWN))
            else:
                answer = await command(self, packet.name, packet.message)
                await self._send(Packet(PacketType.CMD_RESPONSE, message=answer))
        except (ConnectionError, TimeoutError, MalformedMessage):
            # The client went away, does not read, or asked for what does not fit into a packet.
            self.close()

    def _register(self, event: str) -> bool:
        if event not in EVENTS:
            return False
        self._events.add(event)
        self._hub.register(event, self)
        return True

    def _unregister(self, event: str) -> bool:
        self._events.discard(event)
        return self._hub.unregister(event, self)

    async def _confirm(self, ok: bool) -> None:
        await self._send(Packet(PacketType.EVENT_CONFIRM if ok else PacketType.EVENT_UNKNOWN))

    async def _send(self, packet: Packet) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            raise ConnectionResetError
        self._writer.write(encode_packet(packet))
        if transport.get_write_buffer_size() > HIGH_WATER:
            await asyncio.wait_for(self._writer.drain(), STALL_TIMEOUT)
