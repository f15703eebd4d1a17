"""Self-tuning networks in torch: layers that learn the best response of their weights to hyperparameters, so that a
hypergradient is one backward pass of a validation loss.

:class:`SelfTuning` converts an ordinary network; :class:`Student` holds all that a student's training depends on.
docs/networks.md has the recipe and says when to take it.
"""

from .augmentation import ColorJitter, Cutout, InputScaling, RandomShift
from .best_response import BestResponse
from .conversion import convert
from .convolution import HyperConv2d
from .coordinates import Coordinates
from .dropout import Dropout, EmbeddingDropout, GaussianNoise, variational_dropout
from .embedding import HyperEmbedding
from .linear import HyperLinear
from .penalty import ActivationPenalty, WeightDecay
from .perturbation import PerturbationScale
from .recurrent import HyperLSTM
from .self_tuning import SelfTuning
from .student import Student

__all__ = [
    "ActivationPenalty",
    "BestResponse",
    "ColorJitter",
    "Coordinates",
    "Cutout",
    "Dropout",
    "EmbeddingDropout",
    "GaussianNoise",
    "HyperConv2d",
    "HyperEmbedding",
    "HyperLSTM",
    "HyperLinear",
    "InputScaling",
    "PerturbationScale",
    "RandomShift",
    "SelfTuning",
    "Student",
    "WeightDecay",
    "convert",
    "variational_dropout",
]
