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
    c_uint32,
    c_uint64,
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
HPM_FAILED_ESTIMATE: Final = 3
HPM_WRONG_DERIVATIVE: Final = 4
HPM_WARNING: Final = 5
HPM_STALE: Final = 6
HPM_PARTIAL: Final = 7
HPM_OBSERVER: Final = 8
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
HPM_ERROR_STORAGE: Final = -11

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

# What a hyperparameter is to the training, where that is something an algorithm can use.
hpm_role = c_int32
HPM_ROLE_OTHER: Final = 0
HPM_ROLE_LEARNING_RATE: Final = 1

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

# Which failures of the host an answered report survives.
hpm_durability = c_int32
HPM_DURABILITY_NONE: Final = 0
HPM_DURABILITY_PROCESS: Final = 1
HPM_DURABILITY_POWER: Final = 2

# What of a run may be other than its file has it: kinds are added up.
hpm_override = c_int32
HPM_OVERRIDE_NONE: Final = 0
HPM_OVERRIDE_STEPS: Final = 1
HPM_OVERRIDE_POPULATION: Final = 2
HPM_OVERRIDE_BOUNDS: Final = 4

# Where students that join a population come from.
hpm_origin = c_int32
HPM_ORIGIN_DRAWN: Final = 0
HPM_ORIGIN_CLONE: Final = 1

# A kind of event: one bit, so that kinds can be asked for together.
hpm_event_kind = c_int32
HPM_EVENT_TRAINED: Final = 1
HPM_EVENT_MOVED: Final = 2
HPM_EVENT_CLONED: Final = 4
HPM_EVENT_MUTATED: Final = 8
HPM_EVENT_EVALUATED: Final = 16
HPM_EVENT_TAUGHT: Final = 32
HPM_EVENT_RESTARTED: Final = 64
HPM_EVENT_STOPPED: Final = 128
HPM_EVENT_ALL: Final = 255

# How an estimate ended.
hpm_certificate_status = c_int32
HPM_CERTIFICATE_CONVERGED: Final = 0
HPM_CERTIFICATE_ITERATION_LIMIT: Final = 1
HPM_CERTIFICATE_INDEFINITE: Final = 2
HPM_CERTIFICATE_SINGULAR: Final = 3
HPM_CERTIFICATE_NONFINITE: Final = 4
HPM_CERTIFICATE_DIVERGED: Final = 5
HPM_CERTIFICATE_ERROR: Final = 6

# What a check says of a callback.
hpm_finding_verdict = c_int32
HPM_FINDING_RIGHT: Final = 0
HPM_FINDING_WRONG: Final = 1
HPM_FINDING_DISAGREES: Final = 2
HPM_FINDING_NOT_CHECKED: Final = 3

# What a check's verdict rests on. Those from `HPM_REASON_MISSING_REFERENCE` on are why a callback
# was not checked.
hpm_finding_reason = c_int32
HPM_REASON_COMPARISON: Final = 0
HPM_REASON_REPETITION: Final = 1
HPM_REASON_NOT_FINITE: Final = 2
HPM_REASON_MISSING_REFERENCE: Final = 3
HPM_REASON_WRONG_REFERENCE: Final = 4
HPM_REASON_DISPUTED_REFERENCE: Final = 5
HPM_REASON_REFERENCE_NOT_FINITE: Final = 6
HPM_REASON_TOO_LARGE: Final = 7
HPM_REASON_ROUNDING: Final = 8
HPM_REASON_KINKS: Final = 9
HPM_REASON_IDENTITY: Final = 10

# The number type of ready-made host vectors.
hpm_element = c_int32
HPM_ELEMENT_DOUBLE: Final = 0
HPM_ELEMENT_FLOAT: Final = 1

# What `randomize` draws.
hpm_distribution = c_int32
HPM_DISTRIBUTION_NORMAL: Final = 0
HPM_DISTRIBUTION_RADEMACHER: Final = 1

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


# int32_t hpm_judge_callback(void *context, const size_t *students, const double *shares, size_t
# count, double *loss)
hpm_judge_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_double))

# int32_t hpm_report_callback(void *context, size_t student, size_t number, double loss, const
# double *hyperparameters, size_t n)
hpm_report_callback = CFUNCTYPE(c_int32, c_void_p, c_size_t, c_size_t, c_double, c_void_p, c_size_t)


