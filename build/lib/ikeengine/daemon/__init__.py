"""The asyncio shell: sockets, timers, control socket, signals."""
