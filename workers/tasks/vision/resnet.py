"""Residual networks: He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, 2015."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (at stride 1), normalised over the batch."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    # The initialisation of He et al., Delving Deep into Rectifiers, 2015, which the paper uses.
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """relu(shortcut(x) + residual(x)); the shortcut is a projection only where the shape changes."""

    def __init__(self, residual: nn.Module, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.residual = residual
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H / stride, W / stride]."""
        return torch.relu(self.shortcut(x) + self.residual(x))


def _basic(inputs: int, width: int, stride: int) -> Block:
    residual = nn.Sequential(_conv(inputs, width, 3, stride), nn.ReLU(), _conv(width, width, 3))
    return Block(residual, inputs, width, stride)


def _bottleneck(inputs: int, width: int, stride: int) -> Block:
    # The stride sits in the 3x3 convolution, as is usual today, and not in the first 1x1 as in the paper,
    # which would leave three pixels of four unseen. The parameters are as many.
    residual = nn.Sequential(
        _conv(inputs, width, 1),
        nn.ReLU(),
        _conv(width, width, 3, stride),
        nn.ReLU(),
        _conv(width, 4 * width, 1),
    )
    return Block(residual, inputs, 4 * width, stride)


class ResNet(nn.Module):
    """A stem, four stages of blocks, a linear layer; each next stage halves the size, doubles the width."""

    def __init__(self, classes: int, depths: Sequence[int], *, bottleneck: bool):
        super().__init__()
        block, expansion = (_bottleneck, 4) if bottleneck else (_basic, 1)
        blocks: list[nn.Module] = []
        channels = 64
        for stage, depth in enumerate(depths):
            width = 64 * 2**stage
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(block(channels, width, stride))
                channels = expansion * width
        self.stem = nn.Sequential(
            _conv(3, 64, 7, stride=2), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        )
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, 3, H, W]."""
        logits: Tensor = self.head(self.blocks(self.stem(images)))
        return logits


def resnet18(classes: int) -> ResNet:
    """ResNet-18, basic blocks: 11,689,512 parameters at 1,000 classes."""
    return ResNet(classes, (2, 2, 2, 2), bottleneck=False)


def resnet50(classes: int) -> ResNet:
    """ResNet-50, bottleneck blocks: 25,557,032 parameters at 1,000 classes."""
    return ResNet(classes, (3, 4, 6, 3), bottleneck=True)
