"""A named experiment, as it stands in a JSON file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cnn_tui.config.experiment import Experiment, FrozenModel

SCHEMA_VERSION = 1


class Derivation(FrozenModel):
    """Where a preset came from whose settings were changed on the way."""

    name: str = Field(title="Name", description="The preset that it was made from.", min_length=1, max_length=200)
    changed: tuple[str, ...] = Field(
        (), title="Changed", description="The settings that were changed, as dotted paths.", strict=False
    )


class Preset(FrozenModel):
    """What every preset file begins with."""

    schema_version: int = Field(
        1, title="Schema version", description="The version of this file format.", ge=1, le=SCHEMA_VERSION
    )
    kind: str = Field("run", title="Kind", description="What the preset holds.")
    name: str = Field("untitled", title="Name", description="What the preset is called.", min_length=1, max_length=200)
    description: str = Field("", title="Description", description="What it is for.", max_length=2000)
    derived_from: Derivation | None = Field(
        None,
        title="Derived from",
        description="Written by the program with the description, where settings of another preset were changed.",
    )


class RunPreset(Preset):
    """A preset of kind "run"."""

    kind: Literal["run"] = Field("run", title="Kind", description="What the preset holds.")
    experiment: Experiment = Field(
        default_factory=Experiment, title="Experiment", description="What decides the result."
    )
