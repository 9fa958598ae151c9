"""The title bar: the state of the run, and its tabs."""

from __future__ import annotations

from host import Host, screen_text, until

from cnn_tui.config.experiment import Experiment, TrainingConfig
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Event, Phase, Progress, RunEvent, RunFinished
from cnn_tui.trainer.protocol import JobUpdate, Paused
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.widgets.title_bar import run_text
from samples import epoch, started


def state_after(*events: Event) -> JobState:
    """The state of a run of ten epochs after some events."""
    state = JobState(Job(preset=RunPreset(experiment=Experiment(training=TrainingConfig(epochs=10)))))
    for event in events:
        state.apply(JobUpdate(event=RunEvent(run=0, event=event)))
    return state


TRAINING = (started(epochs=10), Phase(name="training", time=101.0))


def test_there_is_no_text_before_the_first_run() -> None:
    assert run_text(None) == ""


def test_each_stage_has_its_text() -> None:
    half = Progress(done=5, total=10, unit="pictures", time=102.0)
    assert run_text(state_after().run) == "starting…"
    assert run_text(state_after(*TRAINING).run) == "training epoch 1/10"
    assert run_text(state_after(*TRAINING, epoch(1), epoch(2), half).run) == "training epoch 3/10 · 50 %"
    assert run_text(state_after(*TRAINING, *(epoch(number) for number in range(1, 11))).run) == "training epoch 10/10"
    assert run_text(state_after(started(), Phase(name="features", time=101.0), half).run) == "computing features · 50 %"
    assert run_text(state_after(*TRAINING, RunFinished(status="stopped", time=110.0)).run) == "last run stopped"


def test_a_paused_run_shows_its_phase() -> None:
    state = state_after(*TRAINING)
    state.apply(Paused(paused=True))
    assert run_text(state.run) == "paused · training epoch 1/10"


async def test_the_bar_follows_the_run_and_its_tabs_switch_screens() -> None:
    app = Host("results")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "f4 Results" in screen_text(app))
        state = state_after(*TRAINING)
        app.job = state
        await until(pilot, lambda: "training epoch 1/10" in screen_text(app).splitlines()[0])
        state.apply(JobUpdate(event=RunEvent(run=0, event=epoch(1))))
        app.mutate_reactive(Host.job)
        await until(pilot, lambda: "training epoch 2/10" in screen_text(app).splitlines()[0])
        await pilot.click(offset=(screen_text(app).splitlines()[0].index("f5 Sessions"), 0))
        await until(pilot, lambda: app.current_mode == "sessions")
