"""Presets: named experiments in JSON files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cnn_tui.config.experiment import Experiment, FrozenModel

SCHEMA_VERSION = 1


class Derivation(FrozenModel):
    """The origin of a preset whose settings were changed."""

    name: str = Field(title="Name", description="The original preset.", min_length=1, max_length=200)
    changed: tuple[str, ...] = Field(
        (), title="Changed", description="The changed settings, as dotted paths.", strict=False
    )


class Preset(FrozenModel):
    """The fields that all kinds of presets have."""

    schema_version: int = Field(
        1, title="Schema version", description="The version of this file format.", ge=1, le=SCHEMA_VERSION
    )
    kind: str = Field("run", title="Kind", description="The kind of the preset.")
    name: str = Field("untitled", title="Name", description="The name of the preset.", min_length=1, max_length=200)
    description: str = Field("", title="Description", description="Its purpose.", max_length=2000)
    derived_from: Derivation | None = Field(
        None,
        title="Derived from",
        description="The original preset, set by the program together with the description when settings are changed.",
    )


class RunPreset(Preset):
    """A preset of kind "run"."""

    kind: Literal["run"] = Field("run", title="Kind", description="The kind of the preset.")
    experiment: Experiment = Field(
        default_factory=Experiment, title="Experiment", description="The settings that determine the result."
    )
