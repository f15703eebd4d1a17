"""Augmentation of images whose strengths are hyperparameters. Images are ``[batch, 3, height, width]``, values in [0, 1].

Colours and scaling are reparametrised, so their strengths have derivatives; places are sampled.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from ..errors import ArgumentError
from .context import Strength


def _uniform(x: torch.Tensor) -> torch.Tensor:
    """Of [-1, 1], one for each image."""
    return 2 * torch.rand(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device) - 1


class Augmentation(Strength):
    """Changes images ``[batch, channels, height, width]`` in training, and nothing in evaluation."""

    channels: int | None = None
    """That it takes alone; None: any."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images ``[batch, channels, height, width]``, values in [0, 1].

        Raises:
            ArgumentError: In training, another shape.
        """
        if not self.training:
            return x
        if x.ndim != 4 or self.channels is not None and x.shape[1] != self.channels:
            raise ArgumentError(
                f"images have shape {tuple(x.shape)}; allowed: [batch, {self.channels or 'channels'}, height, width]"
            )
        return self._augmented(x)

    def _augmented(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


_LUMA = (0.299, 0.587, 0.114)
# NTSC's colour space YIQ; a turn of its plane (I, Q) is a change of hue.
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


class ColorJitter(Augmentation):
    """In training changes brightness, contrast, saturation and hue of each image, in this order, by random amounts.

    With strength s brightness, contrast and saturation get a factor from U[1 - s, 1 + s]: of the image, of its differences
    to its mean grey, of its differences to its grey image. Hue is turned by U[-s, s] of a full turn in the colour space
    YIQ. Values end in [0, 1].

    Args:
        brightness, contrast, saturation, hue: The names of hyperparameters, or numbers; None: not changed.
    """

    channels = 3

    def __init__(
        self,
        brightness: str | float | None = None,
        contrast: str | float | None = None,
        saturation: str | float | None = None,
        hue: str | float | None = None,
    ):
        super().__init__(brightness=brightness, contrast=contrast, saturation=saturation, hue=hue)

    def _augmented(self, x: torch.Tensor) -> torch.Tensor:
        if not self.strengths:
            return x
        luma = x.new_tensor(_LUMA).reshape(1, 3, 1, 1)
        if "brightness" in self.strengths:
            x = x * self._factor("brightness", x)
        if "contrast" in self.strengths:
            mean = (x * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True)
            x = mean + (x - mean) * self._factor("contrast", x)
        if "saturation" in self.strengths:
            grey = (x * luma).sum(1, keepdim=True)
            x = grey + (x - grey) * self._factor("saturation", x)
        if "hue" in self.strengths:
            angle = (2 * math.pi * self.strength("hue", x) * _uniform(x)).reshape(-1)
            x = torch.einsum("bij,bjhw->bihw", _turn(angle), x)
        return x.clamp(0, 1)

    def _factor(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return 1 + self.strength(name, x) * _uniform(x)


def _turn(angle: torch.Tensor) -> torch.Tensor:
    """``[batch]`` -> ``[batch, 3, 3]``, in RGB."""
    to = angle.new_tensor(_TO_YIQ)
    zero, one, c, s = torch.zeros_like(angle), torch.ones_like(angle), torch.cos(angle), torch.sin(angle)
    turn = torch.stack((one, zero, zero, zero, c, -s, zero, s, c), -1).reshape(-1, 3, 3)
    return torch.linalg.inv(to) @ turn @ to


class InputScaling(Augmentation):
    """In training multiplies each image by a factor from U[1 / (1 + s), 1 + s].

    Source: the code of MacKay et al., 2019.

    Args:
        strength: s, the name of the hyperparameter, or a number.
    """

    def __init__(self, strength: str | float):
        super().__init__(strength=strength)

    def _augmented(self, x: torch.Tensor) -> torch.Tensor:
        high = 1 + self.strength("strength", x)
        low = 1 / high
        return x * (low + (high - low) * (_uniform(x) + 1) / 2)


class RandomShift(Augmentation):
    """In training shifts each image by U[-s, s] of its height and width, with bilinear interpolation and zeros around;
    the strength has a derivative.

    Args:
        strength: s, the name of the hyperparameter, or a number; a fraction of the image.
    """

    def __init__(self, strength: str | float):
        super().__init__(strength=strength)

    def _augmented(self, x: torch.Tensor) -> torch.Tensor:
        strength = self.strength("strength", x).expand(x.shape[0], 1, 1, 1).reshape(-1)
        shift = 2 * strength[:, None] * (2 * torch.rand(x.shape[0], 2, dtype=x.dtype, device=x.device) - 1)
        unit = torch.eye(2, dtype=x.dtype, device=x.device).expand(x.shape[0], 2, 2)
        grid = functional.affine_grid(torch.cat((unit, shift[:, :, None]), 2), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)


class Cutout(Augmentation):
    """In training sets squares of each image to 0; numbers and lengths are rounded down, so they have no derivative.

    Source: DeVries and Taylor, 'Improved Regularization of Convolutional Neural Networks with Cutout', 2017.

    Args:
        holes: Their number, the name of the hyperparameter, or a number.
        length: The length of a side in pixels, likewise. Squares are cut off at the image's edges.
        most: The largest number of holes that can be asked for.
    """

    def __init__(self, holes: str | float, length: str | float, most: int = 4):
        super().__init__(holes=holes, length=length)
        self.most = most

    def _augmented(self, x: torch.Tensor) -> torch.Tensor:
        batch, _, height, width = x.shape
        holes, length = (self.strength(name, x).detach().floor().expand(batch, 1, 1, 1).reshape(batch, 1, 1)
                         for name in ("holes", "length"))

        def inside(size: int) -> torch.Tensor:
            """``[batch, most, size]``: which rows, or columns, a hole covers."""
            middle = torch.randint(size, (batch, self.most, 1), device=x.device)
            first = middle - (length / 2).floor()
            places = torch.arange(size, device=x.device)
            return (places >= first) & (places < first + length)

        counted = torch.arange(self.most, device=x.device).reshape(1, -1, 1) < holes
        cut = (inside(height) & counted)[..., None] & inside(width)[:, :, None]
        return x * ~cut.any(1)[:, None]
