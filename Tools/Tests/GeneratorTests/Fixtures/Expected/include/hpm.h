/*
 * hpm.h: the C interface of libhpm 1.2.3
 *
 * A library of gadgets.
 *
 * Its whole use is two calls, hpm_gadget_create() and `n >= dimension`:
 *
 *     hpm_gadget_create("a", &gadget);
 *
 * - one thing, which goes on for so long that it has to be wrapped, since it is longer than the
 *   width of the page
 * - another
 *
 * Generated from the Swift sources by `make generate`: edit those instead.
 */
#ifndef HPM_H
#define HPM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version macros -------------------------------------------------------------------------- */

#define HPM_VERSION "1.2.3"
#define HPM_VERSION_MAJOR 1  /* The first component. */
#define HPM_VERSION_MINOR 2
#define HPM_VERSION_PATCH 3
#define HPM_ABI_VERSION 4    /* Of the binary interface. */
#define HPM_LOWEST (-1)      /* Not below zero. */

/* ---- Handles --------------------------------------------------------------------------------- */

/*
 * A gadget. Its keys:
 *
 * key   default                                       meaning
 * ----  --------------------------------------------  ---------------------------------------------
 * size  8                                             how large it is
 * mode  `fast`, or `slow` where the gadget is large   what it does, at a length for which the last
 *       and nothing else, such as `medium`, was       column of this table is too narrow, so that
 *       asked for by hpm_gadget                       it is wrapped
 */
typedef struct hpm_gadget hpm_gadget;

/* ---- Constants ------------------------------------------------------------------------------- */

/* The outcome of a call. */
typedef int32_t hpm_status;
enum {
    /* Success. */
    HPM_OK = 0,
    /* A word that needs more than one line: hpm_gadget_create() was called twice for one name,
       and the second call gave the gadget of the first. Since 0.2. */
    HPM_AGAIN = 1,
    HPM_ERROR = -16
};

/* A set of switches. */
typedef uint32_t hpm_switches;
enum {
    /* Its comment is long, so all of this type stand above their constants: it tells at length
       what a switch is, which is a thing that is on or off, and it goes on until there are three
       lines, after which no reader can be expected to look to the right of a constant for the
       rest of the text. */
    HPM_SWITCH_LONG = 1,
    /* Short. */
    HPM_SWITCH_SHORT = 2
};

/* ---- Callbacks and structs ------------------------------------------------------------------- */

/* Called at the end, without anything. */
typedef void (*hpm_end_callback)(void);

/* What a visit found. */
typedef struct hpm_report {
    size_t size;           /* Its size in bytes. */
    hpm_status status;     /* The status. */
    const char *text;
    hpm_end_callback end;  /* Called last; may be NULL. */
} hpm_report;

/*
 * Called for each gadget.
 *
 *   values   Array of `n`.
 *   results  Array of `n` that receives results.
 *
 * Returns 0; anything else ends the visit.
 */
typedef int32_t (*hpm_visit_callback)(void *context, const double *values, float *results,
                                      double *loss, size_t n, const hpm_report *report);

/*
 * The limits of a gadget, which the caller makes and the library fills; its summary is so long that
 * it takes two lines.
 */
typedef struct hpm_limits {
    double low;
    double high;
} hpm_limits;

/* ---- Functions: Version ---------------------------------------------------------------------- */

/*
 * The version of the library.
 *
 * Returns a string that is never freed.
 * Since 0.1.
 */
const char *hpm_version(void);

/* ---- Functions: Space ------------------------------------------------------------------------ */

/*
 * Creates a gadget.
 *
 * 1. The first paragraph of a list.
 * 2. The second, with code:
 *
 *        if (n > 0) {
 *            go();
 *        }
 *
 *   name    Its name, UTF-8; copied.
 *   labels  Array of `count` strings, not empty: a rather long line that goes on over the end of
 *           the line.
 *   count   The number of labels.
 *   out     Receives the gadget.
 *
 * Returns HPM_OK, or
 *   - HPM_AGAIN where it exists;
 *   - HPM_ERROR else.
 * Ownership: The caller's.
 * Thread safety: Any thread. Complexity: O(count). Since 0.1.
 */
hpm_status hpm_gadget_create(const char *name, const char *const *labels, size_t count,
                             hpm_gadget **out);

/*
 * Destroys a gadget.
 *
 *   gadget  NULL does nothing.
 */
void hpm_gadget_destroy(hpm_gadget *gadget);

/*
 * Takes one of everything.
 *
 *   gadget    The gadget.
 *   flag      A number.
 *   big       A number.
 *   mask      A number.
 *   huge      A number.
 *   ratio     A number.
 *   context   Anything. May be NULL.
 *   data      Anything, read.
 *   bytes     Bytes.
 *   room      Room for bytes.
 *   text      Array of `n` that receives text. NULL: the size alone.
 *   values    Numbers.
 *   result    Receives one number; never NULL.
 *   results   Array of `n` that receives numbers.
 *   counts    Receives a count.
 *   statuses  Array of `n` statuses.
 *   visit     The callback.
 *   report    What was found.
 *
 * Returns what hpm_visit_callback returned.
 */
int32_t hpm_gadget_everything(hpm_gadget *gadget, int32_t flag, int64_t big, hpm_switches mask,
                              uint64_t huge, float ratio, void *context, const void *data,
                              const uint8_t *bytes, uint8_t *room, char *text, const double *values,
                              double *result, double *results, size_t *counts, hpm_status *statuses,
                              hpm_visit_callback visit, const hpm_report *report);

/* ---- Functions: Vector space ----------------------------------------------------------------- */

/*
 * What a gadget is limited to.
 *
 *   limits  Receives the limits.
 */
hpm_status hpm_gadget_limits(hpm_limits *limits);

#ifdef __cplusplus
}
#endif

#endif /* HPM_H */
