"""Logs, events, counters and key logs."""
