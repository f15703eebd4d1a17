# Generated from the Swift sources by `make generate`. Do not edit.
"""The C interface of libhpm as ctypes prototypes; hpm.h documents each function.

Handles and arrays are addresses (`c_void_p`): pass an int such as numpy's `.ctypes.data`, a
ctypes array, `byref(...)` or None. A single result is `POINTER(...)`: pass `byref(...)`.
"""

from __future__ import annotations

from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_size_t,
    c_void_p,
)
from typing import Any, Final

HPM_VERSION: Final = "0.1.0"
HPM_VERSION_MAJOR: Final = 0
HPM_VERSION_MINOR: Final = 1
HPM_VERSION_PATCH: Final = 0
HPM_ABI_VERSION: Final = 0

# The outcome of a call. Numbers are pinned: new ones are appended, none is reused.
hpm_status = c_int32
HPM_OK: Final = 0
HPM_STOPPED: Final = 1
HPM_UNCHANGED: Final = 2
HPM_ERROR_ARGUMENT: Final = -1
HPM_ERROR_HANDLE: Final = -2
HPM_ERROR_MEMORY: Final = -3
HPM_ERROR_ORDER: Final = -4
HPM_ERROR_BUSY: Final = -5
HPM_ERROR_CALLBACK: Final = -6
HPM_ERROR_NO_RESULT: Final = -7
HPM_ERROR_SNAPSHOT: Final = -8
HPM_ERROR_CAPACITY: Final = -9
HPM_ERROR_UNSUPPORTED: Final = -10

# How a bounded parameter is mapped to the latent coordinate u in [0, 1] in which it is moved.
hpm_scale = c_int32
HPM_SCALE_LINEAR: Final = 0
HPM_SCALE_LOG: Final = 1
HPM_SCALE_LOGIT: Final = 2

# Who may move a hyperparameter, where the algorithm has such moves.
hpm_update = c_int32
HPM_UPDATE_AUTO: Final = 0
HPM_UPDATE_MUTATE: Final = 1
HPM_UPDATE_HYPERGRADIENT: Final = 2
HPM_UPDATE_BOTH: Final = 3
HPM_UPDATE_FIXED: Final = 4

# What a hyperparameter is.
hpm_kind = c_int32
HPM_KIND_REAL: Final = 0
HPM_KIND_INTEGER: Final = 1
HPM_KIND_CHOICE: Final = 2
HPM_KIND_BLOCK: Final = 3

# What a student is to do next.
hpm_action = c_int32
HPM_ACTION_TRAIN: Final = 0
HPM_ACTION_CLONE: Final = 1
HPM_ACTION_EVALUATE: Final = 2
HPM_ACTION_RESTART: Final = 3
HPM_ACTION_WAIT: Final = 4
HPM_ACTION_STOP: Final = 5

# int32_t hpm_train_callback(void *context, size_t student, const double *hyperparameters, size_t n,
# double *loss, double *hypergradient, int32_t *has_hypergradient)
hpm_train_callback = CFUNCTYPE(
    c_int32, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_double), c_void_p, POINTER(c_int32)
)

# int32_t hpm_clone_callback(void *context, size_t source, size_t student)
hpm_clone_callback = CFUNCTYPE(c_int32, c_void_p, c_size_t, c_size_t)

# int32_t hpm_restart_callback(void *context, size_t student)
hpm_restart_callback = CFUNCTYPE(c_int32, c_void_p, c_size_t)


class hpm_trainer(Structure):
    """The callbacks with which hpm_population_run drives your trainer."""

    _fields_ = [
        ("size", c_size_t),
        ("train", hpm_train_callback),
        ("evaluate", hpm_train_callback),
        ("clone", hpm_clone_callback),
        ("restart", hpm_restart_callback),
    ]


