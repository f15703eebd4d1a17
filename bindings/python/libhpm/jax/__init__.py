"""Self-tuning networks in JAX: layers that learn the best response of their weights to hyperparameters, so that a
hypergradient is one backward pass of a validation loss.

All are pure functions of pytrees, and need no framework beside JAX. Parameters have the names and shapes of
:mod:`libhpm.torch`, so that a torch `state_dict` works here (:func:`nested`). A network gives its layers coordinates z;
:func:`hypergradient` differentiates a validation loss with respect to them, :func:`linearized` makes the response that of
Delta-STN, and :class:`Students` holds a population as one pytree. docs/networks.md has the recipe and says when to take it.
"""

from . import perturbation_scale
from .augmentation import color_jitter, cutout, input_scaling, random_shift
from .best_response import best_response
from .conversion import convert, nested
from .coordinates import Coordinates
from .dropout import drop_connect, dropout, embedding_dropout, gaussian_noise
from .hypergradients import hypergradient, hypergradient_function
from .layers import conv2d, embedding, init_conv2d, init_embedding, init_linear, linear
from .linearization import linearized, response_mask, responses_only
from .penalty import activation_penalty, weight_decay
from .perturbation_scale import init_perturbation
from .recurrent import init_lstm, lstm
from .students import State, Students, init_order, next_batch

__all__ = [
    "Coordinates",
    "State",
    "Students",
    "activation_penalty",
    "best_response",
    "color_jitter",
    "conv2d",
    "convert",
    "cutout",
    "drop_connect",
    "dropout",
    "embedding",
    "embedding_dropout",
    "gaussian_noise",
    "hypergradient",
    "hypergradient_function",
    "init_conv2d",
    "init_embedding",
    "init_linear",
    "init_lstm",
    "init_order",
    "init_perturbation",
    "input_scaling",
    "linear",
    "linearized",
    "lstm",
    "nested",
    "next_batch",
    "perturbation_scale",
    "random_shift",
    "response_mask",
    "responses_only",
    "weight_decay",
]
