/* Ridge regression with a penalty for each feature as a bilevel problem, in vectors of three kinds,
 * with callbacks that count, fail, lie or give NaN when they are told to.
 *
 *     f(w, h) = |X w - y|^2 / 2 EXAMPLES + sum_j h_j w_j^2 / 2
 *     F(w, h) = |V w - z|^2 / 2 EXAMPLES + DIRECT |h|^2 / 2
 *     step(w, h) = w - RATE df/dw
 */
#ifndef RIDGE_H
#define RIDGE_H

#include <hpm.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

enum { FEATURES = 5, EXAMPLES = 12 };

static const double RATE = 0.3, DIRECT = 0.01;

typedef enum { DOUBLES, FLOATS, SPLIT } layout_kind;
enum { LAYOUTS = 3 };

/* A vector that is no array: two lists, the second backwards. */
typedef struct {
    double *even, *odd;
} split_vector;
enum { EVEN = (FEATURES + 1) / 2, ODD = FEATURES / 2 };

/* The problem's callbacks, in the order of hpm_problem_callbacks; NOTHING is none of them. */
typedef enum {
    NOTHING, OUTER_LOSS, OUTER_GRADIENT, INNER_LOSS, INNER_GRADIENT, INNER_HYPER_GRADIENT,
    HESSIAN_PRODUCT, CROSS_PRODUCT, STEP, STEP_FORWARD, STEP_BACKWARD, RESPONSE, KINDS
} kind;

static const char *const kind_names[KINDS] = {
    "nothing", "outer_loss", "outer_gradient", "inner_loss", "inner_gradient",
    "inner_hyper_gradient", "hessian_product", "cross_product", "step", "step_forward",
    "step_backward", "response"};

/* How a callback is wrong. */
typedef enum { RIGHT, WRONG_W, WRONG_H, ASYMMETRIC, NAN_RESULT, RANDOM_RESULT } fault;

typedef struct ridge {
    double x[EXAMPLES][FEATURES], y[EXAMPLES], v[EXAMPLES][FEATURES], z[EXAMPLES];
    layout_kind layout;
    /* Added to every entry of the Hessian's diagonal, and to df/dw. */
    double shift[FEATURES];
    /* Nothing of X: the Hessian is diagonal. */
    int is_diagonal;
    /* Calls of each callback, and of all, those on vectors included; `quiet` counts nothing. */
    int quiet, calls[KINDS], all_calls;
    /* The call of all of this number returns `result`; 0: none does. */
    int fails_at;
    int32_t result;
    kind faulty;
    fault fault;
    /* Called inside Hessian products. */
    void (*inside)(struct ridge *self);
    void *inside_context;
    /* Where `response` was asked last. */
    double responded[FEATURES];
    /* Vectors that were made and freed. */
    int made, freed;
} ridge;

static inline void make_ridge(ridge *self, layout_kind layout) {
    uint64_t state = 5;
    memset(self, 0, sizeof *self);
    self->layout = layout;
    for (size_t i = 0; i < EXAMPLES * (2 * FEATURES + 2); i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double number = (double)(state >> 11) / 9007199254740992.0 * 2 - 1;
        const size_t example = i / (2 * FEATURES + 2), place = i % (2 * FEATURES + 2);
        if (place < FEATURES) self->x[example][place] = number;
        else if (place < 2 * FEATURES) self->v[example][place - FEATURES] = number;
        else if (place == 2 * FEATURES) self->y[example] = number;
        else self->z[example] = number;
    }
}

/* --- Vectors --- */

static inline void get(layout_kind layout, const void *vector, double out[FEATURES]) {
    for (size_t j = 0; j < FEATURES; j++) {
        const split_vector *split = vector;
        out[j] = layout == DOUBLES  ? ((const double *)vector)[j]
                 : layout == FLOATS ? ((const float *)vector)[j]
                 : j % 2 == 0       ? split->even[j / 2]
                                    : split->odd[ODD - 1 - j / 2];
    }
}

static inline void put(layout_kind layout, const double numbers[FEATURES], void *vector) {
    for (size_t j = 0; j < FEATURES; j++) {
        split_vector *split = vector;
        if (layout == DOUBLES) ((double *)vector)[j] = numbers[j];
        else if (layout == FLOATS) ((float *)vector)[j] = (float)numbers[j];
        else if (j % 2 == 0) split->even[j / 2] = numbers[j];
        else split->odd[ODD - 1 - j / 2] = numbers[j];
    }
}

