"""Transfer learning as a tutorial has it: the opponent of the other benchmarks.

python benchmarks/plain_loop.py FOLDER [PICTURES] [EPOCHS]

torchvision's ImageFolder and transforms, a DataLoader with a worker for each core, float32, the whole network run
in every epoch, Adam on the last layer.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision import datasets, transforms
from torchvision.models import get_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def loader(folder: Path, image_size: int, pictures: int, batch_size: int = 32) -> DataLoader[tuple[Tensor, ...]]:
    """The first so many pictures of a folder, spread over the classes, in shuffled batches."""
    steps = [transforms.Resize((image_size, image_size)), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    whole = datasets.ImageFolder(folder, transforms.Compose(steps))
    chosen = torch.linspace(0, len(whole) - 1, pictures).long().tolist()
    return DataLoader(
        Subset(whole, chosen),
        batch_size=batch_size,
        shuffle=True,
        num_workers=os.cpu_count() or 1,
        persistent_workers=True,
        pin_memory=torch.cuda.is_available(),
    )


def network(architecture: str, classes: int, *, frozen: bool) -> nn.Module:
    """A network whose last layer is new; the others learn nothing where they are frozen."""
    model: nn.Module = get_model(architecture, weights=None)
    if frozen:
        for parameter in model.parameters():
            parameter.requires_grad = False
    last = "fc" if hasattr(model, "fc") else "classifier.6"  # VGG's and AlexNet's
    model.set_submodule(last, nn.Linear(model.get_submodule(last).get_parameter("weight").shape[1], classes))
    return model.to(device())


def train(model: nn.Module, batches: DataLoader[tuple[Tensor, ...]], epochs: int) -> list[float]:
    """Train what may be trained; the seconds of each epoch."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, criterion = torch.optim.Adam(learning, lr=0.001), nn.CrossEntropyLoss()
    took = []
    for epoch in range(epochs):
        started, total, right, seen = time.perf_counter(), 0.0, 0, 0
        model.train()
        for batch in batches:
            inputs, labels = (tensor.to(device()) for tensor in batch)
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            right += (outputs.argmax(1) == labels).sum().item()
            seen += len(labels)
        took.append(time.perf_counter() - started)
        print(f"plain epoch {epoch + 1}: loss {total / seen:.4f} accuracy {right / seen:.4f}, {took[-1]:.1f} s")
    return took


def train_head(features: Tensor, labels: Tensor, classes: int, epochs: int, batch_size: int = 32) -> list[float]:
    """Train a last layer alone on features (N, F), from a DataLoader; the seconds of each epoch."""
    batches = DataLoader(TensorDataset(features, labels), batch_size=batch_size, shuffle=True)
    return train(nn.Linear(features.shape[1], classes).to(device()), batches, epochs)


def device() -> torch.device:
    """Where it runs."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def main(folder: str, pictures: int, epochs: int) -> None:
    """Train the last layer of a ResNet-18 at 224 pixels."""
    train_folder = Path(folder) / "train"
    classes = sum(entry.is_dir() for entry in train_folder.iterdir())
    train(network("resnet18", classes, frozen=True), loader(train_folder, 224, pictures), epochs)


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]) if len(sys.argv) > 2 else 2000,
        int(sys.argv[3]) if len(sys.argv) > 3 else 1,
    )
