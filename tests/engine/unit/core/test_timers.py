"""Deadlines of one SA, and the queue of all of them."""

from __future__ import annotations

import random

from ikeengine.timers import OUTRUN_ENTRIES, DeadlineQueue, Timer, TimerTable


def test_table_gives_back_what_is_due_in_order() -> None:
    table = TimerTable()
    table.set(Timer.DPD, 5.0)
    table.set(Timer.CHILD_REKEY, 3.0, 7)
    table.set(Timer.CHILD_EXPIRE, 9.0, 7)
    assert table.next_deadline() == 3.0
    assert table.get(Timer.CHILD_REKEY, 7) == 3.0
    assert table.get(Timer.CHILD_REKEY, 8) is None
    assert set(table) == {(Timer.DPD, 0), (Timer.CHILD_REKEY, 7), (Timer.CHILD_EXPIRE, 7)}
    assert table.take_expired(2.9) == []
    assert table.take_expired(5.0) == [(Timer.CHILD_REKEY, 7), (Timer.DPD, 0)]
    assert len(table) == 1


def test_timers_are_moved_and_stopped() -> None:
    table = TimerTable()
    table.set(Timer.DPD, 5.0)
    table.set(Timer.DPD, 8.0)
    assert table.take_expired(6.0) == []
    table.stop(Timer.DPD)
    table.stop(Timer.DPD)
    for child in (1, 2):
        table.set(Timer.CHILD_REKEY, 1.0, child)
    table.stop_child(1)
    assert list(table) == [(Timer.CHILD_REKEY, 2)]
    table.clear()
    assert table.next_deadline() is None


def test_timers_that_fall_due_together_come_in_a_fixed_order() -> None:
    for order in (list(Timer), list(reversed(Timer))):
        table = TimerTable()
        for timer in order:
            table.set(timer, 1.0)
        assert table.take_expired(1.0) == [(t, 0) for t in sorted(Timer, key=lambda t: t.name)]


def test_queue_wakes_each_owner_once() -> None:
    queue: DeadlineQueue[str] = DeadlineQueue()
    queue.schedule("a", 3.0)
    queue.schedule("b", 2.0)
    queue.schedule("a", 1.0)
    queue.schedule("c", 4.0)
    queue.schedule("c", None)
    queue.schedule("nobody", None)
    assert len(queue) == 2
    assert queue.next_deadline() == 1.0
    assert queue.take_due(0.5) is None
    assert [queue.take_due(9.0) for _ in range(3)] == ["a", "b", None]
    assert queue.next_deadline() is None


def test_queue_does_not_grow_when_deadlines_move() -> None:
    queue: DeadlineQueue[int] = DeadlineQueue()
    for turn in range(10000):
        queue.schedule(turn % 10, 1000.0 + turn)
        assert len(queue._heap) <= 2 * 10 + OUTRUN_ENTRIES + 1
    assert [queue.take_due(1e9) for _ in range(11)] == [*range(10), None]


def test_queue_against_a_plain_dictionary() -> None:
    chance = random.Random(1)
    queue: DeadlineQueue[int] = DeadlineQueue()
    model: dict[int, float] = {}
    now = 0.0
    for _ in range(5000):
        owner = chance.randrange(20)
        if chance.random() < 0.2:
            queue.schedule(owner, None)
            model.pop(owner, None)
        else:
            model[owner] = now + chance.randrange(1, 50)
            queue.schedule(owner, model[owner])
        if chance.random() < 0.3:
            now += chance.randrange(10)
            while (due := queue.take_due(now)) is not None:
                assert model.pop(due) <= now
            assert all(deadline > now for deadline in model.values())
        assert queue.next_deadline() == min(model.values(), default=None)
        assert len(queue) == len(model)
