"""Hypothesis strategies that make arbitrary experiments, presets and events."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from cnn_tui.config.experiment import (
    DataConfig,
    Experiment,
    ModelConfig,
    OptimizerConfig,
    TrainingConfig,
)
from cnn_tui.config.names import DatasetName
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import (
    BatchFinished,
    EpochFinished,
    ErrorReport,
    Event,
    Parameters,
    Phase,
    Progress,
    RunFinished,
    RunResumed,
    RunStarted,
    WarningRaised,
)
from samples import ENVIRONMENT, result


def texts(least: int = 0, most: int = 40) -> st.SearchStrategy[str]:
    """Any text that UTF-8 can carry, control characters included."""
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=most)


def finite(low: float = -1e300, high: float = 1e300) -> st.SearchStrategy[float]:
    """Finite numbers."""
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def experiments() -> st.SearchStrategy[Experiment]:
    """Any experiment that is allowed, of architectures that take any size."""
    data = st.builds(
        DataConfig,
        dataset=st.sampled_from([name for name in get_args(DatasetName) if name != "folder"]),
        root=st.none() | texts(1),
        image_size=st.integers(8, 1024),
        validation_fraction=finite(0.01, 0.9),
        train_limit=st.none() | st.integers(2, 100_000_000),
        test_limit=st.none() | st.integers(1, 100_000_000),
        augment=st.sampled_from(["none", "flip", "crop_flip"]),
    )
    model = st.builds(
        ModelConfig,
        architecture=st.sampled_from(["resnet18", "resnet50", "efficientnet_b0"]),
        weights=texts(1),
        trainable=st.sampled_from(["last_layer", "classifier", "all"]),
        batch_norm=st.sampled_from(["frozen", "adapt"]),
    )
    optimizer = st.builds(
        OptimizerConfig,
        name=st.sampled_from(["adam", "adamw", "sgd"]),
        learning_rate=st.floats(0, 1000, exclude_min=True),
        weight_decay=finite(0, 10),
        momentum=st.floats(0, 1, exclude_max=True),
    )
    training = st.builds(
        TrainingConfig,
        epochs=st.integers(1, 100_000),
        batch_size=st.integers(1, 65_536),
        optimizer=optimizer,
        schedule=st.sampled_from(["constant", "cosine", "step"]),
        label_smoothing=st.floats(0, 1, exclude_max=True),
        early_stopping_patience=st.none() | st.integers(1, 100_000),
        max_minutes=st.none() | st.floats(0, 525_600, exclude_min=True),
        precision=st.sampled_from(["auto", "float32", "bfloat16"]),
        device=st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:127", "mps"]),
        feature_cache=st.sampled_from(["auto", "off"]),
        on_out_of_memory=st.sampled_from(["halve", "fail"]),
        seed=st.integers(0, 2**53 - 1),
    )
    return st.builds(Experiment, data=data, model=model, training=training)


def run_presets() -> st.SearchStrategy[RunPreset]:
    """Any preset that is allowed."""
    return st.builds(RunPreset, name=texts(1), description=texts(), experiment=experiments())


def events() -> st.SearchStrategy[Event]:
    """Any event of a run."""
    counts, times = st.integers(0, 2**53), finite(0, 1e12)
    kinds: list[st.SearchStrategy[Event]] = [
        st.builds(
            RunStarted,
            session_id=texts(),
            experiment=experiments(),
            environment=st.just(ENVIRONMENT),
            parameters=st.none() | st.builds(Parameters, total=counts, trainable=counts),
            time=times,
        ),
        st.builds(RunResumed, epoch=counts, done=counts, total=st.integers(1, 2**53), time=times),
        st.builds(Phase, name=st.sampled_from(["loading", "training"]), detail=texts(), time=times),
        st.builds(Progress, done=counts, total=st.none() | counts, unit=texts(), rate=st.none() | finite(), time=times),
        st.builds(
            BatchFinished,
            epoch=counts,
            step=counts,
            steps=counts,
            loss=finite(),
            accuracy=finite(0, 1),
            images_per_second=finite(),
            learning_rate=finite(),
            time=times,
        ),
        st.builds(
            EpochFinished,
            epoch=counts,
            train_loss=finite(),
            train_accuracy=finite(0, 1),
            validation_loss=st.none() | finite(),
            validation_accuracy=st.none() | finite(0, 1),
            learning_rate=finite(),
            seconds=finite(),
            time=times,
        ),
        st.builds(WarningRaised, title=texts(), detail=texts(), hint=texts(), time=times),
        st.builds(
            RunFinished,
            status=st.sampled_from(["done", "stopped", "failed"]),
            result=st.none() | st.just(result()),
            error=st.none() | st.builds(ErrorReport, title=texts(), detail=texts(), exit_code=st.integers(0, 255)),
            time=times,
        ),
    ]
    return st.one_of(kinds)
