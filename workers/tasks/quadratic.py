"""A quadratic bowl: its best and its largest stable learning rate are known in closed form."""

import torch
from torch import Tensor, nn

from sweeps.errors import UserError


class Bowl(nn.Module):
    """f(w) = 0.5 * sum_i h_i w_i^2, started at w = (1, ..., 1) whatever the seed."""

    curvatures: Tensor

    def __init__(self, curvatures: Tensor):
        super().__init__()
        self.register_buffer("curvatures", curvatures)
        self.weights = nn.Parameter(torch.ones_like(curvatures))

    def forward(self, rows: Tensor) -> Tensor:
        """f(w), a scalar; the rows only set the number of steps, every step sees the whole function."""
        return 0.5 * (self.curvatures * self.weights.square()).sum()


class Quadratic:
    """Gradient descent on 0.5 * sum_i h_i w_i^2 with curvatures h spread evenly over mu..L.

    A step of gradient descent multiplies w_i by 1 - lr * h_i. So it converges for lr < 2/L, and quickest,
    by (L - mu)/(L + mu) a step in its slowest coordinate, at lr = 2/(L + mu)
    (Boyd and Vandenberghe, Convex Optimization, 2004, section 9.3).

    >>> task = Quadratic(mu=1, L=9)
    >>> task.best_lr, round(task.largest_stable_lr, 4)
    (0.2, 0.2222)
    """

    batch_size = 1

    def __init__(self, mu: float = 0.1, L: float = 10.0, dimensions: int = 20, steps_per_epoch: int = 10):
        if not 0 < mu <= L:
            raise UserError(f"got mu {mu:g} and L {L:g}; allowed is 0 < mu <= L: exchange or correct them")
        self.mu = mu
        self.L = L
        self.dimensions = dimensions
        self.steps_per_epoch = steps_per_epoch

    @property
    def best_lr(self) -> float:
        """The best constant LR of gradient descent, 2/(L + mu).

        >>> Quadratic(mu=0.5, L=3.5).best_lr
        0.5
        """
        return 2 / (self.L + self.mu)

    @property
    def largest_stable_lr(self) -> float:
        """The LR above which gradient descent diverges, 2/L.

        >>> Quadratic(mu=0.5, L=4).largest_stable_lr
        0.5
        """
        return 2 / self.L

    def model(self) -> nn.Module:
        """The bowl at its start."""
        return Bowl(torch.linspace(self.mu, self.L, self.dimensions))

    def data(self) -> tuple[Tensor, Tensor]:
        """Rows of zeros: one per step of an epoch, and one to validate."""
        return torch.zeros(self.steps_per_epoch, 1), torch.zeros(1, 1)

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        """f(w)."""
        value: Tensor = model(batch)
        return value
