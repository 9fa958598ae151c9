"""Presets on the command line, with ``--set`` overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cnn_tui.config.preset import RunPreset


class SettingsCommand(click.Command):
    """A command whose help lists the settings below its options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write every setting that ``--set`` accepts, with default and allowed values."""
        from cnn_tui.config.fields import experiment_fields

        formatter.write("\nSettings for --set:\n")
        for spec in experiment_fields():
            allowed = f" Allowed: {spec.bounds}." if spec.bounds else ""
            formatter.write(f"  {spec.path}  (default {'none' if spec.default is None else spec.default})\n")
            formatter.write(f"      {spec.description}{allowed}\n")


def prepare(preset: str, settings: tuple[str, ...], name: str | None) -> RunPreset:
    """Find and load a preset, apply settings and name, and report settings without effect.

    Raises:
        CnnTuiError: there is no such preset, or the preset or a setting is invalid.
    """
    from cnn_tui.cli.output import warn_unused
    from cnn_tui.config.changes import override, with_experiment
    from cnn_tui.store.presets import find_preset, load_preset, renamed_preset

    loaded = load_preset(find_preset(preset))
    changed = with_experiment(loaded, override(loaded.experiment, settings))
    warn_unused(settings, [changed.experiment])
    return renamed_preset(changed, name) if name is not None else changed