static inline void *new_vector(layout_kind layout, const double numbers[FEATURES]) {
    void *vector = calloc(FEATURES, sizeof(double));
    if (layout == SPLIT) {
        split_vector *split = vector;
        split->even = calloc(EVEN, sizeof(double));
        split->odd = calloc(ODD, sizeof(double));
    }
    if (numbers) put(layout, numbers, vector);
    return vector;
}

static inline void free_vector(layout_kind layout, void *vector) {
    if (layout == SPLIT) {
        free(((split_vector *)vector)->even);
        free(((split_vector *)vector)->odd);
    }
    free(vector);
}

/* Counts a call; what it has to return. */
static inline int32_t called(ridge *self, kind kind) {
    if (self->quiet) return 0;
    self->calls[kind]++;
    return ++self->all_calls == self->fails_at ? self->result : 0;
}

static inline int32_t split_create(void *context, void **vector) {
    ridge *self = context;
    const int32_t result = called(self, NOTHING);
    if (result) return result;
    self->made++;
    *vector = new_vector(SPLIT, NULL);
    return 0;
}

static inline void split_destroy(void *context, void *vector) {
    ((ridge *)context)->freed++;
    free_vector(SPLIT, vector);
}

static inline int32_t split_copy(void *context, const void *source, void *target) {
    double numbers[FEATURES];
    get(SPLIT, source, numbers);
    put(SPLIT, numbers, target);
    return called(context, NOTHING);
}

static inline int32_t split_dot(void *context, const void *left, const void *right,
                                double *result) {
    double a[FEATURES], b[FEATURES];
    get(SPLIT, left, a);
    get(SPLIT, right, b);
    *result = 0;
    for (size_t j = 0; j < FEATURES; j++) *result += a[j] * b[j];
    return called(context, NOTHING);
}

static inline int32_t split_axpy(void *context, double factor, const void *source, void *target) {
    double from[FEATURES], to[FEATURES];
    get(SPLIT, source, from);
    get(SPLIT, target, to);
    for (size_t j = 0; j < FEATURES; j++) to[j] += factor * from[j];
    put(SPLIT, to, target);
    return called(context, NOTHING);
}

static inline int32_t split_scale(void *context, double factor, void *vector) {
    double numbers[FEATURES];
    get(SPLIT, vector, numbers);
    for (size_t j = 0; j < FEATURES; j++) numbers[j] = factor == 0 ? 0 : factor * numbers[j];
    put(SPLIT, numbers, vector);
    return called(context, NOTHING);
}

static inline int32_t split_random(void *context, uint64_t seed, hpm_distribution distribution,
                                   void *vector) {
    double numbers[FEATURES];
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t j = 0; j < FEATURES; j++) {
        double sum = 0;
        for (int k = 0; k < 12; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(state >> 11) / 9007199254740992.0;
        }
        numbers[j] = sum - 6;
        if (distribution == HPM_DISTRIBUTION_RADEMACHER) numbers[j] = numbers[j] < 0 ? -1 : 1;
    }
    put(SPLIT, numbers, vector);
    return called(context, NOTHING);
}

static inline int32_t split_unit(void *context, size_t index, void *vector) {
    double numbers[FEATURES] = {0};
    if (index < FEATURES) numbers[index] = 1;
    else expect(0, "the unit vector of %zu", index);
    put(SPLIT, numbers, vector);
    return called(context, NOTHING);
}

static inline int32_t split_write(void *context, const double *numbers, size_t n, void *vector) {
    if (n != FEATURES) expect(0, "%zu numbers to write", n);
    put(SPLIT, numbers, vector);
    return called(context, NOTHING);
}

static inline int32_t split_read(void *context, const void *vector, double *numbers, size_t n) {
    if (n != FEATURES) expect(0, "%zu numbers to read", n);
    get(SPLIT, vector, numbers);
    return called(context, NOTHING);
}

static const hpm_vector_operations split_operations = {
    sizeof split_operations, split_create, split_destroy, split_copy, split_dot, split_axpy,
    split_scale, split_random, split_unit, split_write, split_read, 0};

/* --- The mathematics, on arrays of double --- */

