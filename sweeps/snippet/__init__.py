"""A pick as the lines to paste into a PyTorch script, which imports torch and has a `model`."""

from sweeps.snippet.torchlines import torch_lines

__all__ = ["torch_lines"]
