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
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, Final

HPM_VERSION: Final = "1.2.3"
HPM_VERSION_MAJOR: Final = 1
HPM_VERSION_MINOR: Final = 2
HPM_VERSION_PATCH: Final = 3
HPM_ABI_VERSION: Final = 4
HPM_LOWEST: Final = -1

# The outcome of a call.
hpm_status = c_int32
HPM_OK: Final = 0
HPM_AGAIN: Final = 1
HPM_ERROR: Final = -16

# A set of switches.
hpm_switches = c_uint32
HPM_SWITCH_LONG: Final = 1
HPM_SWITCH_SHORT: Final = 2

# void hpm_end_callback(void)
hpm_end_callback = CFUNCTYPE(None)


class hpm_report(Structure):
    """What a visit found."""

    _fields_ = [
        ("size", c_size_t),
        ("status", hpm_status),
        ("text", c_char_p),
        ("end", hpm_end_callback),
    ]


# int32_t hpm_visit_callback(void *context, const double *values, float *results, double *loss,
# size_t n, const hpm_report *report)
hpm_visit_callback = CFUNCTYPE(
    c_int32, c_void_p, c_void_p, c_void_p, POINTER(c_double), c_size_t, POINTER(hpm_report)
)


class hpm_limits(Structure):
    """The limits of a gadget, which the caller makes and the library fills; its summary is so long
    that it takes two lines.
    """

    _fields_ = [
        ("low", c_double),
        ("high", c_double),
    ]


# name: (result, arguments)
PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "hpm_version": (c_char_p, ()),
    "hpm_gadget_create": (hpm_status, (c_char_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p))),
    "hpm_gadget_destroy": (None, (c_void_p,)),
    "hpm_gadget_everything": (
        c_int32,
        (
            c_void_p,
            c_int32,
            c_int64,
            hpm_switches,
            c_uint64,
            c_float,
            c_void_p,
            c_void_p,
            c_void_p,
            c_void_p,
            c_void_p,
            c_void_p,
            POINTER(c_double),
            c_void_p,
            POINTER(c_size_t),
            c_void_p,
            hpm_visit_callback,
            POINTER(hpm_report),
        ),
    ),
    "hpm_gadget_limits": (hpm_status, (POINTER(hpm_limits),)),
}


def declare(library: CDLL) -> None:
    """Sets argument and result types of every function of a loaded library."""
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
