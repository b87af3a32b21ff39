"""What a task is: the user's model, data and loss, or a training function of their own."""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

Batch = Any
"""One batch of any structure: tensors in tuples, lists, dicts; the first axis of the last one counts examples."""

Split = Any
"""Training or validation data, one of three kinds:

- tensors in memory, nested in tuples or dicts, all with the same first axis: shuffled and batched by lrsweep;
- a map-style torch Dataset (`__len__`, `__getitem__`): shuffled, collated and batched by lrsweep;
- any other iterable of ready batches, a DataLoader say: order and size are its own.
"""


@runtime_checkable
class Task(Protocol):
    """Model, data and loss; a class with these three methods is a task, nothing need be imported from here.

    Optional: `batch_size` (int attribute, 64), `accumulation` (int attribute, 1: batches whose gradients, weighted by
    their examples, make one optimizer step), `metrics(model, batch) -> dict[str, Tensor]` (means over the batch,
    logged as `val/<name>` and averaged over the validation data; with the `loss` among them validation passes a batch
    through the model once instead of twice).
    """

    def model(self) -> nn.Module:
        """A fresh model; lrsweep seeds torch before it calls."""

    def data(self) -> tuple[Split, Split | None]:
        """Training and validation data (None: no validation)."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The mean loss of a batch, a scalar with gradient."""
