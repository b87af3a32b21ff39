"""Keeps a lane between two attempts: one file, replaced whole, removed when the trial has ended."""

import os
from contextlib import suppress
from pathlib import Path
from pickle import PicklingError
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes the state so that a reader sees the old file or the new one, never half of one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        torch.save(state, scratch)
        # Else a machine that loses power may keep the new name and lose what it stands for.
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except (RuntimeError, PicklingError, AttributeError, TypeError) as error:
        # Torch's writer raises RuntimeError when the disk is full; pickle the others, for what an optimizer keeps.
        raise OSError(str(error)) from error
    finally:
        remove(scratch)


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The state in a file, or None if there is none. Only tensors and plain values are read, never code.

    Raises whatever torch does for a file that is damaged, or holds something else.
    """
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def remove(path: Path) -> None:
    """Removes the file, if it can; its folder goes with the sweep's end."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