class hpm_event(Structure):
    """Something that happened in a population. Pointers are valid during the call that hands it
    over.
    """

    _fields_ = [
        ("size", c_size_t),
        ("kind", hpm_event_kind),
        ("student", c_size_t),
        ("report", c_size_t),
        ("source", c_size_t),
        ("parent", c_size_t),
        ("rank", c_size_t),
        ("source_rank", c_size_t),
        ("loss", c_double),
        ("training_cost", c_double),
        ("hypergradient_cost", c_double),
        ("part", c_char_p),
        ("count", c_size_t),
        ("indices", POINTER(c_size_t)),
        ("from", POINTER(c_double)),
        ("to", POINTER(c_double)),
    ]


# int32_t hpm_observer_callback(void *context, const hpm_event *event)
hpm_observer_callback = CFUNCTYPE(c_int32, c_void_p, POINTER(hpm_event))

# int32_t hpm_log_callback(void *context, const uint8_t *bytes, size_t length)
hpm_log_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)

# int32_t hpm_loss_callback(void *context, const void *w, const void *h, double *loss)
hpm_loss_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, POINTER(c_double))

# int32_t hpm_outer_gradient_callback(void *context, const void *w, const void *h, void *dw, void
# *dh)
hpm_outer_gradient_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)

# int32_t hpm_inner_gradient_callback(void *context, const void *w, const void *h, void *result)
hpm_inner_gradient_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_void_p)

# int32_t hpm_product_callback(void *context, const void *w, const void *h, const void *v, void
# *result)
hpm_product_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)

# int32_t hpm_step_callback(void *context, size_t index, const void *w, const void *h, void *result)
hpm_step_callback = CFUNCTYPE(c_int32, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)

# int32_t hpm_step_forward_callback(void *context, size_t index, const void *w, const void *h, const
# void *dw, const void *dh, void *result)
hpm_step_forward_callback = CFUNCTYPE(
    c_int32, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)

# int32_t hpm_step_backward_callback(void *context, size_t index, const void *w, const void *h,
# const void *v, void *dw, void *dh)
hpm_step_backward_callback = CFUNCTYPE(
    c_int32, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)

# int32_t hpm_response_callback(void *context, const void *h, double *loss)
hpm_response_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, POINTER(c_double))


class hpm_problem_callbacks(Structure):
    """The callbacks of a problem. Set those that you have; an estimator that needs another one
    makes it by differences where it can, and else is `HPM_ERROR_UNSUPPORTED`, with a sentence
    that names it.
    """

    _fields_ = [
        ("size", c_size_t),
        ("outer_loss", hpm_loss_callback),
        ("outer_gradient", hpm_outer_gradient_callback),
        ("inner_loss", hpm_loss_callback),
        ("inner_gradient", hpm_inner_gradient_callback),
        ("inner_hyper_gradient", hpm_inner_gradient_callback),
        ("hessian_product", hpm_product_callback),
        ("cross_product", hpm_product_callback),
        ("step", hpm_step_callback),
        ("step_forward", hpm_step_forward_callback),
        ("step_backward", hpm_step_backward_callback),
        ("response", hpm_response_callback),
    ]


class hpm_certificate(Structure):
    """What an estimator says of its own result."""

    _fields_ = [
        ("size", c_size_t),
        ("status", hpm_certificate_status),
        ("reserved", c_int32),
        ("iterations", c_uint64),
        ("relative_residual", c_double),
        ("smallest_curvature", c_double),
        ("seconds", c_double),
        ("losses", c_uint64),
        ("outer_gradients", c_uint64),
        ("inner_gradients", c_uint64),
        ("inner_hyper_gradients", c_uint64),
        ("hessian_products", c_uint64),
        ("cross_products", c_uint64),
        ("steps", c_uint64),
        ("step_products", c_uint64),
        ("parameter_vectors", c_uint64),
        ("hyperparameter_vectors", c_uint64),
    ]


class hpm_finding(Structure):
    """What one test of hpm_problem_check found of one callback. The texts are the library's: they
    stay valid until the thread's next hpm_problem_check returns, or the thread's end.
    """

    _fields_ = [
        ("size", c_size_t),
        ("verdict", hpm_finding_verdict),
        ("reason", hpm_finding_reason),
        ("callback", c_char_p),
        ("other", c_char_p),
        ("error", c_double),
        ("tolerance", c_double),
        ("sentence", c_char_p),
    ]


# int32_t hpm_vector_create_callback(void *context, void **vector)
hpm_vector_create_callback = CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p))

# void hpm_vector_destroy_callback(void *context, void *vector)
hpm_vector_destroy_callback = CFUNCTYPE(None, c_void_p, c_void_p)

# int32_t hpm_vector_copy_callback(void *context, const void *source, void *target)
hpm_vector_copy_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p)

