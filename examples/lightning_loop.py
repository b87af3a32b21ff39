"""A Lightning module in a sweep: Lightning drives the loop, the trial gives optimizer and schedule.

Needs `pip install lightning`. Try it with `lrsweep run` and
`task: {use: examples/lightning_loop.py:train}` in the spec.
"""

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


class Digits(lightning.LightningModule):
    """A perceptron that asks the trial where Lightning asks for an optimizer, a step and an epoch."""

    def __init__(self, trial, steps_per_epoch):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(trial.device)
        self.trial, self.optimizer = trial, trial.optimizer(self)
        self.schedule = trial.scheduler(self.optimizer, steps_per_epoch=steps_per_epoch)

    def configure_optimizers(self):
        # No scheduler: the trial moves the LR itself.
        return self.optimizer

    def training_step(self, batch, index):
        inputs, labels = batch
        return F.cross_entropy(self.model(inputs), labels)

    def on_train_batch_end(self, outputs, batch, index):
        self.schedule.after_batch(outputs["loss"])

    def validation_step(self, batch, index):
        inputs, labels = batch
        logits = self.model(inputs)
        self.log("val/loss", F.cross_entropy(logits, labels))
        self.log("val/accuracy", (logits.argmax(dim=1) == labels).float().mean())

    def on_train_epoch_end(self):
        # Lightning validates before it ends the epoch, so what it logged is there.
        logged = self.trainer.callback_metrics
        self.trial.report({name: logged[name] for name in ("val/loss", "val/accuracy")})


def train(trial):
    """Digits with a perceptron; the last 360 of the 1,797 validate."""
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
    order = torch.Generator().manual_seed(trial.seed)
    batches = DataLoader(TensorDataset(x[:-360], y[:-360]), batch_size=64, shuffle=True, generator=order)
    held_out = DataLoader(TensorDataset(x[-360:], y[-360:]), batch_size=360)
    digits = Digits(trial, len(batches))
    trainer = lightning.Trainer(
        max_epochs=trial.epochs,
        accelerator=trial.device.type,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(digits, batches, held_out)
