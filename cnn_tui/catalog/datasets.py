"""The selectable datasets, as a table of facts. Sizes are those of the official files.

URLs and checksums are torchvision's (``torchvision/datasets``), except for CIFAR: the binary version from the same page
contains the same images and is read without unpickling.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RemoteFile:
    """One official file.

    Attributes:
        name: the file name in the dataset's folder.
        urls: in order of preference.
        members: for an archive, the required files in it, which replace it after unpacking.
    """

    name: str
    urls: tuple[str, ...]
    md5: str
    bytes: int
    members: tuple[str, ...] = ()

    def is_in(self, folder: Path) -> bool:
        """Whether a folder contains the file or, for an archive, all required files in it."""
        if self.members and all((folder / name).is_file() for name in self.members):
            return True
        return (folder / self.name).is_file()


@dataclass(frozen=True)
class Dataset:
    """One dataset. Figures are None for a folder of the user's images.

    Attributes:
        classes: number of classes.
        train: images in the training split.
        test: images in the test split.
        image_size: side of its square images in pixels.
        channels: 1 for grey, 3 for colour.
        files: to download; empty if none are needed.
    """

    name: str
    title: str
    description: str
    classes: int | None = None
    train: int | None = None
    test: int | None = None
    image_size: int | None = None
    channels: int | None = None
    files: tuple[RemoteFile, ...] = ()

    @property
    def download_bytes(self) -> int:
        """The total size of its files."""
        return sum(file.bytes for file in self.files)

    def missing(self, folder: Path) -> tuple[RemoteFile, ...]:
        """The files that its folder does not contain yet."""
        return tuple(file for file in self.files if not file.is_in(folder))


def _idx(*files: tuple[str, str, int], mirrors: tuple[str, ...]) -> tuple[RemoteFile, ...]:
    return tuple(RemoteFile(name, tuple(url + name for url in mirrors), md5, size) for name, md5, size in files)


_MNIST = _idx(
    ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
    ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
    ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
    ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
)
_FASHION_MNIST = _idx(
    ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
    ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
    ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
    ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
)
_CIFAR10 = RemoteFile(
    "cifar-10-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    "c32a1d4ab5d03f1284b67883e8d87530",
    170_052_171,
    (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin", "batches.meta.txt"),
)
_CIFAR100 = RemoteFile(
    "cifar-100-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    "03b5dce01913d631647c71ecec9e9cb8",
    168_513_733,
    ("train.bin", "test.bin", "fine_label_names.txt"),
)
_SVHN = tuple(
    RemoteFile(name, (f"http://ufldl.stanford.edu/housenumbers/{name}",), md5, size)
    for name, md5, size in (
        ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", 182_040_794),
        ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", 64_275_384),
    )
)
_STL10 = RemoteFile(
    "stl10_binary.tar.gz",
    ("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",),
    "91f7769df0f17e558f3565bffb0c7dfb",
    2_640_397_119,
    ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt"),
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset("digits", "Digits", "scanned handwritten digits, included in scikit-learn", 10, 1_437, 360, 8, 1),
        Dataset("mnist", "MNIST", "handwritten digits", 10, 60_000, 10_000, 28, 1, _MNIST),
        Dataset("fashion_mnist", "Fashion-MNIST", "images of clothing", 10, 60_000, 10_000, 28, 1, _FASHION_MNIST),
        Dataset(
            "cifar10", "CIFAR-10", "small photographs of animals and vehicles", 10, 50_000, 10_000, 32, 3, (_CIFAR10,)
        ),
        Dataset("cifar100", "CIFAR-100", "small photographs of 100 classes", 100, 50_000, 10_000, 32, 3, (_CIFAR100,)),
        Dataset("svhn", "SVHN", "house numbers from street view images", 10, 73_257, 26_032, 32, 3, _SVHN),
        Dataset("stl10", "STL-10", "photographs of animals and vehicles", 10, 5_000, 8_000, 96, 3, (_STL10,)),
        Dataset("folder", "Folder", "your own images, one folder for each class"),
    )
}
