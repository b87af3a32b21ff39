"""A task of your own, with a metric of your own: breast tumours by 30 measurements (scikit-learn's data).

Try it with `lrsweep run` and `task: {use: examples/my_task.py:Tumours}` in the spec.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.nn import functional as F


class Tumours:
    """Malignant (0) or benign (1), with a small perceptron."""

    def __init__(self, width=32, batch_size=32):
        self.width, self.batch_size = width, batch_size

    def model(self):
        return nn.Sequential(nn.Linear(30, self.width), nn.ReLU(), nn.Linear(self.width, 1), nn.Flatten(0))

    def data(self):
        x, y = load_breast_cancer(return_X_y=True)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y, dtype=torch.float32)[order]
        x = (x - x[:400].mean(dim=0)) / x[:400].std(dim=0)
        return {"features": x[:400], "benign": y[:400]}, {"features": x[400:], "benign": y[400:]}

    def loss(self, model, batch):
        return F.binary_cross_entropy_with_logits(model(batch["features"]), batch["benign"])

    def metrics(self, model, batch):
        called_benign, benign = model(batch["features"]) > 0, batch["benign"] > 0
        return {
            "accuracy": (called_benign == benign).float().mean(),
            "missed": (called_benign & ~benign).float().mean(),
        }