static inline void ridge_hessian(const ridge *self, const double h[FEATURES],
                                 double hessian[FEATURES][FEATURES]) {
    for (size_t a = 0; a < FEATURES; a++) {
        for (size_t b = 0; b < FEATURES; b++) {
            double sum = a == b ? h[a] + self->shift[a] : 0;
            for (size_t i = 0; i < EXAMPLES && !self->is_diagonal; i++) {
                sum += self->x[i][a] * self->x[i][b] / EXAMPLES;
            }
            hessian[a][b] = sum;
        }
    }
}

static inline void ridge_product(const ridge *self, const double h[FEATURES],
                                 const double v[FEATURES], double result[FEATURES]) {
    double hessian[FEATURES][FEATURES];
    ridge_hessian(self, h, hessian);
    for (size_t a = 0; a < FEATURES; a++) {
        result[a] = 0;
        for (size_t b = 0; b < FEATURES; b++) result[a] += hessian[a][b] * v[b];
    }
}

/* X^T y / EXAMPLES, so that df/dw = H w - that. */
static inline void ridge_linear(const ridge *self, double linear[FEATURES]) {
    for (size_t a = 0; a < FEATURES; a++) {
        linear[a] = 0;
        for (size_t i = 0; i < EXAMPLES; i++) linear[a] += self->x[i][a] * self->y[i] / EXAMPLES;
    }
}

static inline void ridge_inner_gradient(const ridge *self, const double w[FEATURES],
                                        const double h[FEATURES], double gradient[FEATURES]) {
    double linear[FEATURES];
    ridge_linear(self, linear);
    ridge_product(self, h, w, gradient);
    for (size_t a = 0; a < FEATURES; a++) gradient[a] -= linear[a];
}

static inline double ridge_outer(const ridge *self, const double w[FEATURES],
                                 const double h[FEATURES], double gradient[FEATURES]) {
    double loss = 0;
    for (size_t j = 0; j < FEATURES; j++) {
        gradient[j] = 0;
        loss += DIRECT * h[j] * h[j] / 2;
    }
    for (size_t i = 0; i < EXAMPLES; i++) {
        double residual = -self->z[i];
        for (size_t j = 0; j < FEATURES; j++) residual += self->v[i][j] * w[j];
        loss += residual * residual / (2 * EXAMPLES);
        for (size_t j = 0; j < FEATURES; j++) {
            gradient[j] += residual * self->v[i][j] / EXAMPLES;
        }
    }
    return loss;
}

/* (H + damping I) x = right by elimination; H is positive definite. */
static inline void ridge_solve(const ridge *self, const double h[FEATURES], double damping,
                               const double right[FEATURES], double x[FEATURES]) {
    double matrix[FEATURES][FEATURES];
    ridge_hessian(self, h, matrix);
    memcpy(x, right, FEATURES * sizeof *x);
    for (size_t a = 0; a < FEATURES; a++) matrix[a][a] += damping;
    for (size_t a = 0; a < FEATURES; a++) {
        for (size_t row = a + 1; row < FEATURES; row++) {
            const double factor = matrix[row][a] / matrix[a][a];
            for (size_t b = a; b < FEATURES; b++) matrix[row][b] -= factor * matrix[a][b];
            x[row] -= factor * x[a];
        }
    }
    for (size_t a = FEATURES; a-- > 0;) {
        for (size_t b = a + 1; b < FEATURES; b++) x[a] -= matrix[a][b] * x[b];
        x[a] /= matrix[a][a];
    }
}

static inline void ridge_minimum(const ridge *self, const double h[FEATURES], double w[FEATURES]) {
    double linear[FEATURES];
    ridge_linear(self, linear);
    ridge_solve(self, h, 0, linear, w);
}

/* dF/dh in closed form: DIRECT h - w q, (H + damping I) q = dF/dw. */
static inline void ridge_hypergradient(const ridge *self, const double w[FEATURES],
                                       const double h[FEATURES], double damping,
                                       double result[FEATURES]) {
    double gradient[FEATURES], q[FEATURES];
    ridge_outer(self, w, h, gradient);
    ridge_solve(self, h, damping, gradient, q);
    for (size_t j = 0; j < FEATURES; j++) result[j] = DIRECT * h[j] - w[j] * q[j];
}

/* --- The callbacks --- */

