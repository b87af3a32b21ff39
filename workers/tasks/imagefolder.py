"""Reads a folder of images, one folder per class, into training and validation data."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from sweeps.errors import UserError
from workers.tasks.classification import stratified_split

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
IN_MEMORY_LIMIT = 512 * 2**20
"""Bytes of decoded pixels up to which all images are kept in memory."""

Pixels = tuple[Tensor, Tensor]


class ImageFiles(Dataset[tuple[Tensor, int]]):
    """Image files, decoded when asked for: RGB bytes [3, size, size], stretched to a square, and a label."""

    def __init__(self, files: Sequence[Path], labels: Sequence[int], size: int):
        self.files = files
        self.labels = labels
        self.size = size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return decode(self.files[index], self.size), self.labels[index]

    def in_memory(self) -> Pixels:
        """All of them: RGB bytes [N, 3, size, size] and labels [N]."""
        pixels = torch.empty(len(self), 3, self.size, self.size, dtype=torch.uint8)
        for image, file in zip(pixels, self.files, strict=True):
            image.copy_(decode(file, self.size))
        return pixels, torch.tensor(self.labels)


@lru_cache(maxsize=1)
def read_splits(folder: Path, size: int, val_fraction: float) -> tuple[Pixels, Pixels] | tuple[ImageFiles, ImageFiles]:
    """Training and validation images, always the same ones: tensors if they fit into memory, else Datasets.

    Raises UserError if the folder is no data set, or for a broken file among those that are kept in memory.
    """
    classes = scan(folder)
    files = [file for members in classes.values() for file in members]
    labels = [label for label, members in enumerate(classes.values()) for _ in members]
    indices = stratified_split(torch.tensor(labels), val_fraction, seed=0)
    train, val = (ImageFiles([files[i] for i in part], [labels[i] for i in part], size) for part in indices)
    if 3 * size * size * len(files) > IN_MEMORY_LIMIT:
        return train, val
    return train.in_memory(), val.in_memory()


@lru_cache(maxsize=1)
def scan(folder: Path) -> Mapping[str, tuple[Path, ...]]:
    """The image files of every class, by name. Raises UserError if they don't make a data set."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; give a folder that holds one folder of images per class")
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if not folders:
        raise UserError(f"{folder} has no folders; put the images of each class into a folder of its own in it")
    classes = {path.name: _images(path) for path in folders}
    if not any(classes.values()):
        raise UserError(
            f"no images ({', '.join(SUFFIXES)}) in the folders of {folder}, which are {', '.join(classes)}; "
            "each is one class and must hold its images itself, not in folders below"
        )
    if len(classes) == 1:
        raise UserError(f"{folder} has the one class {folders[0].name}; 2 or more are needed: add a folder")
    few = [name for name, files in classes.items() if len(files) < 2]
    if few:
        raise UserError(
            f"too few images in {folder} for class {', '.join(few)}: every class needs 2 or more, one to train "
            "on and one to validate; add images or remove the folder"
        )
    return classes


def decode(file: Path, size: int) -> Tensor:
    """RGB bytes [3, size, size] of an image file, upright. Raises UserError that names an unreadable file."""
    try:
        with Image.open(file) as image:
            square = ImageOps.exif_transpose(image).convert("RGB").resize((size, size))
        return torch.from_numpy(np.array(square)).permute(2, 0, 1)
    # What Pillow raises for broken files depends on their format.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read the image {file}: {error}; repair or remove it") from error


def _images(folder: Path) -> tuple[Path, ...]:
    # Hidden files are left out: macOS leaves `._photo.jpg` beside `photo.jpg`, and it is no image.
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
