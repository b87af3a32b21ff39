"""Classification of the user's own images with LeNet-5, AlexNet or a ResNet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.errors import UserError, unknown
from workers.tasks.classification import metrics_of
from workers.tasks.imagefolder import ImageFiles, Pixels, read_splits, scan
from workers.tasks.vision.alexnet import AlexNet
from workers.tasks.vision.lenet import LeNet5
from workers.tasks.vision.resnet import resnet18, resnet50


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """An image model, its paper's image size, and the smallest size of which its layers leave a pixel."""

    build: Callable[[int], nn.Module]
    size: int
    smallest: int


ARCHITECTURES: Mapping[str, Architecture] = {
    "lenet5": Architecture(build=LeNet5, size=32, smallest=16),
    "alexnet": Architecture(build=AlexNet, size=224, smallest=63),
    "resnet18": Architecture(build=resnet18, size=224, smallest=32),
    "resnet50": Architecture(build=resnet50, size=224, smallest=32),
}


class Images:
    """Classifies images that lie in one folder per class: `flowers/rose/1.jpg`, `flowers/tulip/7.png`.

    Batches hold bytes, which are normalised on their way into the model: data in memory takes a quarter of
    the room. A fifth of every class validates (`val_fraction`), always the same images. The folder is read
    when model or data are first asked for, that is on the worker, and once per process.
    """

    def __init__(
        self,
        folder: str,
        model: str = "resnet18",
        size: int | None = None,
        val_fraction: float = 0.2,
        batch_size: int = 32,
    ):
        if model not in ARCHITECTURES:
            raise UserError(unknown("model", model, ARCHITECTURES))
        self.architecture = ARCHITECTURES[model]
        self.size = self.architecture.size if size is None else size
        if self.size < self.architecture.smallest:
            smallest = self.architecture.smallest
            raise UserError(f"got size {size} for {model}; allowed is a whole number of pixels from {smallest}")
        # Absolute, because a worker may run in another folder.
        self.folder = Path(folder).expanduser().absolute()
        self.val_fraction = val_fraction
        self.batch_size = batch_size

    def model(self) -> nn.Module:
        """A fresh model with one output per class, [B, 3, size, size] to [B, classes]."""
        return self.architecture.build(len(scan(self.folder)))

    def data(self) -> tuple[Pixels, Pixels] | tuple[ImageFiles, ImageFiles]:
        """Pixels [N, 3, size, size] (uint8) and labels [N]; above 512 MiB Datasets of the same."""
        return read_splits(self.folder, self.size, self.val_fraction)

    def loss(self, model: nn.Module, batch: Pixels) -> Tensor:
        """The mean cross-entropy."""
        pixels, labels = batch
        return F.cross_entropy(model(_normalised(pixels)), labels)

    def metrics(self, model: nn.Module, batch: Pixels) -> dict[str, Tensor]:
        """The loss and the accuracy."""
        pixels, labels = batch
        return metrics_of(model(_normalised(pixels)), labels)


def _normalised(pixels: Tensor) -> Tensor:
    # ImageNet's mean and standard deviation over all colours: unlike tensors, numbers need no copy to a GPU.
    return (pixels.float() / 255 - 0.45) / 0.226
