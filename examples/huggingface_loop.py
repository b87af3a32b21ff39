"""A Hugging Face Trainer in a sweep: the Trainer drives the loop, the trial gives optimizer and schedule.

Needs `pip install transformers accelerate`. Try it with `lrsweep run` and
`task: {use: examples/huggingface_loop.py:train}` in the spec. Nothing is downloaded: the model is small and new.
"""

import tempfile

import torch
from sklearn.datasets import load_digits
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
)


class TrialTrainer(Trainer):
    """A Trainer that remembers the loss of its last step."""

    def training_step(self, *args, **kwargs):
        self.last_loss = super().training_step(*args, **kwargs)
        return self.last_loss


class NoSchedule:
    """What the Trainer steps instead of a schedule of its own: the trial moves the LR."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def step(self):
        pass

    def get_last_lr(self):
        return [group["lr"] for group in self.optimizer.param_groups]


class Tell(TrainerCallback):
    """Tells the trial of every step and every evaluation."""

    def __init__(self, trial, schedule):
        self.trial, self.schedule = trial, schedule

    def on_step_end(self, args, state, control, **kwargs):
        self.schedule.after_batch(self.trainer.last_loss)

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        self.trial.report({"val/loss": metrics["eval_loss"], "val/accuracy": metrics["eval_accuracy"]})


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(axis=1) == prediction.label_ids).mean())}


def train(trial):
    """Digits with a small vision transformer; the last 360 of the 1,797 validate."""
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    examples = [{"pixel_values": image, "labels": int(label)} for image, label in zip(images, labels, strict=True)]
    width = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = ViTConfig(image_size=8, patch_size=2, num_channels=1, num_labels=10, **width)
    model = ViTForImageClassification(config).to(trial.device)

    batch_size = 64
    steps_per_epoch = -(-len(examples[:-360]) // batch_size)
    optimizer = trial.optimizer(model)
    tell = Tell(trial, trial.scheduler(optimizer, steps_per_epoch=steps_per_epoch))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=trial.epochs,
            per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=360,
            max_grad_norm=0.0,
            seed=trial.seed,
            use_cpu=trial.device.type == "cpu",
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        tell.trainer = TrialTrainer(
            model,
            arguments,
            train_dataset=examples[:-360],
            eval_dataset=examples[-360:],
            compute_metrics=accuracy,
            callbacks=[tell],
            optimizers=(optimizer, NoSchedule(optimizer)),
        )
        # What it would print on standard output is what `lrsweep run --json` prints there.
        tell.trainer.remove_callback(PrinterCallback)
        tell.trainer.train()
