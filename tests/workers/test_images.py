"""The images task reads a folder of images per class, and says what is wrong with a folder that won't do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from sweeps.errors import UserError
from workers.tasks import imagefolder
from workers.tasks.images import Images


def save(file: Path, colour: tuple[int, ...] = (250, 0, 0), mode: str = "RGB") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (20, 24), colour if len(colour) > 1 else colour[0]).save(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten red roses and five blue violets, with some files that are no images."""
    for number in range(10):
        save(tmp_path / "rose" / f"{number}.png")
    for number in range(5):
        save(tmp_path / "violet" / f"{number}.BMP", (0, 0, 250))
    (tmp_path / "rose" / "._0.png").write_bytes(b"what macOS leaves")
    (tmp_path / "rose" / "notes.txt").write_text("none")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def images(folder: Path) -> Images:
    return Images(folder=str(folder), model="lenet5")


def test_classes_are_folders_and_the_split_is_stratified(folder: Path) -> None:
    task = images(folder)
    (train_x, train_y), (val_x, val_y) = task.data()

    assert train_x.shape == (12, 3, 32, 32)
    assert train_x.dtype == torch.uint8
    assert train_y.bincount().tolist() == [8, 4]
    assert val_y.bincount().tolist() == [2, 1]
    red, blue = val_x[val_y == 0], val_x[val_y == 1]
    assert (red == torch.tensor([250, 0, 0]).view(3, 1, 1)).all()
    assert (blue == torch.tensor([0, 0, 250]).view(3, 1, 1)).all()
    assert task.model()(val_x.float()).shape == (3, 2)
    assert images(folder).data()[0][0] is train_x


def test_a_large_folder_is_decoded_as_it_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = images(folder).data()[1]
    imagefolder.read_splits.cache_clear()
    monkeypatch.setattr(imagefolder, "IN_MEMORY_LIMIT", 0)

    task = images(folder)
    _, val = task.data()
    assert isinstance(val, Dataset)
    (batch,) = DataLoader(val, batch_size=10)
    assert all(map(torch.equal, batch, in_memory))
    assert task.loss(task.model(), batch).requires_grad


def test_any_colour_mode_becomes_rgb(folder: Path) -> None:
    save(folder / "rose" / "grey.png", (7,), "L")
    save(folder / "rose" / "clear.png", (250, 0, 0, 9), "RGBA")
    save(folder / "rose" / "print.jpg", (0, 0, 0, 0), "CMYK")

    for name in ("grey.png", "clear.png", "print.jpg"):
        assert imagefolder.decode(folder / "rose" / name, 8).shape == (3, 8, 8)


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    photo = Image.new("RGB", (8, 8))
    photo.paste((255, 255, 255), (0, 0, 8, 4))  # the upper half is white
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    photo.save(tmp_path / "photo.png", exif=exif)

    pixels = imagefolder.decode(tmp_path / "photo.png", 8)
    assert (pixels[:, 0] == 0).all()
    assert (pixels[:, 7] == 255).all()


def empty(folder: Path) -> None:
    """Nothing in it."""


def lacks_images(folder: Path) -> None:
    save(folder / "train" / "rose" / "0.png")
    save(folder / "val" / "rose" / "0.png")


def one_class(folder: Path) -> None:
    save(folder / "rose" / "0.png")
    save(folder / "rose" / "1.png")


def one_image(folder: Path) -> None:
    one_class(folder)
    save(folder / "violet" / "0.png")


def broken(folder: Path) -> None:
    one_class(folder)
    save(folder / "violet" / "0.png")
    (folder / "violet" / "bad.png").write_bytes((folder / "violet" / "0.png").read_bytes()[:50])


def no_image_at_all(folder: Path) -> None:
    one_image(folder)
    (folder / "violet" / "bad.jpg").write_text("I am no image")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (empty, r"has no folders; put the images of each class into a folder of its own"),
        (lacks_images, r"no images \(.bmp.*\) in the folders of .*, which are train, val; each is one class"),
        (one_class, r"has the one class rose; 2 or more are needed"),
        (one_image, r"too few images in .* for class violet: every class needs 2 or more"),
        (broken, r"cannot read the image .*violet.bad\.png: .*; repair or remove it"),
        (no_image_at_all, r"cannot read the image .*violet.bad\.jpg: .*; repair or remove it"),
    ],
)
def test_a_folder_that_will_not_do(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(UserError, match=message):
        images(tmp_path).data()


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*nowhere; give a folder that holds one folder of images"):
        images(tmp_path / "nowhere").model()


def test_arguments_that_do_not_go_together() -> None:
    with pytest.raises(UserError, match="got size 20 for resnet18; allowed is a whole number of pixels from 32"):
        Images(folder="x", size=20)
    with pytest.raises(UserError, match="unknown model 'lenet'; did you mean 'lenet5'"):
        Images(folder="x", model="lenet")