/* Spoils a vector that a callback of a kind gives: `part` WRONG_W or WRONG_H says of what it is. */
static inline void spoil(const ridge *self, kind kind, fault part, double numbers[FEATURES]) {
    if (self->faulty != kind) return;
    if (self->fault == NAN_RESULT) numbers[2] = NAN;
    if (self->fault == part) {
        for (size_t j = 0; j < FEATURES; j++) numbers[j] *= 1.2;
    }
    if (self->fault == RANDOM_RESULT) numbers[1] *= 1 + 1e-3 * self->calls[kind];
}

static inline void spoil_loss(const ridge *self, kind kind, double *loss) {
    if (self->faulty != kind) return;
    if (self->fault == NAN_RESULT) *loss = NAN;
    if (self->fault == RANDOM_RESULT) *loss *= 1 + 1e-3 * self->calls[kind];
}

static inline int32_t outer_loss(void *context, const void *w, const void *h, double *loss) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], gradient[FEATURES];
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    *loss = ridge_outer(self, parameters, penalties, gradient);
    spoil_loss(self, OUTER_LOSS, loss);
    return called(self, OUTER_LOSS);
}

static inline int32_t outer_gradient(void *context, const void *w, const void *h, void *dw,
                                     void *dh) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], gradient[FEATURES], direct[FEATURES];
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    get(self->layout, dh, direct);
    for (size_t j = 0; j < FEATURES; j++) {
        if (direct[j] != 0) expect(0, "dh holds %g before outer_gradient", direct[j]);
        direct[j] = DIRECT * penalties[j];
    }
    ridge_outer(self, parameters, penalties, gradient);
    spoil(self, OUTER_GRADIENT, WRONG_W, gradient);
    spoil(self, OUTER_GRADIENT, WRONG_H, direct);
    put(self->layout, gradient, dw);
    put(self->layout, direct, dh);
    return called(self, OUTER_GRADIENT);
}

static inline int32_t inner_loss(void *context, const void *w, const void *h, double *loss) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], product[FEATURES], linear[FEATURES];
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    ridge_product(self, penalties, parameters, product);
    ridge_linear(self, linear);
    *loss = 0;
    for (size_t j = 0; j < FEATURES; j++) *loss += parameters[j] * (product[j] / 2 - linear[j]);
    spoil_loss(self, INNER_LOSS, loss);
    return called(self, INNER_LOSS);
}

static inline int32_t inner_gradient(void *context, const void *w, const void *h, void *result) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], gradient[FEATURES];
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    ridge_inner_gradient(self, parameters, penalties, gradient);
    spoil(self, INNER_GRADIENT, WRONG_W, gradient);
    put(self->layout, gradient, result);
    return called(self, INNER_GRADIENT);
}

static inline int32_t inner_hyper_gradient(void *context, const void *w, const void *h,
                                           void *result) {
    ridge *self = context;
    double parameters[FEATURES];
    (void)h;
    get(self->layout, w, parameters);
    for (size_t j = 0; j < FEATURES; j++) parameters[j] *= parameters[j] / 2;
    spoil(self, INNER_HYPER_GRADIENT, WRONG_H, parameters);
    put(self->layout, parameters, result);
    return called(self, INNER_HYPER_GRADIENT);
}

static inline int32_t hessian_product(void *context, const void *w, const void *h, const void *v,
                                      void *result) {
    ridge *self = context;
    double penalties[FEATURES], direction[FEATURES], product[FEATURES];
    (void)w;
    get(self->layout, h, penalties);
    get(self->layout, v, direction);
    ridge_product(self, penalties, direction, product);
    spoil(self, HESSIAN_PRODUCT, WRONG_W, product);
    if (self->faulty == HESSIAN_PRODUCT && self->fault == ASYMMETRIC) {
        product[0] += 0.3 * direction[1];
    }
    put(self->layout, product, result);
    if (self->inside) self->inside(self);
    return called(self, HESSIAN_PRODUCT);
}

static inline int32_t cross_product(void *context, const void *w, const void *h, const void *v,
                                    void *result) {
    ridge *self = context;
    double parameters[FEATURES], direction[FEATURES];
    (void)h;
    get(self->layout, w, parameters);
    get(self->layout, v, direction);
    for (size_t j = 0; j < FEATURES; j++) parameters[j] *= direction[j];
    spoil(self, CROSS_PRODUCT, WRONG_H, parameters);
    put(self->layout, parameters, result);
    return called(self, CROSS_PRODUCT);
}