# int32_t hpm_vector_dot_callback(void *context, const void *left, const void *right, double
# *result)
hpm_vector_dot_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, POINTER(c_double))

# int32_t hpm_vector_axpy_callback(void *context, double factor, const void *source, void *target)
hpm_vector_axpy_callback = CFUNCTYPE(c_int32, c_void_p, c_double, c_void_p, c_void_p)

# int32_t hpm_vector_scale_callback(void *context, double factor, void *vector)
hpm_vector_scale_callback = CFUNCTYPE(c_int32, c_void_p, c_double, c_void_p)

# int32_t hpm_vector_random_callback(void *context, uint64_t seed, hpm_distribution distribution,
# void *vector)
hpm_vector_random_callback = CFUNCTYPE(c_int32, c_void_p, c_uint64, hpm_distribution, c_void_p)

# int32_t hpm_vector_unit_callback(void *context, size_t index, void *vector)
hpm_vector_unit_callback = CFUNCTYPE(c_int32, c_void_p, c_size_t, c_void_p)

# int32_t hpm_vector_write_callback(void *context, const double *numbers, size_t n, void *vector)
hpm_vector_write_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t, c_void_p)

# int32_t hpm_vector_read_callback(void *context, const void *vector, double *numbers, size_t n)
hpm_vector_read_callback = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_size_t)


