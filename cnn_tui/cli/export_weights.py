"""``cnn-tui sessions export --weights``: the trained network as a file for torchvision."""

from __future__ import annotations

from cnn_tui.cli.destination import checked_file
from cnn_tui.cli.model_progress import finish
from cnn_tui.cli.output import print_message
from cnn_tui.engine.inference.export import export_weights
from cnn_tui.store.sessions import find_session, load_session


def write_weights(session: str, output: str) -> None:
    """Write the network of a session, and print how torchvision loads it."""
    folder = find_session(session)
    record = load_session(folder)
    target = checked_file("--weights", output)
    call = finish(export_weights(record, folder, target))
    load = (
        "safetensors.torch.load_file({})"
        if target.suffix.lower() == ".safetensors"
        else "torch.load({}, weights_only=True)"
    )
    print_message(f"The weights are in {target}. To load them:")
    print_message(f"  model = {call}")
    print_message(f"  model.load_state_dict({load.format(repr(str(target)))})")
    if record.image_input is not None:
        size, mean, std = record.experiment.data.image_size, record.image_input.mean, record.image_input.std
        print_message(f"It takes RGB images of {size}x{size} pixels from 0 to 1, minus {mean}, divided by {std}.")