# name: (result, arguments)
PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "hpm_version": (c_char_p, ()),
    "hpm_abi_version": (c_int32, ()),
    "hpm_status_name": (c_char_p, (hpm_status,)),
    "hpm_last_error": (c_char_p, ()),
    "hpm_last_callback_status": (c_int32, ()),
    "hpm_space_create": (hpm_status, (POINTER(c_void_p),)),
    "hpm_space_destroy": (hpm_status, (c_void_p,)),
    "hpm_space_add_real": (
        hpm_status,
        (c_void_p, c_char_p, c_double, c_double, hpm_scale, c_double),
    ),
    "hpm_space_add_integer": (
        hpm_status,
        (c_void_p, c_char_p, c_double, c_double, hpm_scale, c_double),
    ),
    "hpm_space_add_choice": (
        hpm_status,
        (c_void_p, c_char_p, POINTER(c_char_p), c_size_t, c_int64),
    ),
    "hpm_space_add_block": (
        hpm_status,
        (c_void_p, c_char_p, c_size_t, c_double, c_double, hpm_scale, c_double),
    ),
    "hpm_space_set_update": (hpm_status, (c_void_p, c_char_p, hpm_update)),
    "hpm_space_dimension": (hpm_status, (c_void_p, POINTER(c_size_t))),
    "hpm_space_offset": (hpm_status, (c_void_p, c_char_p, POINTER(c_size_t), POINTER(c_size_t))),
    "hpm_space_parameters": (hpm_status, (c_void_p, POINTER(c_size_t))),
    "hpm_space_name": (hpm_status, (c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_space_describe": (
        hpm_status,
        (
            c_void_p,
            c_char_p,
            POINTER(hpm_kind),
            POINTER(c_double),
            POINTER(c_double),
            POINTER(hpm_scale),
            POINTER(c_double),
            POINTER(hpm_update),
        ),
    ),
    "hpm_space_label": (
        hpm_status,
        (c_void_p, c_char_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t)),
    ),
    "hpm_options_create": (hpm_status, (POINTER(c_void_p),)),
    "hpm_options_destroy": (hpm_status, (c_void_p,)),
    "hpm_options_set_integer": (hpm_status, (c_void_p, c_char_p, c_int64)),
    "hpm_options_set_real": (hpm_status, (c_void_p, c_char_p, c_double)),
    "hpm_options_set_string": (hpm_status, (c_void_p, c_char_p, c_char_p)),
    "hpm_population_create": (hpm_status, (c_void_p, c_void_p, POINTER(c_void_p))),
    "hpm_population_destroy": (hpm_status, (c_void_p,)),
    "hpm_population_size": (hpm_status, (c_void_p, POINTER(c_size_t))),
    "hpm_population_dimension": (hpm_status, (c_void_p, POINTER(c_size_t))),
    "hpm_population_space": (hpm_status, (c_void_p, POINTER(c_void_p))),
    "hpm_population_next_all": (
        hpm_status,
        (c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_size_t),
    ),
    "hpm_population_report_all": (hpm_status, (c_void_p, c_void_p, c_void_p, c_size_t, c_size_t)),
    "hpm_population_count": (hpm_status, (c_void_p, c_char_p, POINTER(c_double))),
    "hpm_population_best": (hpm_status, (c_void_p, POINTER(c_size_t), POINTER(c_double))),
    "hpm_population_best_hyperparameters": (
        hpm_status,
        (c_void_p, c_void_p, c_size_t, POINTER(c_double)),
    ),
    "hpm_population_stop": (hpm_status, (c_void_p,)),
    "hpm_student_next": (
        hpm_status,
        (c_void_p, c_size_t, POINTER(hpm_action), POINTER(c_size_t), c_void_p, c_size_t),
    ),
    "hpm_student_report": (hpm_status, (c_void_p, c_size_t, c_double, c_void_p, c_size_t)),
    "hpm_student_report_cost": (hpm_status, (c_void_p, c_size_t, c_double, c_double)),
    "hpm_student_hyperparameters": (hpm_status, (c_void_p, c_size_t, c_void_p, c_size_t)),
    "hpm_student_set_initial": (hpm_status, (c_void_p, c_size_t, c_void_p, c_size_t)),
    "hpm_student_source_report": (hpm_status, (c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_checkpoint_releasable": (hpm_status, (c_void_p, c_size_t, c_size_t, POINTER(c_int32))),
    "hpm_student_ancestor": (hpm_status, (c_void_p, c_size_t, c_size_t, POINTER(c_size_t))),
    "hpm_population_run": (hpm_status, (c_void_p, POINTER(hpm_trainer), c_void_p)),
    "hpm_teacher_create": (hpm_status, (c_size_t, c_void_p, POINTER(c_void_p))),
    "hpm_teacher_destroy": (hpm_status, (c_void_p,)),
    "hpm_teacher_mutate": (hpm_status, (c_void_p, c_void_p, c_void_p, c_size_t)),
    "hpm_teacher_learn": (hpm_status, (c_void_p, c_void_p, c_void_p, c_size_t)),
    "hpm_population_save": (hpm_status, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_population_load": (hpm_status, (c_void_p, c_size_t, POINTER(c_void_p))),
}


def declare(library: CDLL) -> None:
    """Sets argument and result types of every function of a loaded library."""
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