class hpm_vector_operations(Structure):
    """The operations of a space of vectors. They work in place; the library calls them in the
    thread of its caller, one at a time. The first six are needed, the others where their comment
    says so.
    """

    _fields_ = [
        ("size", c_size_t),
        ("create", hpm_vector_create_callback),
        ("destroy", hpm_vector_destroy_callback),
        ("copy", hpm_vector_copy_callback),
        ("dot", hpm_vector_dot_callback),
        ("axpy", hpm_vector_axpy_callback),
        ("scale", hpm_vector_scale_callback),
        ("random", hpm_vector_random_callback),
        ("unit", hpm_vector_unit_callback),
        ("write", hpm_vector_write_callback),
        ("read", hpm_vector_read_callback),
        ("precision", c_double),
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
    "hpm_space_set_role": (hpm_status, (c_void_p, c_char_p, hpm_role)),
    "hpm_space_role": (hpm_status, (c_void_p, c_char_p, POINTER(hpm_role))),
    "hpm_space_dimension": (hpm_status, (c_void_p, POINTER(c_size_t))),
    "hpm_space_offset": (hpm_status, (c_void_p, c_char_p, POINTER(c_size_t), POINTER(c_size_t))),
    "hpm_space_count": (hpm_status, (c_void_p, POINTER(c_size_t))),
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
    "hpm_option_name": (c_char_p, (c_size_t,)),
    "hpm_algorithm_name": (c_char_p, (c_size_t,)),
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
    "hpm_population_actions": (hpm_status, (c_void_p, POINTER(c_uint32))),
    "hpm_population_option": (
        hpm_status,
        (c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_size_t)),
    ),
    "hpm_student_next": (
        hpm_status,
        (c_void_p, c_size_t, POINTER(hpm_action), POINTER(c_size_t), c_void_p, c_size_t),
    ),
    "hpm_student_next_ticket": (
        hpm_status,
        (
            c_void_p,
            c_size_t,
            POINTER(hpm_action),
            POINTER(c_size_t),
            POINTER(c_uint64),
            c_void_p,
            c_size_t,
        ),
    ),
    "hpm_student_report": (hpm_status, (c_void_p, c_size_t, c_double, c_void_p, c_size_t)),
    "hpm_student_report_ticket": (
        hpm_status,
        (c_void_p, c_size_t, c_uint64, c_double, c_void_p, c_size_t),
    ),
    "hpm_student_reports": (hpm_status, (c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_student_report_cost": (hpm_status, (c_void_p, c_size_t, c_double, c_double)),
    "hpm_student_hyperparameters": (hpm_status, (c_void_p, c_size_t, c_void_p, c_size_t)),
    "hpm_student_wants_hypergradient": (hpm_status, (c_void_p, c_size_t, POINTER(c_int32))),
    "hpm_student_set_initial": (hpm_status, (c_void_p, c_size_t, c_void_p, c_size_t)),
    "hpm_student_source_report": (hpm_status, (c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_checkpoint_releasable": (hpm_status, (c_void_p, c_size_t, c_size_t, POINTER(c_int32))),
    "hpm_student_ancestor": (hpm_status, (c_void_p, c_size_t, c_size_t, POINTER(c_size_t))),
    "hpm_student_ancestor_report": (hpm_status, (c_void_p, c_size_t, c_size_t, POINTER(c_size_t))),
    "hpm_student_age": (hpm_status, (c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_population_run": (hpm_status, (c_void_p, POINTER(hpm_trainer), c_void_p)),
    "hpm_population_blend": (
        hpm_status,
        (c_void_p, hpm_judge_callback, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_size_t)),
    ),
    "hpm_teacher_create": (hpm_status, (c_size_t, c_void_p, POINTER(c_void_p))),
    "hpm_teacher_destroy": (hpm_status, (c_void_p,)),
    "hpm_teacher_mutate": (hpm_status, (c_void_p, c_void_p, c_void_p, c_size_t)),
    "hpm_teacher_learn": (hpm_status, (c_void_p, c_void_p, c_void_p, c_size_t)),
    "hpm_population_save": (hpm_status, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_population_load": (hpm_status, (c_void_p, c_size_t, POINTER(c_void_p))),
    "hpm_run_open": (hpm_status, (c_char_p, c_void_p, c_void_p, POINTER(c_void_p))),
    "hpm_run_open_overriding": (
        hpm_status,
        (c_char_p, c_void_p, c_void_p, hpm_override, POINTER(c_void_p)),
    ),
    "hpm_run_set_durability": (hpm_status, (c_void_p, hpm_durability)),
    "hpm_run_log_metric": (hpm_status, (c_void_p, c_size_t, c_char_p, c_double)),
    "hpm_run_reports": (hpm_status, (c_void_p, hpm_report_callback, c_void_p)),
    "hpm_schedule_export": (hpm_status, (c_void_p, c_size_t, POINTER(c_void_p))),
    "hpm_schedule_destroy": (hpm_status, (c_void_p,)),
    "hpm_schedule_length": (hpm_status, (c_void_p, POINTER(c_size_t))),
    "hpm_schedule_space": (hpm_status, (c_void_p, POINTER(c_void_p))),
    "hpm_schedule_at": (
        hpm_status,
        (
            c_void_p,
            c_size_t,
            c_void_p,
            c_size_t,
            POINTER(c_size_t),
            POINTER(c_size_t),
            POINTER(c_double),
        ),
    ),
    "hpm_schedule_save": (hpm_status, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_schedule_load": (hpm_status, (c_void_p, c_size_t, POINTER(c_void_p))),
    "hpm_student_release": (hpm_status, (c_void_p, c_size_t)),
    "hpm_student_retire": (hpm_status, (c_void_p, c_size_t)),
    "hpm_population_grow": (hpm_status, (c_void_p, c_size_t, hpm_origin)),
    "hpm_population_set_steps": (hpm_status, (c_void_p, c_size_t)),
    "hpm_population_observe": (
        hpm_status,
        (c_void_p, c_uint32, hpm_observer_callback, c_void_p, POINTER(c_size_t)),
    ),
    "hpm_population_unobserve": (hpm_status, (c_void_p, c_size_t)),
    "hpm_population_log": (hpm_status, (c_void_p, hpm_log_callback, c_void_p)),
    "hpm_population_replay": (hpm_status, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t))),
    "hpm_problem_create": (
        hpm_status,
        (c_void_p, c_void_p, POINTER(hpm_problem_callbacks), c_void_p, POINTER(c_void_p)),
    ),
    "hpm_problem_destroy": (hpm_status, (c_void_p,)),
    "hpm_problem_hypergradient": (
        hpm_status,
        (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(hpm_certificate)),
    ),
    "hpm_problem_check": (
        hpm_status,
        (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_size_t)),
    ),
    "hpm_last_finding_count": (c_size_t, ()),
    "hpm_last_finding": (hpm_status, (c_size_t, POINTER(hpm_finding))),
    "hpm_last_missing_callback": (c_char_p, ()),
    "hpm_student_set_problem": (hpm_status, (c_void_p, c_size_t, c_void_p, c_void_p)),
    "hpm_student_certificate": (hpm_status, (c_void_p, c_size_t, POINTER(hpm_certificate))),
    "hpm_vectors_create": (
        hpm_status,
        (POINTER(hpm_vector_operations), c_void_p, c_size_t, POINTER(c_void_p)),
    ),
    "hpm_vectors_create_host": (hpm_status, (hpm_element, c_size_t, POINTER(c_void_p))),
    "hpm_vectors_destroy": (hpm_status, (c_void_p,)),
}


def declare(library: CDLL) -> None:
    """Sets argument and result types of every function of a loaded library."""
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
