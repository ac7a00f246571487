"""Hypothesis without a clock, because a busy machine must not fail a test, and a record of strongSwan's scenarios."""

from __future__ import annotations

import os

import pytest

from tests.engine import scenarios
from tests.lab import guest


def pytest_configure(config: pytest.Config) -> None:
    """Collect what the tests say of strongSwan's scenarios; a worker's reports reach the one that started it."""
    if guest.inside():
        return
    prepare_hypothesis()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(scenarios.Recorder(), "scenarios")


def prepare_hypothesis() -> None:
    """In CI the examples are the same each time. Kernels of the tests' own have no use for it, and import slowly."""
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "ikeengine",
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ikeengine")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the report of a test say which scenarios it mirrors."""
    item.user_properties.extend((scenarios.PROPERTY, described) for described in scenarios.describe(item))
