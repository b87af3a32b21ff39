"""What the classification tasks share: a stratified split and the validation metrics."""

import torch
from torch import Tensor
from torch.nn import functional as F


def stratified_split(labels: Tensor, val_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the training and of the validation examples, [N train] and [N val], both in ascending order.

    Every class gives `val_fraction` of its examples to the validation, rounded, but keeps at least one on
    either side. Every class needs two examples or more.

    >>> train, val = stratified_split(torch.tensor([0, 0, 0, 0, 1, 1]), val_fraction=0.25, seed=0)
    >>> len(train), len(val)
    (4, 2)
    """
    generator = torch.Generator().manual_seed(seed)
    train, val = [], []
    for label in sorted(set(labels.tolist())):
        members = (labels == label).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        count = min(max(1, round(val_fraction * len(members))), len(members) - 1)
        val.append(members[:count])
        train.append(members[count:])
    return torch.cat(train).sort().values, torch.cat(val).sort().values


def metrics_of(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The mean cross-entropy, and the fraction of examples whose largest logit is their label's.

    Logits are [B, classes], labels [B].

    >>> metrics_of(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    {'loss': tensor(1.6809), 'accuracy': tensor(0.5000)}
    """
    return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(dim=-1) == labels).float().mean()}
