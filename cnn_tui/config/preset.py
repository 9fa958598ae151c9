"""A named experiment, as it stands in a JSON file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cnn_tui.config.experiment import Experiment, FrozenModel

SCHEMA_VERSION = 1


class RunPreset(FrozenModel):
    """A preset of kind "run"."""

    schema_version: int = Field(
        1, title="Schema version", description="The version of this file format.", ge=1, le=SCHEMA_VERSION
    )
    kind: Literal["run"] = Field("run", title="Kind", description="What the preset holds.")
    name: str = Field("untitled", title="Name", description="What the preset is called.", min_length=1, max_length=200)
    description: str = Field("", title="Description", description="What it is for.", max_length=2000)
    experiment: Experiment = Field(
        default_factory=Experiment, title="Experiment", description="What decides the result."
    )