static inline int32_t step(void *context, size_t index, const void *w, const void *h,
                           void *result) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], gradient[FEATURES];
    (void)index;
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    ridge_inner_gradient(self, parameters, penalties, gradient);
    for (size_t j = 0; j < FEATURES; j++) parameters[j] -= RATE * gradient[j];
    spoil(self, STEP, WRONG_W, parameters);
    put(self->layout, parameters, result);
    return called(self, STEP);
}

static inline int32_t step_forward(void *context, size_t index, const void *w, const void *h,
                                   const void *dw, const void *dh, void *result) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], direction[FEATURES], change[FEATURES];
    double product[FEATURES], direct[FEATURES];
    (void)index;
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    get(self->layout, dw, direction);
    get(self->layout, dh, change);
    ridge_product(self, penalties, direction, product);
    for (size_t j = 0; j < FEATURES; j++) {
        product[j] = direction[j] - RATE * product[j];
        direct[j] = -RATE * parameters[j] * change[j];
    }
    spoil(self, STEP_FORWARD, WRONG_W, product);
    spoil(self, STEP_FORWARD, WRONG_H, direct);
    for (size_t j = 0; j < FEATURES; j++) product[j] += direct[j];
    put(self->layout, product, result);
    return called(self, STEP_FORWARD);
}

static inline int32_t step_backward(void *context, size_t index, const void *w, const void *h,
                                    const void *v, void *dw, void *dh) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], direction[FEATURES], product[FEATURES];
    double direct[FEATURES];
    (void)index;
    get(self->layout, w, parameters);
    get(self->layout, h, penalties);
    get(self->layout, v, direction);
    get(self->layout, dh, direct);
    ridge_product(self, penalties, direction, product);
    for (size_t j = 0; j < FEATURES; j++) {
        if (!isnan(direct[j])) expect(0, "dh holds %g before step_backward", direct[j]);
        product[j] = direction[j] - RATE * product[j];
        direct[j] = -RATE * parameters[j] * direction[j];
    }
    spoil(self, STEP_BACKWARD, WRONG_W, product);
    spoil(self, STEP_BACKWARD, WRONG_H, direct);
    put(self->layout, product, dw);
    put(self->layout, direct, dh);
    return called(self, STEP_BACKWARD);
}

static inline int32_t response(void *context, const void *h, double *loss) {
    ridge *self = context;
    double parameters[FEATURES], penalties[FEATURES], gradient[FEATURES];
    get(self->layout, h, penalties);
    if (!self->quiet) memcpy(self->responded, penalties, sizeof penalties);
    ridge_minimum(self, penalties, parameters);
    *loss = ridge_outer(self, parameters, penalties, gradient);
    spoil_loss(self, RESPONSE, loss);
    return called(self, RESPONSE);
}

static const hpm_problem_callbacks whole_problem = {
    sizeof whole_problem, outer_loss, outer_gradient, inner_loss, inner_gradient,
    inner_hyper_gradient, hessian_product, cross_product, step, step_forward, step_backward,
    response};

/* Those callbacks without one. */
static inline hpm_problem_callbacks without(hpm_problem_callbacks callbacks, kind missing) {
    switch (missing) {
    case OUTER_LOSS: callbacks.outer_loss = NULL; break;
    case OUTER_GRADIENT: callbacks.outer_gradient = NULL; break;
    case INNER_LOSS: callbacks.inner_loss = NULL; break;
    case INNER_GRADIENT: callbacks.inner_gradient = NULL; break;
    case INNER_HYPER_GRADIENT: callbacks.inner_hyper_gradient = NULL; break;
    case HESSIAN_PRODUCT: callbacks.hessian_product = NULL; break;
    case CROSS_PRODUCT: callbacks.cross_product = NULL; break;
    case STEP: callbacks.step = NULL; break;
    case STEP_FORWARD: callbacks.step_forward = NULL; break;
    case STEP_BACKWARD: callbacks.step_backward = NULL; break;
    case RESPONSE: callbacks.response = NULL; break;
    case NOTHING:
    case KINDS: break;
    }
    return callbacks;
}

#endif
