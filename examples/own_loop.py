"""A training loop of your own: the trial gives optimizer and scheduler, and takes a report each epoch.

Try it with `lrsweep run` and `task: {use: examples/own_loop.py:train}` in the spec.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def train(trial):
    """Digits with a perceptron; the last 360 of the 1,797 validate."""
    x, y = load_digits(return_X_y=True)
    x, y = (
        torch.tensor(x, dtype=torch.float32, device=trial.device) / 16,
        torch.tensor(y, device=trial.device),
    )
    order = torch.Generator().manual_seed(trial.seed)
    loader = DataLoader(TensorDataset(x[:-360], y[:-360]), batch_size=64, shuffle=True, generator=order)

    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(trial.device)
    optimizer = trial.optimizer(model)
    scheduler = trial.scheduler(optimizer, steps_per_epoch=len(loader))
    for _ in range(trial.epochs):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            scheduler.after_batch(loss)
        with torch.no_grad():
            logits = model(x[-360:])
            val_loss = F.cross_entropy(logits, y[-360:])
            accuracy = (logits.argmax(dim=1) == y[-360:]).float().mean()
        trial.report({"val/loss": val_loss, "val/accuracy": accuracy})
