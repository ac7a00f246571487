"""Message IDs and the retransmission schedule (RFC 7296 sections 2.1 to 2.3)."""

from __future__ import annotations

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.ikev2.messages.window import Arrival, Window
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.sa.retransmission import retransmission

PLAIN = ConnectionConfig("plain", ())


def test_requests_of_the_peer() -> None:
    window = Window()
    assert window.classify(0, False) is Arrival.NEW_REQUEST
    assert window.classify(1, False) is Arrival.OUT_OF_WINDOW
    window.begin_answer(b"request")
    assert window.is_answering
    assert window.classify(0, False) is Arrival.REPEATED_REQUEST, "it is still being answered"
    window.finish_answer((b"response",))
    assert not window.is_answering
    assert window.classify(0, False) is Arrival.REPEATED_REQUEST
    assert window.classify(1, False) is Arrival.NEW_REQUEST
    assert window.classify(2, False) is Arrival.OUT_OF_WINDOW
    assert window.classify(2**32 - 1, False) is Arrival.OUT_OF_WINDOW


def test_responses_to_us() -> None:
    window = Window()
    assert window.classify(0, True) is Arrival.OUT_OF_WINDOW, "nothing was asked"
    window.send((b"request",))
    assert window.classify(0, True) is Arrival.AWAITED_RESPONSE
    assert window.classify(1, True) is Arrival.OUT_OF_WINDOW
    window.close_request()
    assert window.classify(0, True) is Arrival.OUT_OF_WINDOW
    assert window.next_request == 1


def test_only_the_last_request_is_remembered() -> None:
    window = Window()
    for number in range(3):
        window.begin_answer(b"%d" % number)
        window.finish_answer((b"r%d" % number,))
    assert window.classify(2, False) is Arrival.REPEATED_REQUEST
    assert window.classify(1, False) is Arrival.OUT_OF_WINDOW
    assert (window.answered, window.response) == (b"2", (b"r2",))


def test_schedule() -> None:
    settings = EngineSettings()
    delays = [retransmission(settings, PLAIN).delay(tries, SeededRng(1)) for tries in range(6)]
    assert delays == pytest.approx([4.0, 7.2, 12.96, 23.328, 41.9904, 75.58272])
    assert sum(delays) == pytest.approx(165.06, abs=0.01)


def test_limit_and_jitter() -> None:
    settings = EngineSettings(retransmit_limit=10.0, retransmit_jitter=50.0)
    delays = [retransmission(settings, PLAIN).delay(4, SeededRng(seed)) for seed in range(50)]
    assert all(5.0 <= delay <= 10.0 for delay in delays)
    assert len(set(delays)) == 50


def test_a_connection_may_have_its_own_values() -> None:
    own = ConnectionConfig("own", (), retransmit_timeout=0.5, retransmit_tries=2, retransmit_limit=0.75)
    found = retransmission(EngineSettings(retransmit_jitter=0), own)
    assert (found.tries, found.base) == (2, 1.8)
    assert [found.delay(tries, SeededRng(1)) for tries in range(3)] == [0.5, 0.75, 0.75]
