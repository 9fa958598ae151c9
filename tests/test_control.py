"""Steering a run from another thread."""

from __future__ import annotations

import threading

from cnn_tui.engine.control import Control


def test_a_stop_is_seen_and_a_second_one_leaves_the_test_out() -> None:
    control = Control()
    assert not control.should_stop()
    control.stop()
    assert control.should_stop()
    assert not control.should_abandon()
    control.stop()
    assert control.should_abandon()


def test_a_paused_run_waits_until_it_may_go_on() -> None:
    control, answered = Control(), threading.Event()
    control.pause()
    answers: list[bool] = []

    def ask() -> None:
        answers.append(control.should_stop())
        answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert control.paused
    assert not answered.is_set()
    control.resume()
    assert answered.wait(10)
    asking.join()
    assert answers == [False]


def test_a_stop_ends_a_pause() -> None:
    control = Control()
    control.pause()
    control.stop()
    assert control.should_stop()
    control.pause()
    assert not control.paused
