"""LeNet-5: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998."""

from torch import Tensor, nn


class LeNet5(nn.Module):
    """Two convolutions with average pooling, three linear layers, tanh throughout; made for 32x32 pixels.

    Against the paper: three colours instead of one; every map of the second convolution sees all six maps of
    the first; pooling has no weights; the last layer is linear, where the paper has radial basis functions.
    Images of other sizes, from 16x16 on, are pooled to the 5x5 maps that 32x32 pixels give.
    """

    def __init__(self, classes: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, kernel_size=5),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.AdaptiveAvgPool2d(5),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, 3, H, W]."""
        logits: Tensor = self.classifier(self.features(images))
        return logits
