/* Hypergradients through the C interface: estimators against the closed form, vectors of several
 * kinds, certificates, failures, the check, and the bridge to a population. */
#define _POSIX_C_SOURCE 200809L
#include <hpm.h>

#include <pthread.h>

#include "ridge.h"

static void must(hpm_status status) {
    if (status >= 0) return;
    expect(0, "a call to set things up: %s: %s", hpm_status_name(status), hpm_last_error());
    exit(finish());
}

static void expect_status(hpm_status got, hpm_status wanted, const char *what) {
    expect(got == wanted, "%s: %s, not %s: %s", what, hpm_status_name(got),
           hpm_status_name(wanted), got < 0 ? hpm_last_error() : "");
}

static const double penalties[FEATURES] = {0.3, 0.5, 0.7, 0.9, 0.4};
/* Parameters for the check: at the minimum the gradient is 0, and says nothing. */
static const double place[FEATURES] = {0.6, -0.4, 0.8, 0.3, -0.7};

/* --- A problem with all that belongs to it --- */

typedef struct {
    ridge ridge;
    hpm_vectors *vectors;
    hpm_problem *problem;
    hpm_options *options;
    double minimum[FEATURES];
    void *w, *h, *result;
} fixture;

static hpm_vectors *make_vectors(ridge *ridge, size_t dimension) {
    hpm_vectors *vectors = NULL;
    if (ridge->layout == SPLIT) {
        must(hpm_vectors_create(&split_operations, ridge, dimension, &vectors));
    } else {
        must(hpm_vectors_create_host(
            ridge->layout == FLOATS ? HPM_ELEMENT_FLOAT : HPM_ELEMENT_DOUBLE, FEATURES, &vectors));
    }
    return vectors;
}

static void make_fixture(fixture *self, layout_kind layout,
                         const hpm_problem_callbacks *callbacks) {
    memset(self, 0, sizeof *self);
    make_ridge(&self->ridge, layout);
    ridge_minimum(&self->ridge, penalties, self->minimum);
    self->vectors = make_vectors(&self->ridge, FEATURES);
    must(hpm_problem_create(self->vectors, self->vectors, callbacks, &self->ridge,
                            &self->problem));
    must(hpm_options_create(&self->options));
    self->w = new_vector(layout, self->minimum);
    self->h = new_vector(layout, penalties);
    self->result = new_vector(layout, penalties);
    if (layout == FLOATS) {
        must(hpm_options_set_real(self->options, "difference_step", 1e-2));
        must(hpm_options_set_real(self->options, "check_tolerance", 1e-2));
    }
}

static void destroy_fixture(fixture *self) {
    must(hpm_problem_destroy(self->problem));
    must(hpm_vectors_destroy(self->vectors));
    must(hpm_options_destroy(self->options));
    expect(self->ridge.made == self->ridge.freed, "%d vectors made, %d freed", self->ridge.made,
           self->ridge.freed);
    free_vector(self->ridge.layout, self->w);
    free_vector(self->ridge.layout, self->h);
    free_vector(self->ridge.layout, self->result);
}

static void set(fixture *self, const char *key, const char *value) {
    must(hpm_options_set_string(self->options, key, value));
}

static void reset_counts(ridge *self) {
    memset(self->calls, 0, sizeof self->calls);
    self->all_calls = self->made = self->freed = 0;
}

/* The hypergradient, with the certificate and the numbers. */
static hpm_status solve(fixture *self, hpm_certificate *certificate, double numbers[FEATURES]) {
    *certificate = (hpm_certificate){.size = sizeof *certificate};
    reset_counts(&self->ridge);
    const hpm_status status = hpm_problem_hypergradient(self->problem, self->options, self->w,
                                                        self->h, self->result, certificate);
    get(self->ridge.layout, self->result, numbers);
    return status;
}

static double relative_error(const double got[FEATURES], const double wanted[FEATURES]) {
    double difference = 0, size = 0;
    for (size_t j = 0; j < FEATURES; j++) {
        difference += (got[j] - wanted[j]) * (got[j] - wanted[j]);
        size += wanted[j] * wanted[j];
    }
    return sqrt(difference / size);
}

/* --- Estimators --- */

typedef struct {
    const char *estimator, *iterations, *damping, *checkpoints;
    /* A callback that is missing, so that differences stand in. */
    kind missing;
    /* What the relative error may be in double and in float. */
    double tolerance, float_tolerance;
    int solves;
    /* Vectors of parameters that its documentation states; 0: any. */
    uint64_t parameter_vectors;
} estimate;

static const estimate estimates[] = {
    {"conjugate-gradient", "20", "0", "0", NOTHING, 1e-10, 1e-4, 1, 4},
    {"conjugate-gradient", "20", "0", "0", HESSIAN_PRODUCT, 1e-7, 1e-3, 1, 6},
    {"conjugate-gradient", "20", "0", "0", CROSS_PRODUCT, 1e-7, 1e-3, 1, 0},
    {"conjugate-gradient", "20", "0.1", "0", NOTHING, 1e-10, 1e-4, 1, 4},
    {"neumann", "600", "0", "0", NOTHING, 1e-9, 1e-4, 1, 3},
    {"nystrom", "5", "0.001", "0", NOTHING, 1e-7, 1e-2, 1, 11},
    {"nystrom", "50", "0.001", "0", NOTHING, 1e-7, 1e-2, 1, 11},
    {"one-step", "20", "0", "0", NOTHING, 1e-14, 1e-6, 0, 1},
    {"one-step", "20", "0", "0", CROSS_PRODUCT, 1e-7, 1e-3, 0, 0},
    {"reverse", "500", "0", "0", NOTHING, 1e-10, 1e-4, 0, 503},
    {"reverse", "500", "0", "3", NOTHING, 1e-10, 1e-4, 0, 6},
    {"reverse", "500", "0", "1", NOTHING, 1e-10, 1e-4, 0, 4},
    {"forward", "500", "0", "0", NOTHING, 1e-10, 1e-4, 0, 5},
    {"forward", "500", "0", "0", STEP_FORWARD, 1e-6, 1e-2, 0, 0},
    {"finite-differences", "20", "0", "0", NOTHING, 1e-6, 1e-2, 0, 0},
    {"spsa", "40000", "0", "0", NOTHING, 0.05, 0.05, 0, 0},
    {"best-response", "20", "0", "0", NOTHING, 1e-14, 1e-6, 0, 1},
};
enum { ESTIMATES = sizeof estimates / sizeof *estimates };

static void set_estimate(fixture *self, const estimate *what) {
    set(self, "estimator", what->estimator);
    set(self, "estimator_iterations", what->iterations);
    set(self, "estimator_checkpoints", what->checkpoints);
    set(self, "estimator_damping", what->damping);
    set(self, "estimator_learning_rate", "0.3");
    /* The sketch of `nystrom` is only as good as its condition. */
    set(self, "estimator_tolerance", self->ridge.layout == FLOATS                ? "1e-6"
                                     : strcmp(what->estimator, "nystrom") == 0 ? "1e-7"
                                                                                 : "1e-11");
    set(self, "estimator_step", self->ridge.layout == FLOATS ? "1e-2" : "1e-4");
}

static void make_estimate(fixture *self, layout_kind layout, const estimate *what) {
    const hpm_problem_callbacks callbacks = without(whole_problem, what->missing);
    make_fixture(self, layout, &callbacks);
    set_estimate(self, what);
}

static void wanted_by(const fixture *self, const estimate *what, double wanted[FEATURES]) {
    if (strcmp(what->estimator, "best-response") == 0) { /* partial dF/dh alone */
        for (size_t j = 0; j < FEATURES; j++) wanted[j] = DIRECT * penalties[j];
        return;
    }
    if (strcmp(what->estimator, "one-step") != 0) {
        ridge_hypergradient(&self->ridge, self->minimum, penalties, atof(what->damping), wanted);
        return;
    }
    double gradient[FEATURES];
    ridge_outer(&self->ridge, self->minimum, penalties, gradient);
    for (size_t j = 0; j < FEATURES; j++) {
        wanted[j] = DIRECT * penalties[j] - self->minimum[j] * 0.3 * gradient[j];
    }
}

static void expect_counts(const fixture *self, const hpm_certificate *certificate,
                          const char *name) {
    const int *calls = self->ridge.calls;
    const struct {
        const char *what;
        uint64_t said;
        int counted;
    } pairs[] = {
        {"losses", certificate->losses, calls[OUTER_LOSS] + calls[RESPONSE]},
        {"outer gradients", certificate->outer_gradients, calls[OUTER_GRADIENT]},
        {"inner gradients", certificate->inner_gradients, calls[INNER_GRADIENT]},
        {"Hessian products", certificate->hessian_products,
         calls[HESSIAN_PRODUCT]},
        {"inner hypergradients", certificate->inner_hyper_gradients, calls[INNER_HYPER_GRADIENT]},
        {"cross products", certificate->cross_products,
         calls[CROSS_PRODUCT]},
        {"steps", certificate->steps, calls[STEP]},
        {"step products", certificate->step_products,
         calls[STEP_FORWARD] + calls[STEP_BACKWARD]},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        expect(pairs[i].said == (uint64_t)pairs[i].counted, "%s: %d %s, the certificate says %d",
               name, pairs[i].counted, pairs[i].what, (int)pairs[i].said);
    }
    expect(calls[INNER_LOSS] == 0, "%s: inner_loss is for the check alone", name);
}

static void test_estimate(layout_kind layout, const estimate *what, double numbers[FEATURES]) {
    static const char *const layouts[LAYOUTS] = {"double", "float", "split"};
    fixture self;
    hpm_certificate certificate;
    double wanted[FEATURES];
    char name[128];
    snprintf(name, sizeof name, "%s(%s, %s, %s) without %s in %s", what->estimator,
             what->iterations, what->damping, what->checkpoints, kind_names[what->missing],
             layouts[layout]);
    make_estimate(&self, layout, what);
    wanted_by(&self, what, wanted);
    expect_status(solve(&self, &certificate, numbers), HPM_OK, name);
    const double error = relative_error(numbers, wanted);
    expect(error <= (layout == FLOATS ? what->float_tolerance : what->tolerance),
           "%s: relative error %g", name, error);
    expect_counts(&self, &certificate, name);

    expect(certificate.size == sizeof certificate && certificate.reserved == 0, "%s: size", name);
    const int iterates = strcmp(what->estimator, "best-response") != 0;
    expect((certificate.iterations >= 1) == iterates, "%s: %d iterations", name,
           (int)certificate.iterations);
    expect(certificate.seconds > 0 && certificate.seconds < 60, "%s: %g seconds", name,
           certificate.seconds);
    if (layout != FLOATS) {
        expect(certificate.status == HPM_CERTIFICATE_CONVERGED, "%s: status %d", name,
               (int)certificate.status);
    }
    if (what->solves) {
        expect(certificate.relative_residual >= 0 && certificate.relative_residual < 1e-3,
               "%s: residual %g", name, certificate.relative_residual);
        /* No curvature is below the smallest penalty. */
        expect(certificate.smallest_curvature > 0.29 && certificate.smallest_curvature < 3,
               "%s: curvature %g", name, certificate.smallest_curvature);
    } else {
        expect(isnan(certificate.relative_residual) && isnan(certificate.smallest_curvature),
               "%s: residual %g and curvature %g of no solve", name, certificate.relative_residual,
               certificate.smallest_curvature);
    }
    if (strcmp(what->estimator, "conjugate-gradient") == 0 && layout != FLOATS &&
        what->missing == NOTHING) {
        expect(certificate.iterations <= FEATURES, "%s: %d iterations", name,
               (int)certificate.iterations);
    }
    if (what->parameter_vectors) {
        expect(certificate.parameter_vectors == what->parameter_vectors, "%s: %d vectors", name,
               (int)certificate.parameter_vectors);
    }
    if (layout == SPLIT) {
        expect((uint64_t)self.ridge.made ==
                   certificate.parameter_vectors + certificate.hyperparameter_vectors,
               "%s: %d vectors, the certificate says %d and %d", name, self.ridge.made,
               (int)certificate.parameter_vectors, (int)certificate.hyperparameter_vectors);
    }

    /* The same again, and without a certificate. */
    double again[FEATURES];
    must(hpm_problem_hypergradient(self.problem, self.options, self.w, self.h, self.result, NULL));
    get(layout, self.result, again);
    expect(memcmp(again, numbers, sizeof again) == 0, "%s: not the same again", name);
    destroy_fixture(&self);
}

static void test_estimators(void) {
    double numbers[ESTIMATES][LAYOUTS][FEATURES];
    for (size_t i = 0; i < ESTIMATES; i++) {
        for (int layout = 0; layout < LAYOUTS; layout++) {
            test_estimate((layout_kind)layout, &estimates[i], numbers[i][layout]);
        }
        /* Each space draws numbers of its own. */
        const int is_random = strcmp(estimates[i].estimator, "spsa") == 0 ||
                              strcmp(estimates[i].estimator, "nystrom") == 0;
        const double error = relative_error(numbers[i][SPLIT], numbers[i][DOUBLES]);
        expect(is_random || error < 1e-12, "%s: split vectors differ by %g",
               estimates[i].estimator, error);
    }
    /* Checkpoints change no bit. */
    expect(memcmp(numbers[9], numbers[10], sizeof numbers[9]) == 0 &&
               memcmp(numbers[9], numbers[11], sizeof numbers[9]) == 0,
           "reverse with fewer checkpoints");
}

static void meddle(ridge *ridge) {
    ((hpm_certificate *)ridge->inside_context)->size = 4096;
}

/* Options that are NULL are the defaults: conjugate gradient, 20 iterations, 1e-6. */
static void test_defaults(void) {
    fixture self;
    double wanted[FEATURES];
    make_fixture(&self, DOUBLES, &whole_problem);
    ridge_hypergradient(&self.ridge, self.minimum, penalties, 0, wanted);
    hpm_certificate certificate = {.size = sizeof certificate};
    expect_status(hpm_problem_hypergradient(self.problem, NULL, self.w, self.h, self.result,
                                            &certificate), HPM_OK, "defaults");
    expect(relative_error(self.result, wanted) < 1e-5, "defaults");
    expect(certificate.relative_residual <= 1e-6, "residual %g", certificate.relative_residual);
    expect_status(hpm_problem_hypergradient(self.problem, NULL, self.w, self.h, self.h, NULL),
                  HPM_ERROR_ARGUMENT, "result is h");
    expect_status(hpm_problem_hypergradient(self.problem, NULL, self.w, self.h, self.w, NULL),
                  HPM_ERROR_ARGUMENT, "result is w");
    expect(memcmp(self.w, self.minimum, sizeof self.minimum) == 0 &&
               memcmp(self.h, penalties, sizeof penalties) == 0, "inputs changed");

    /* A callback that meddles with the certificate: its size was read before. */
    self.ridge.inside = meddle;
    self.ridge.inside_context = &certificate;
    certificate = (hpm_certificate){.size = sizeof certificate};
    expect_status(hpm_problem_hypergradient(self.problem, NULL, self.w, self.h, self.result,
                                            &certificate), HPM_OK, "a certificate meddled with");
    expect(certificate.size == sizeof certificate && certificate.iterations > 0,
           "its size became %d", (int)certificate.size);
    self.ridge.inside = NULL;

    /* A program compiled against a newer header: what this library doesn't know stays. */
    struct {
        hpm_certificate known;
        uint64_t newer[3];
    } larger = {.known = {.size = sizeof larger}, .newer = {7, 8, 9}};
    expect_status(hpm_problem_hypergradient(self.problem, NULL, self.w, self.h, self.result,
                                            &larger.known), HPM_OK, "a larger certificate");
    expect(larger.known.size == sizeof larger && larger.known.iterations > 0 &&
               larger.newer[0] == 7 && larger.newer[1] == 8 && larger.newer[2] == 9,
           "a larger certificate's end");
    destroy_fixture(&self);
}

static void test_iteration_limit(void) {
    static const char *const names[] = {"conjugate-gradient", "neumann", "nystrom"};
    for (size_t i = 0; i < 3; i++) {
        fixture self;
        hpm_certificate certificate;
        double numbers[FEATURES];
        make_fixture(&self, DOUBLES, &whole_problem);
        set(&self, "estimator", names[i]);
        set(&self, "estimator_iterations", "2");
        /* What lies outside of the sketch leaves curvature / damping. */
        if (i == 2) set(&self, "estimator_damping", "10");
        expect_status(solve(&self, &certificate, numbers), HPM_OK, names[i]);
        expect(certificate.status == HPM_CERTIFICATE_ITERATION_LIMIT &&
                   certificate.iterations == 2 && certificate.relative_residual > 1e-4,
               "%s after 2 of 5 iterations: status %d, residual %g", names[i],
               (int)certificate.status, certificate.relative_residual);
        destroy_fixture(&self);
    }
}

/* A hypergradient that is truly zero is a success; a step that rounding swallows is an error. */
static void test_zeros_and_lost_steps(layout_kind layout) {
    static const char *const solving[] = {"conjugate-gradient", "neumann", "nystrom", "one-step",
                                          "best-response"};
    static const char *const sampling[] = {"finite-differences", "spsa"};
    static const double far[FEATURES] = {0.3, 0.5, 0.7, 1e16, 0.4};
    hpm_certificate certificate;
    double numbers[FEATURES];
    fixture self;
    for (size_t i = 0; i < sizeof solving / sizeof *solving; i++) {
        make_fixture(&self, layout, &whole_problem);
        set(&self, "estimator", solving[i]);
        /* No data of validation: dF/dw is zero, dF/dh is DIRECT h. */
        memset(self.ridge.v, 0, sizeof self.ridge.v);
        memset(self.ridge.z, 0, sizeof self.ridge.z);
        expect_status(solve(&self, &certificate, numbers), HPM_OK, solving[i]);
        expect(certificate.status == HPM_CERTIFICATE_CONVERGED, "%s: status %d of a zero",
               solving[i], (int)certificate.status);
        for (size_t j = 0; j < FEATURES; j++) {
            expect(fabs(numbers[j] - DIRECT * penalties[j]) < 1e-9, "%s: %g", solving[i],
                   numbers[j]);
        }
        destroy_fixture(&self);
    }
    for (size_t i = 0; i < 2; i++) {
        make_fixture(&self, layout, &whole_problem);
        set(&self, "estimator", sampling[i]);
        put(layout, far, self.h);
        expect_status(solve(&self, &certificate, numbers), HPM_ERROR_ARGUMENT, sampling[i]);
        expect(strstr(hpm_last_error(), "hyperparameter 3") != NULL, "'%s'", hpm_last_error());
        for (size_t j = 0; j < FEATURES; j++) expect(isnan(numbers[j]), "%g", numbers[j]);
        destroy_fixture(&self);
    }
}

/* --- Estimates that fail --- */

typedef struct {
    const char *estimator, *learning_rate;
    hpm_certificate_status status;
    /* The Hessian: of the data where it is NULL, else this diagonal. */
    const double *diagonal;
    kind faulty, missing;
} failure;

static const double minus[FEATURES] = {1, 1, -1, 1, 1}, nearly[FEATURES] = {1, 1, 1, 1, -1e-3},
                    flat[FEATURES] = {1, 1, 0, 1, 1}, zeros[FEATURES] = {0};

static const failure failures[] = {
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_INDEFINITE, minus, NOTHING, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_INDEFINITE, nearly, NOTHING, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_SINGULAR, flat, NOTHING, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_SINGULAR, zeros, NOTHING, NOTHING},
    {"neumann", "0.3", HPM_CERTIFICATE_INDEFINITE, minus, NOTHING, NOTHING},
    {"neumann", "9", HPM_CERTIFICATE_DIVERGED, NULL, NOTHING, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, HESSIAN_PRODUCT, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, OUTER_GRADIENT, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, CROSS_PRODUCT, NOTHING},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, INNER_GRADIENT,
     HESSIAN_PRODUCT},
    {"conjugate-gradient", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, INNER_HYPER_GRADIENT,
     CROSS_PRODUCT},
    {"neumann", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, HESSIAN_PRODUCT, NOTHING},
    {"neumann", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, OUTER_GRADIENT, NOTHING},
    {"neumann", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, CROSS_PRODUCT, NOTHING},
    {"nystrom", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, HESSIAN_PRODUCT, NOTHING},
    {"nystrom", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, OUTER_GRADIENT, NOTHING},
    {"nystrom", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, CROSS_PRODUCT, NOTHING},
    {"one-step", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, CROSS_PRODUCT, NOTHING},
    {"one-step", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, OUTER_GRADIENT, NOTHING},
    {"reverse", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, STEP, NOTHING},
    {"reverse", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, STEP_BACKWARD, NOTHING},
    {"forward", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, STEP_FORWARD, NOTHING},
    {"forward", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, STEP, NOTHING},
    {"forward", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, STEP, STEP_FORWARD},
    {"finite-differences", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, RESPONSE, NOTHING},
    {"spsa", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, RESPONSE, NOTHING},
    {"best-response", "0.3", HPM_CERTIFICATE_NONFINITE, NULL, OUTER_GRADIENT, NOTHING},
};

static void test_failures(layout_kind layout) {
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const failure *what = &failures[i];
        const hpm_problem_callbacks callbacks = without(whole_problem, what->missing);
        fixture self;
        hpm_certificate certificate;
        double numbers[FEATURES];
        char name[128];
        snprintf(name, sizeof name, "%s, case %d, NaN in %s", what->estimator, (int)i,
                 kind_names[what->faulty]);
        make_fixture(&self, layout, &callbacks);
        set(&self, "estimator", what->estimator);
        set(&self, "estimator_learning_rate", what->learning_rate);
        self.ridge.faulty = what->faulty;
        self.ridge.fault = NAN_RESULT;
        if (what->diagonal) {
            self.ridge.is_diagonal = 1;
            for (size_t j = 0; j < FEATURES; j++) {
                /* Of floats, so that zeros are zeros. */
                self.ridge.shift[j] = what->diagonal[j] -
                                      (layout == FLOATS ? (float)penalties[j] : penalties[j]);
            }
        }
        expect_status(solve(&self, &certificate, numbers), HPM_FAILED_ESTIMATE, name);
        expect(certificate.status == what->status, "%s: certificate status %d, not %d", name,
               (int)certificate.status, (int)what->status);
        expect(strstr(hpm_last_error(), "there is no estimate: ") == hpm_last_error(), "%s: '%s'", name,
               hpm_last_error());
        for (size_t j = 0; j < FEATURES; j++) {
            expect(isnan(numbers[j]), "%s: component %d is %g", name, (int)j, numbers[j]);
        }
        expect(self.ridge.made == self.ridge.freed, "%s: %d vectors made, %d freed", name,
               self.ridge.made, self.ridge.freed);
        if (what->status == HPM_CERTIFICATE_INDEFINITE) {
            expect(certificate.smallest_curvature < 0, "%s: curvature %g", name,
                   certificate.smallest_curvature);
        }
        destroy_fixture(&self);
    }
}

/* Whichever callback it is that fails, of the problem or of its vectors: its result comes back as
 * it is, every vector is freed, and the next estimate is a good one. */
static void test_callbacks_that_fail(void) {
    static const int32_t results[] = {1, -1, 42, -7, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < ESTIMATES; i++) {
        fixture self;
        hpm_certificate certificate;
        double good[FEATURES], numbers[FEATURES];
        make_estimate(&self, SPLIT, &estimates[i]);
        if (atoi(estimates[i].iterations) > 20) set(&self, "estimator_iterations", "12");
        must(solve(&self, &certificate, good));
        const int all_calls = self.ridge.all_calls;
        for (int at = 1; at <= all_calls; at++) {
            self.ridge.fails_at = at;
            self.ridge.result = results[at % 6];
            const hpm_status status = solve(&self, &certificate, numbers);
            expect(status == HPM_ERROR_CALLBACK &&
                       hpm_last_callback_status() == self.ridge.result,
                   "%s, call %d: %s, and %d came back as %d", estimates[i].estimator, at,
                   hpm_status_name(status), (int)self.ridge.result,
                   (int)hpm_last_callback_status());
            expect(certificate.status == HPM_CERTIFICATE_ERROR, "%s, call %d: certificate %d",
                   estimates[i].estimator, at, (int)certificate.status);
            /* One more may clear the result, which must not look like an answer. */
            expect(self.ridge.all_calls <= at + 1, "%s: %d calls after call %d failed",
                   estimates[i].estimator, self.ridge.all_calls - at, at);
            expect(self.ridge.made == self.ridge.freed, "%s, call %d: %d vectors made, %d freed",
                   estimates[i].estimator, at, self.ridge.made, self.ridge.freed);
        }
        self.ridge.fails_at = 0;
        expect_status(solve(&self, &certificate, numbers), HPM_OK, "after failures");
        expect(memcmp(numbers, good, sizeof good) == 0, "%s: failures change the next estimate",
               estimates[i].estimator);
        destroy_fixture(&self);
    }

    /* Its name is said. */
    fixture self;
    make_fixture(&self, DOUBLES, &whole_problem);
    self.ridge.fails_at = 2;
    self.ridge.result = 77;
    expect_status(hpm_problem_hypergradient(self.problem, NULL, self.w, self.h, self.result, NULL),
                  HPM_ERROR_CALLBACK, "the second call fails");
    expect(strstr(hpm_last_error(), "hessian_product") && strstr(hpm_last_error(), "77"), "'%s'",
           hpm_last_error());
    destroy_fixture(&self);
}

static int32_t create_nothing(void *context, void **vector) {
    (void)context, (void)vector;
    return 0;
}

static void test_callbacks_that_are_missing(void) {
    static const struct {
        const char *estimator;
        kind missing[2];
        const char *named;
    } cases[] = {
        {"conjugate-gradient", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
        {"conjugate-gradient", {HESSIAN_PRODUCT, INNER_GRADIENT}, "inner_gradient"},
        {"conjugate-gradient", {CROSS_PRODUCT, INNER_HYPER_GRADIENT}, "cross_product"},
        {"neumann", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
        {"neumann", {HESSIAN_PRODUCT, INNER_GRADIENT}, "inner_gradient"},
        {"neumann", {CROSS_PRODUCT, INNER_HYPER_GRADIENT}, "cross_product"},
        {"nystrom", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
        {"nystrom", {HESSIAN_PRODUCT, INNER_GRADIENT}, "inner_gradient"},
        {"nystrom", {CROSS_PRODUCT, INNER_HYPER_GRADIENT}, "inner_hyper_gradient"},
        {"one-step", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
        {"one-step", {CROSS_PRODUCT, INNER_HYPER_GRADIENT}, "cross_product"},
        {"reverse", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
        {"reverse", {STEP, NOTHING}, "step"},
        {"reverse", {STEP_BACKWARD, NOTHING}, "step_backward"},
        {"forward", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
        {"forward", {STEP, NOTHING}, "step"},
        {"forward", {STEP, STEP_FORWARD}, "step"},
        {"finite-differences", {RESPONSE, NOTHING}, "response"},
        {"spsa", {RESPONSE, NOTHING}, "response"},
        {"best-response", {OUTER_GRADIENT, NOTHING}, "outer_gradient"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const hpm_problem_callbacks callbacks =
            without(without(whole_problem, cases[i].missing[0]), cases[i].missing[1]);
        fixture self;
        hpm_certificate certificate;
        double numbers[FEATURES];
        make_fixture(&self, SPLIT, &callbacks);
        set(&self, "estimator", cases[i].estimator);
        expect_status(solve(&self, &certificate, numbers), HPM_ERROR_UNSUPPORTED,
                      cases[i].estimator);
        expect(strstr(hpm_last_error(), cases[i].named) != NULL, "%s without %s: '%s'",
               cases[i].estimator, cases[i].named, hpm_last_error());
        expect(self.ridge.made == self.ridge.freed, "%d vectors made, %d freed", self.ridge.made,
               self.ridge.freed);
        destroy_fixture(&self);
    }

    /* Operations of vectors, and a dimension. */
    static const struct {
        const char *estimator;
        size_t missing, dimension;
        const char *named;
    } operations[] = {
        {"nystrom", offsetof(hpm_vector_operations, random), FEATURES, "random"},
        {"spsa", offsetof(hpm_vector_operations, random), FEATURES, "random"},
        {"forward", offsetof(hpm_vector_operations, unit), FEATURES, "unit"},
        {"finite-differences", offsetof(hpm_vector_operations, unit), FEATURES, "unit"},
        {"forward", 0, 0, "dimension"},
        {"finite-differences", 0, 0, "dimension"},
    };
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        hpm_vector_operations lacking = split_operations;
        hpm_vectors *vectors = NULL;
        fixture self;
        hpm_certificate certificate;
        double numbers[FEATURES];
        make_fixture(&self, SPLIT, &whole_problem);
        if (operations[i].missing) {
            memset((unsigned char *)&lacking + operations[i].missing, 0, sizeof lacking.random);
        }
        must(hpm_vectors_create(&lacking, &self.ridge, operations[i].dimension, &vectors));
        must(hpm_problem_destroy(self.problem));
        must(hpm_problem_create(vectors, vectors, &whole_problem, &self.ridge, &self.problem));
        must(hpm_vectors_destroy(vectors));
        set(&self, "estimator", operations[i].estimator);
        expect_status(solve(&self, &certificate, numbers), HPM_ERROR_UNSUPPORTED,
                      operations[i].estimator);
        expect(strstr(hpm_last_error(), operations[i].named) != NULL, "'%s'", hpm_last_error());
        expect(self.ridge.made == self.ridge.freed, "%d vectors made, %d freed", self.ridge.made,
               self.ridge.freed);
        set(&self, "estimator", "conjugate-gradient");
        expect_status(solve(&self, &certificate, numbers), HPM_OK, "what needs none of them");
        destroy_fixture(&self);
    }

    /* A create that gives no vector is out of memory. */
    hpm_vector_operations empty = split_operations;
    hpm_vectors *vectors = NULL;
    hpm_problem *problem = NULL;
    fixture self;
    make_fixture(&self, SPLIT, &whole_problem);
    empty.create = create_nothing;
    empty.size = offsetof(hpm_vector_operations, random);
    must(hpm_vectors_create(&empty, &self.ridge, FEATURES, &vectors));
    must(hpm_problem_create(vectors, vectors, &whole_problem, &self.ridge, &problem));
    expect_status(hpm_problem_hypergradient(problem, NULL, self.w, self.h, self.result, NULL),
                  HPM_ERROR_MEMORY, "no vector");
    must(hpm_vectors_destroy(vectors));
    must(hpm_problem_destroy(problem));
    destroy_fixture(&self);
}

/* --- A space of floats of the user's own --- */

enum { WIDE = 50, NARROW = 20 };

static int32_t single_create(void *context, void **vector) {
    (void)context;
    *vector = calloc(WIDE, sizeof(float));
    return *vector ? 0 : 1;
}

static void single_destroy(void *context, void *vector) {
    (void)context;
    free(vector);
}

static int32_t single_copy(void *context, const void *source, void *target) {
    (void)context;
    memcpy(target, source, WIDE * sizeof(float));
    return 0;
}

static int32_t single_dot(void *context, const void *left, const void *right, double *result) {
    const float *a = left, *b = right;
    (void)context;
    *result = 0;
    for (size_t j = 0; j < WIDE; j++) *result += (double)a[j] * (double)b[j];
    return 0;
}

static int32_t single_axpy(void *context, double factor, const void *source, void *target) {
    const float *from = source;
    float *to = target;
    (void)context;
    for (size_t j = 0; j < WIDE; j++) to[j] = (float)((double)to[j] + factor * (double)from[j]);
    return 0;
}

static int32_t single_scale(void *context, double factor, void *vector) {
    float *numbers = vector;
    (void)context;
    for (size_t j = 0; j < WIDE; j++) {
        numbers[j] = factor == 0 ? 0 : (float)(factor * (double)numbers[j]);
    }
    return 0;
}

static double wide_features[NARROW][WIDE];

/* The gradient has a part outside of the range of the Hessian, X^T X / 10. */
static int32_t wide_outer_gradient(void *context, const void *w, const void *h, void *dw, void *dh) {
    float *result = dw;
    (void)context, (void)w, (void)h, (void)dh;
    for (size_t j = 0; j < WIDE; j++) result[j] = (float)j / 10 - 2;
    return 0;
}

static int32_t wide_hessian_product(void *context, const void *w, const void *h, const void *v,
                                    void *result) {
    const float *from = v;
    float *to = result;
    float sum[WIDE] = {0};
    (void)context, (void)w, (void)h;
    for (size_t i = 0; i < NARROW; i++) {
        float row = 0;
        for (size_t j = 0; j < WIDE; j++) row += (float)wide_features[i][j] * from[j];
        for (size_t j = 0; j < WIDE; j++) sum[j] += (float)wide_features[i][j] * row / 10;
    }
    memcpy(to, sum, sizeof sum);
    return 0;
}

static int32_t wide_cross_product(void *context, const void *w, const void *h, const void *v,
                                  void *result) {
    (void)context, (void)w, (void)h;
    memcpy(result, v, WIDE * sizeof(float));
    return 0;
}

static void test_precision(void) {
    hpm_vector_operations operations = {
        .size = sizeof operations, .create = single_create, .destroy = single_destroy,
        .copy = single_copy, .dot = single_dot, .axpy = single_axpy, .scale = single_scale,
        .precision = 0x1p-23};
    const hpm_problem_callbacks callbacks = {
        .size = sizeof callbacks, .outer_gradient = wide_outer_gradient,
        .hessian_product = wide_hessian_product, .cross_product = wide_cross_product};
    float w[WIDE] = {0}, h[WIDE] = {0}, result[WIDE];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
        for (size_t i = 0; i < NARROW; i++) {
            for (size_t j = 0; j < WIDE; j++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                wide_features[i][j] = (double)(state >> 11) / 4503599627370496.0 - 1;
            }
        }
        hpm_vectors *vectors = NULL;
        hpm_problem *problem = NULL;
        hpm_options *options = NULL;
        hpm_certificate certificate = {.size = sizeof certificate};
        must(hpm_vectors_create(&operations, NULL, WIDE, &vectors));
        must(hpm_problem_create(vectors, vectors, &callbacks, NULL, &problem));
        must(hpm_options_create(&options));
        must(hpm_options_set_string(options, "estimator_iterations", "200"));
        must(hpm_options_set_string(options, "estimator_tolerance", "1e-6"));
        must(hpm_options_set_string(options, "estimator_damping", "0"));
        expect_status(hpm_problem_hypergradient(problem, options, w, h, result, &certificate),
                      HPM_FAILED_ESTIMATE, "a singular problem of floats");
        expect(certificate.status == HPM_CERTIFICATE_SINGULAR ||
                   certificate.status == HPM_CERTIFICATE_INDEFINITE,
               "seed %d: certificate status %d, residual %g", (int)seed, (int)certificate.status,
               certificate.relative_residual);
        expect(isnan(result[0]) && isnan(result[WIDE - 1]), "seed %d: %g", (int)seed,
               (double)result[0]);
        must(hpm_options_destroy(options));
        must(hpm_problem_destroy(problem));
        must(hpm_vectors_destroy(vectors));
    }
    static const double wrong[] = {-1, -0x1p-23, 0.5, 1, INFINITY, NAN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hpm_vectors *vectors = NULL;
        operations.precision = wrong[i];
        expect_status(hpm_vectors_create(&operations, NULL, WIDE, &vectors), HPM_ERROR_ARGUMENT,
                      "a wrong precision");
        expect(strstr(hpm_last_error(), "precision") && !vectors, "'%s'", hpm_last_error());
    }
    /* A caller of the first version does not know of it: what comes after is not read. */
    hpm_vectors *vectors = NULL;
    operations.size = offsetof(hpm_vector_operations, precision);
    expect_status(hpm_vectors_create(&operations, NULL, WIDE, &vectors), HPM_OK, "an older caller");
    must(hpm_vectors_destroy(vectors));
}

/* --- The check --- */

static hpm_status check(fixture *self, char *lines, size_t capacity) {
    size_t needed = 0;
    const hpm_status status = hpm_problem_check(self->problem, self->options, self->w, self->h,
                                                lines, capacity, &needed);
    if (status >= 0) expect(needed == strlen(lines) + 1, "%d bytes needed", (int)needed);
    return status;
}

static int occurrences(const char *text, const char *words) {
    int count = 0;
    for (const char *at = strstr(text, words); at; at = strstr(at + 1, words)) count++;
    return count;
}

static void test_check(layout_kind layout) {
    static const struct {
        kind faulty;
        fault fault;
        kind missing;
    } cases[] = {
        {OUTER_GRADIENT, WRONG_W, NOTHING}, {OUTER_GRADIENT, WRONG_H, NOTHING},
        {OUTER_GRADIENT, NAN_RESULT, NOTHING}, {INNER_GRADIENT, WRONG_W, NOTHING},
        {INNER_GRADIENT, NAN_RESULT, NOTHING}, {INNER_HYPER_GRADIENT, WRONG_H, NOTHING},
        {HESSIAN_PRODUCT, WRONG_W, NOTHING}, {HESSIAN_PRODUCT, ASYMMETRIC, NOTHING},
        {HESSIAN_PRODUCT, ASYMMETRIC, INNER_GRADIENT}, {HESSIAN_PRODUCT, NAN_RESULT, NOTHING},
        {CROSS_PRODUCT, WRONG_H, NOTHING}, {CROSS_PRODUCT, NAN_RESULT, NOTHING},
        {STEP_FORWARD, WRONG_W, NOTHING}, {STEP_FORWARD, WRONG_H, NOTHING},
        {STEP_FORWARD, NAN_RESULT, NOTHING}, {STEP_BACKWARD, WRONG_W, NOTHING},
        {STEP_BACKWARD, WRONG_H, NOTHING}, {STEP_BACKWARD, NAN_RESULT, NOTHING},
        {STEP_BACKWARD, WRONG_W, STEP_FORWARD},
    };
    /* One of two, and nothing tells which. */
    static const struct {
        kind faulty;
        fault fault;
        kind missing[2];
        const char *words;
    } disagreements[] = {
        {STEP_BACKWARD, WRONG_H, {STEP, NOTHING}, "step_backward and step_forward disagree by "},
        {STEP_FORWARD, WRONG_W, {STEP, NOTHING}, "step_backward and step_forward disagree by "},
        {STEP, WRONG_W, {NOTHING, NOTHING}, "step_forward and step disagree by "},
        {HESSIAN_PRODUCT, WRONG_W, {INNER_LOSS, NOTHING},
         "hessian_product and inner_gradient disagree by "},
        {CROSS_PRODUCT, WRONG_H, {INNER_LOSS, INNER_GRADIENT},
         "cross_product and inner_hyper_gradient disagree by "},
    };
    static const kind checked[] = {OUTER_GRADIENT, INNER_GRADIENT, INNER_HYPER_GRADIENT,
                                   HESSIAN_PRODUCT, CROSS_PRODUCT, STEP_FORWARD, STEP_BACKWARD};
    char lines[8192], words[64];
    fixture self;
    make_fixture(&self, layout, &whole_problem);
    put(layout, place, self.w);
    expect_status(check(&self, lines, sizeof lines), HPM_OK, "right callbacks");
    for (size_t i = 0; i < sizeof checked / sizeof *checked; i++) {
        snprintf(words, sizeof words, "%s is right", kind_names[checked[i]]);
        expect(strstr(lines, words) != NULL, "'%s' is not in '%s'", words, lines);
    }
    expect(strstr(lines, "wrong") == NULL, "'%s'", lines);
    destroy_fixture(&self);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const hpm_problem_callbacks callbacks = without(whole_problem, cases[i].missing);
        const char *const name = kind_names[cases[i].faulty];
        make_fixture(&self, layout, &callbacks);
        put(layout, place, self.w);
        self.ridge.faulty = cases[i].faulty;
        self.ridge.fault = cases[i].fault;
        expect_status(check(&self, lines, sizeof lines), HPM_WRONG_DERIVATIVE, name);
        snprintf(words, sizeof words, "%s is wrong", name);
        expect(strncmp(hpm_last_error(), words, strlen(words)) == 0, "'%s' is not of %s",
               hpm_last_error(), name);
        expect(strstr(lines, hpm_last_error()) != NULL, "the sentence is no line");
        /* That one, and no other. */
        expect(occurrences(lines, "is wrong: ") == 1, "%s, fault %d: '%s'", name,
               (int)cases[i].fault, lines);
        destroy_fixture(&self);
    }

    for (size_t i = 0; i < sizeof disagreements / sizeof *disagreements; i++) {
        const hpm_problem_callbacks callbacks = without(
            without(whole_problem, disagreements[i].missing[0]), disagreements[i].missing[1]);
        make_fixture(&self, layout, &callbacks);
        put(layout, place, self.w);
        self.ridge.faulty = disagreements[i].faulty;
        self.ridge.fault = disagreements[i].fault;
        expect_status(check(&self, lines, sizeof lines), HPM_WRONG_DERIVATIVE,
                      disagreements[i].words);
        expect(strncmp(hpm_last_error(), disagreements[i].words, strlen(disagreements[i].words)) ==
                   0, "'%s' is not '%s'", hpm_last_error(), disagreements[i].words);
        expect(strstr(lines, hpm_last_error()) != NULL, "the sentence is no line");
        destroy_fixture(&self);
    }

    /* Each that gives something else each time is named, and no other. */
    for (kind callback = OUTER_LOSS; callback < KINDS; callback++) {
        make_fixture(&self, layout, &whole_problem);
        put(layout, place, self.w);
        self.ridge.faulty = callback;
        self.ridge.fault = RANDOM_RESULT;
        expect_status(check(&self, lines, sizeof lines), HPM_WRONG_DERIVATIVE,
                      kind_names[callback]);
        snprintf(words, sizeof words, "%s is wrong: asked again", kind_names[callback]);
        expect(strstr(lines, words) && occurrences(lines, "is wrong: ") == 1, "'%s' of '%s'",
               words, lines);
        destroy_fixture(&self);
    }

    /* What can't be compared is said to be so, and a symmetry is no size. */
    const hpm_problem_callbacks callbacks = without(
        without(without(without(whole_problem, OUTER_LOSS), INNER_GRADIENT), INNER_HYPER_GRADIENT),
        STEP);
    make_fixture(&self, layout, &callbacks);
    put(layout, place, self.w);
    expect_status(check(&self, lines, sizeof lines), HPM_OK, "with less to compare");
    expect(strstr(lines, "outer_gradient was not checked: ") &&
               strstr(lines, "cross_product was not checked: ") &&
               strstr(lines, "hessian_product was not checked but for its symmetry") &&
               strstr(lines, "step_backward was not checked but for the adjoint identity"), "'%s'",
           lines);
    destroy_fixture(&self);
}

/* --- What it found, as data --- */

static hpm_finding finding_at(size_t index) {
    hpm_finding found = {.size = sizeof found};
    must(hpm_last_finding(index, &found));
    expect(found.size == sizeof found, "the size was written");
    return found;
}

/* The finding of a callback beside another one, or of itself where `other` is NULL. */
static hpm_finding finding_of(const char *callback, const char *other) {
    for (size_t i = 0; i < hpm_last_finding_count(); i++) {
        const hpm_finding found = finding_at(i);
        const int same = other && found.other ? strcmp(other, found.other) == 0
                                              : other == found.other;
        if (strcmp(found.callback, callback) == 0 && same) return found;
    }
    expect(0, "no finding of %s with %s", callback, other ? other : "itself");
    return (hpm_finding){.error = NAN};
}

static void expect_finding(const char *callback, const char *other, hpm_finding_verdict verdict,
                           hpm_finding_reason reason) {
    const hpm_finding found = finding_of(callback, other);
    expect(found.verdict == verdict && found.reason == reason, "%s with %s: verdict %d, reason %d",
           callback, other ? other : "itself", (int)found.verdict, (int)found.reason);
}

/* The report and the findings say the same, line by line. */
static void expect_findings_of(const char *lines) {
    for (size_t i = 0; i < hpm_last_finding_count(); i++) {
        const hpm_finding found = finding_at(i);
        const size_t length = strlen(found.sentence);
        expect(strncmp(lines, found.sentence, length) == 0, "'%s' is not line %d of '%s'",
               found.sentence, (int)i, lines);
        expect(strncmp(found.sentence, found.callback, strlen(found.callback)) == 0,
               "'%s' is not of %s", found.sentence, found.callback);
        expect(!found.other || strstr(found.sentence, found.other), "'%s' does not name %s",
               found.sentence, found.other);
        const char *const verdict = found.sentence + strlen(found.callback);
        const int is_wrong = strncmp(verdict, " is wrong: ", 11) == 0;
        const int is_right = strncmp(verdict, " is right: ", 11) == 0;
        expect((found.verdict == HPM_FINDING_WRONG) == is_wrong &&
                   (found.verdict == HPM_FINDING_RIGHT) == is_right,
               "verdict %d of '%s'", (int)found.verdict, found.sentence);
        if (found.verdict == HPM_FINDING_RIGHT) {
            expect(found.error <= found.tolerance, "%g of %g", found.error, found.tolerance);
        } else if (found.verdict == HPM_FINDING_WRONG) {
            expect(found.error > found.tolerance, "%g of %g", found.error, found.tolerance);
        }
        lines += length;
        expect(*lines == (i + 1 < hpm_last_finding_count() ? '\n' : 0), "'%s'", lines);
        if (*lines) lines++;
    }
    expect(*lines == 0, "no finding of '%s'", lines);
}

static void test_findings(void) {
    static char lines[8192];
    fixture self;
    size_t needed = 0;
    make_fixture(&self, DOUBLES, &whole_problem);
    put(DOUBLES, place, self.w);
    expect_status(check(&self, lines, sizeof lines), HPM_OK, "right callbacks");
    expect_findings_of(lines);
    expect_finding("outer_loss", NULL, HPM_FINDING_RIGHT, HPM_REASON_REPETITION);
    expect_finding("outer_gradient", "outer_loss", HPM_FINDING_RIGHT, HPM_REASON_COMPARISON);
    expect_finding("hessian_product", NULL, HPM_FINDING_RIGHT, HPM_REASON_COMPARISON);
    expect_finding("step_backward", "step_forward", HPM_FINDING_RIGHT, HPM_REASON_COMPARISON);
    expect(finding_of("cross_product", "inner_gradient").tolerance == 1e-4, "the tolerance");
    const size_t count = hpm_last_finding_count();

    /* A size that an older caller states, and what can't be one. */
    hpm_finding found = {.size = sizeof found - 8};
    expect_status(hpm_last_finding(0, &found), HPM_ERROR_ARGUMENT, "a size too small");
    expect_status(hpm_last_finding(0, NULL), HPM_ERROR_ARGUMENT, "NULL");
    found.size = sizeof found;
    expect_status(hpm_last_finding(count, &found), HPM_ERROR_ARGUMENT, "beyond the last");
    expect(found.sentence == NULL, "written by a failed call");
    struct {
        hpm_finding known;
        double unknown;
    } newer = {{.size = sizeof newer}, 42};
    expect_status(hpm_last_finding(0, (hpm_finding *)&newer), HPM_OK, "a newer caller");
    expect(newer.unknown == 42 && newer.known.size == sizeof newer, "what nobody knows is written");

    /* The data alone, and where the report found no room. */
    self.ridge.faulty = CROSS_PRODUCT;
    self.ridge.fault = WRONG_H;
    expect_status(hpm_problem_check(self.problem, self.options, self.w, self.h, NULL, 0, &needed),
                  HPM_WRONG_DERIVATIVE, "without a report");
    expect_finding("cross_product", "inner_gradient", HPM_FINDING_WRONG, HPM_REASON_COMPARISON);
    expect(strcmp(finding_of("cross_product", "inner_gradient").sentence, hpm_last_error()) == 0,
           "'%s'", hpm_last_error());
    self.ridge.fault = NAN_RESULT;
    expect_status(hpm_problem_check(self.problem, self.options, self.w, self.h, lines, 1, &needed),
                  HPM_ERROR_CAPACITY, "no room");
    found = finding_of("cross_product", NULL);
    expect(found.verdict == HPM_FINDING_WRONG && found.reason == HPM_REASON_NOT_FINITE &&
               isinf(found.error), "a callback that is not finite");
    self.ridge.fault = RANDOM_RESULT;
    expect_status(check(&self, lines, sizeof lines), HPM_WRONG_DERIVATIVE, "a random one");
    expect_findings_of(lines);
    expect_finding("cross_product", NULL, HPM_FINDING_WRONG, HPM_REASON_REPETITION);

    /* A check that was not made leaves nothing of the one before. */
    expect_status(hpm_problem_check(self.problem, self.options, NULL, self.h, NULL, 0, &needed),
                  HPM_ERROR_ARGUMENT, "no parameters");
    expect(hpm_last_finding_count() == 0, "findings of the check before");
    found.size = sizeof found;
    expect_status(hpm_last_finding(0, &found), HPM_ERROR_NO_RESULT, "without findings");
    destroy_fixture(&self);

    const hpm_problem_callbacks callbacks =
        without(without(without(whole_problem, OUTER_LOSS), INNER_LOSS), STEP);
    make_fixture(&self, DOUBLES, &callbacks);
    put(DOUBLES, place, self.w);
    self.ridge.faulty = HESSIAN_PRODUCT;
    self.ridge.fault = WRONG_W;
    expect_status(check(&self, lines, sizeof lines), HPM_WRONG_DERIVATIVE, "one that disagrees");
    expect_findings_of(lines);
    expect_finding("hessian_product", "inner_gradient", HPM_FINDING_DISAGREES, HPM_REASON_COMPARISON);
    expect_finding("outer_gradient", "outer_loss", HPM_FINDING_NOT_CHECKED,
                   HPM_REASON_MISSING_REFERENCE);
    expect_finding("step_backward", "step_forward", HPM_FINDING_NOT_CHECKED, HPM_REASON_IDENTITY);
    expect(isnan(finding_of("outer_gradient", "outer_loss").error), "nothing was compared");

    /* The callback that is missing, by name, until something else fails. */
    set(&self, "estimator", "reverse");
    expect_status(hpm_problem_hypergradient(self.problem, self.options, self.w, self.h, self.result,
                                            NULL), HPM_ERROR_UNSUPPORTED, "reverse without step");
    expect(strcmp(hpm_last_missing_callback(), "step") == 0, "'%s'", hpm_last_missing_callback());
    expect_status(hpm_problem_hypergradient(self.problem, self.options, NULL, self.h, self.result,
                                            NULL), HPM_ERROR_ARGUMENT, "no parameters");
    expect(*hpm_last_missing_callback() == 0, "'%s'", hpm_last_missing_callback());
    destroy_fixture(&self);
}

static void test_check_that_fails(void) {
    static char lines[8192], other[8192];
    fixture self;
    size_t needed = 0, again = 0;
    make_fixture(&self, SPLIT, &whole_problem);
    put(SPLIT, place, self.w);
    expect_status(hpm_problem_check(self.problem, self.options, self.w, self.h, NULL, 0, &needed),
                  HPM_OK, "the size alone");
    memset(lines, 'x', sizeof lines);
    expect_status(hpm_problem_check(self.problem, self.options, self.w, self.h, lines, needed - 1,
                                    &again), HPM_ERROR_CAPACITY, "a byte too few");
    expect(again == needed && lines[0] == 'x', "%d bytes, then %d", (int)needed, (int)again);
    expect_status(hpm_problem_check(self.problem, self.options, self.w, self.h, lines, needed,
                                    &again), HPM_OK, "as large as it has to be");
    expect(lines[needed - 1] == 0 && lines[needed] == 'x', "its end");

    reset_counts(&self.ridge);
    must(check(&self, other, sizeof other));
    expect(strcmp(lines, other) == 0, "not the same again");
    const int all_calls = self.ridge.all_calls;
    expect(self.ridge.made == self.ridge.freed && self.ridge.made > 0, "%d vectors made, %d freed",
           self.ridge.made, self.ridge.freed);
    for (int at = 1; at <= all_calls; at += 7) {
        reset_counts(&self.ridge);
        self.ridge.fails_at = at;
        self.ridge.result = at;
        expect_status(check(&self, other, sizeof other), HPM_ERROR_CALLBACK, "a call fails");
        expect(hpm_last_callback_status() == at && self.ridge.made == self.ridge.freed,
               "%d came back as %d; %d vectors made, %d freed", at,
               (int)hpm_last_callback_status(), self.ridge.made, self.ridge.freed);
    }
    self.ridge.fails_at = 0;
    destroy_fixture(&self);
}

/* --- Calls inside callbacks --- */

static void solve_inside(ridge *ridge) {
    fixture *self = ridge->inside_context;
    void *result = new_vector(ridge->layout, NULL), *w = new_vector(ridge->layout, place);
    double wanted[FEATURES], numbers[FEATURES];
    char lines[8192];
    size_t needed;
    ridge->inside = NULL;
    expect_status(hpm_problem_hypergradient(self->problem, self->options, self->w, self->h, result,
                                            NULL), HPM_OK, "another hypergradient inside");
    get(ridge->layout, result, numbers);
    ridge_hypergradient(ridge, self->minimum, penalties, 0, wanted);
    expect(relative_error(numbers, wanted) < 1e-9, "a wrong one inside");
    expect_status(hpm_problem_check(self->problem, self->options, w, self->h, lines, sizeof lines,
                                    &needed), HPM_OK, "a check inside");
    free_vector(ridge->layout, result);
    free_vector(ridge->layout, w);
    ridge->inside = solve_inside;
}

static void destroy_inside(ridge *ridge) {
    fixture *self = ridge->inside_context;
    ridge->inside = NULL;
    expect_status(hpm_problem_destroy(self->problem), HPM_OK, "destroying the problem inside");
    expect_status(hpm_vectors_destroy(self->vectors), HPM_OK, "destroying the vectors inside");
    expect_status(hpm_options_destroy(self->options), HPM_OK, "destroying the options inside");
    expect_status(hpm_problem_destroy(self->problem), HPM_ERROR_HANDLE, "destroying it again");
    expect_status(hpm_problem_hypergradient(self->problem, NULL, self->w, self->h, self->result,
                                            NULL), HPM_ERROR_HANDLE, "using what was destroyed");
    self->vectors = make_vectors(ridge, FEATURES);
    must(hpm_problem_create(self->vectors, self->vectors, &whole_problem, ridge, &self->problem));
    must(hpm_options_create(&self->options));
}

static void test_calls_inside(void) {
    void (*const insides[])(ridge *) = {solve_inside, destroy_inside};
    for (int layout = DOUBLES; layout < LAYOUTS; layout += 2) {
        for (size_t i = 0; i < 2; i++) {
            fixture self;
            hpm_certificate certificate;
            double good[FEATURES], numbers[FEATURES];
            make_estimate(&self, layout == DOUBLES ? DOUBLES : SPLIT, &estimates[0]);
            must(solve(&self, &certificate, good));
            self.ridge.inside = insides[i];
            self.ridge.inside_context = &self;
            expect_status(solve(&self, &certificate, numbers), HPM_OK, "calls inside");
            expect(memcmp(numbers, good, sizeof good) == 0, "calls inside change the result");
            destroy_fixture(&self);
        }
    }
}

static void *solve_in_thread(void *context) {
    fixture *self = context;
    double result[FEATURES], first[FEATURES];
    must(hpm_problem_hypergradient(self->problem, self->options, self->w, self->h, first, NULL));
    for (int i = 0; i < 200; i++) {
        must(hpm_problem_hypergradient(self->problem, self->options, self->w, self->h, result,
                                       NULL));
        if (memcmp(result, first, sizeof first) != 0) return self;
    }
    return NULL;
}

static void test_threads(void) {
    pthread_t threads[4];
    fixture self;
    make_estimate(&self, DOUBLES, &estimates[0]);
    self.ridge.quiet = 1;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, solve_in_thread, &self);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        expect(!failed, "threads disturb one another");
    }
    destroy_fixture(&self);
}

/* --- The bridge to a population --- */

enum { STUDENTS = 4, REPORTS = 8, MOST_TASKS = 400 };

typedef struct {
    ridge ridge;
    hpm_population *population;
    hpm_vectors *vectors;
    hpm_problem *problem;
    hpm_options *options;
    void *w[STUDENTS];
    /* What each student was told, and by it. */
    struct {
        size_t student;
        double h[FEATURES], loss;
    } tasks[MOST_TASKS];
    size_t task_count;
    /* Whether the callbacks compute the hypergradient themselves, report what it costs, set and
     * destroy problems inside. */
    int computes, reports_cost, sets_inside;
    /* Which last random directions there were: bit 2^(signs of components). */
    uint32_t directions;
    /* By task: those of the estimate before it, and whether it was an evaluation. */
    unsigned signs[MOST_TASKS];
    int is_evaluation[MOST_TASKS];
} trainer;

/* Some steps, not to the minimum; the validation loss. */
static double train_student(trainer *self, void *vector, const double *h) {
    double w[FEATURES], gradient[FEATURES];
    get(self->ridge.layout, vector, w);
    for (int i = 0; i < 15; i++) {
        ridge_inner_gradient(&self->ridge, w, h, gradient);
        for (size_t j = 0; j < FEATURES; j++) w[j] -= RATE * gradient[j];
    }
    put(self->ridge.layout, w, vector);
    return ridge_outer(&self->ridge, w, h, gradient);
}

static int32_t report(trainer *self, size_t student, const double *h, double *loss,
                      double *hypergradient, int32_t *has_hypergradient) {
    if (self->task_count > 0 && self->ridge.calls[RESPONSE] > 0) {
        unsigned signs = 0;
        for (size_t j = 0; j < FEATURES; j++) {
            if (self->ridge.responded[j] > self->tasks[self->task_count - 1].h[j]) signs |= 1u << j;
        }
        self->directions |= (uint32_t)1 << signs;
        if (self->task_count < MOST_TASKS) self->signs[self->task_count] = signs;
    }
    if (self->task_count < MOST_TASKS) {
        self->tasks[self->task_count].student = student;
        self->tasks[self->task_count].loss = *loss;
        memcpy(self->tasks[self->task_count++].h, h, FEATURES * sizeof *h);
    }
    if (self->reports_cost) {
        expect_status(hpm_student_report_cost(self->population, student, 3, 1), HPM_OK, "cost");
    }
    if (self->sets_inside) {
        expect_status(hpm_student_set_problem(self->population, student, self->problem,
                                              self->w[student]), HPM_OK, "a problem inside");
    }
    if (!self->computes) return 0;
    void *vector = new_vector(self->ridge.layout, h);
    void *result = new_vector(self->ridge.layout, NULL);
    must(hpm_problem_hypergradient(self->problem, self->options, self->w[student], vector, result,
                                   NULL));
    get(self->ridge.layout, result, hypergradient);
    *has_hypergradient = 1;
    free_vector(self->ridge.layout, vector);
    free_vector(self->ridge.layout, result);
    return 0;
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    trainer *self = context;
    expect(n == FEATURES && *has_hypergradient == 0, "what train is handed");
    *loss = train_student(self, self->w[student], h);
    return report(self, student, h, loss, hypergradient, has_hypergradient);
}

static int32_t evaluate(void *context, size_t student, const double *h, size_t n, double *loss,
                        double *hypergradient, int32_t *has_hypergradient) {
    trainer *self = context;
    double w[FEATURES], gradient[FEATURES];
    (void)n;
    get(self->ridge.layout, self->w[student], w);
    *loss = ridge_outer(&self->ridge, w, h, gradient);
    if (self->task_count < MOST_TASKS) self->is_evaluation[self->task_count] = 1;
    return report(self, student, h, loss, hypergradient, has_hypergradient);
}

static int32_t clone(void *context, size_t source, size_t student) {
    trainer *self = context;
    double w[FEATURES];
    get(self->ridge.layout, self->w[source], w);
    put(self->ridge.layout, w, self->w[student]);
    return 0;
}

static int32_t restart(void *context, size_t student) {
    static const double start[FEATURES] = {0};
    trainer *self = context;
    put(self->ridge.layout, start, self->w[student]);
    return 0;
}

static const hpm_trainer callbacks = {sizeof callbacks, train, evaluate, clone, restart};

static hpm_space *make_space(size_t count) {
    hpm_space *space = NULL;
    must(hpm_space_create(&space));
    must(hpm_space_add_block(space, "penalties", count, 1e-2, 10, HPM_SCALE_LOG, NAN));
    return space;
}

static void make_trainer(trainer *self, layout_kind layout, const char *algorithm,
                         const char *estimator) {
    memset(self, 0, sizeof *self);
    make_ridge(&self->ridge, layout);
    hpm_space *space = make_space(FEATURES);
    must(hpm_options_create(&self->options));
    const char *const settings[][2] = {
        {"algorithm", algorithm}, {"estimator", estimator}, {"population", "4"}, {"steps", "8"},
        {"interval", "2"}, {"truncation", "0.3"}, {"estimator_iterations", "10"},
        {"estimator_learning_rate", "0.2"}, {"estimator_tolerance", "1e-9"}, {"seed", "3"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        must(hpm_options_set_string(self->options, settings[i][0], settings[i][1]));
    }
    must(hpm_population_create(space, self->options, &self->population));
    must(hpm_space_destroy(space));
    self->vectors = make_vectors(&self->ridge, FEATURES);
    must(hpm_problem_create(self->vectors, self->vectors, &whole_problem, &self->ridge,
                            &self->problem));
    for (size_t k = 0; k < STUDENTS; k++) self->w[k] = new_vector(layout, NULL);
}

static void set_problems(trainer *self) {
    for (size_t k = 0; k < STUDENTS; k++) {
        must(hpm_student_set_problem(self->population, k, self->problem, self->w[k]));
    }
}

static void destroy_trainer(trainer *self) {
    for (size_t k = 0; k < STUDENTS; k++) free_vector(self->ridge.layout, self->w[k]);
    must(hpm_options_destroy(self->options));
    must(hpm_population_destroy(self->population));
    expect(self->ridge.made == self->ridge.freed, "%d vectors made, %d freed", self->ridge.made,
           self->ridge.freed);
    /* Some tests have done so before. */
    hpm_vectors_destroy(self->vectors);
    hpm_problem_destroy(self->problem);
}

static double counter(trainer *self, const char *name) {
    double number = NAN;
    must(hpm_population_count(self->population, name, &number));
    return number;
}

static int same_tasks(const trainer *a, const trainer *b) {
    return a->task_count == b->task_count && a->task_count > 0 &&
           memcmp(a->tasks, b->tasks, a->task_count * sizeof *a->tasks) == 0;
}

/* A population whose problems are registered goes, bit for bit, where one goes whose trainer
 * computes the same hypergradients itself. */
static void test_bridge(layout_kind layout, const char *algorithm, const char *estimator) {
    static trainer by_hand, by_run;
    hpm_certificate certificate = {.size = sizeof certificate};
    char name[64];
    snprintf(name, sizeof name, "%s with %s", algorithm, estimator);
    make_trainer(&by_hand, layout, algorithm, estimator);
    by_hand.computes = 1;
    expect_status(hpm_population_run(by_hand.population, &callbacks, &by_hand), HPM_OK, name);

    make_trainer(&by_run, layout, algorithm, estimator);
    set_problems(&by_run);
    expect_status(hpm_student_certificate(by_run.population, 0, &certificate),
                  HPM_ERROR_NO_RESULT, "a certificate before there is one");
    /* The population has its copy. */
    must(hpm_problem_destroy(by_run.problem));
    must(hpm_vectors_destroy(by_run.vectors));
    expect_status(hpm_population_run(by_run.population, &callbacks, &by_run), HPM_OK, name);
    expect(same_tasks(&by_hand, &by_run), "%s: the trajectory differs", name);
    expect(counter(&by_run, "hypergradient_reports") == STUDENTS * REPORTS,
           "%s: %g hypergradients", name, counter(&by_run, "hypergradient_reports"));
    expect(counter(&by_hand, "hypergradient_cost") == 0, "%s: a cost that none reported", name);

    /* Seconds of the callbacks, and of the estimates. */
    const double cost = counter(&by_run, "hypergradient_cost");
    const double share = counter(&by_run, "hypergradient_share");
    const double training = counter(&by_run, "training_cost");
    expect(cost > 0 && cost < 60 && training > 0 && training < 60, "%s: costs %g and %g", name,
           training, cost);
    expect(share > 0 && share < 1, "%s: share %g", name, share);
    for (size_t k = 0; k < STUDENTS; k++) {
        certificate = (hpm_certificate){.size = sizeof certificate};
        expect_status(hpm_student_certificate(by_run.population, k, &certificate), HPM_OK, name);
        expect(certificate.outer_gradients > 0 && certificate.seconds > 0 &&
                   (certificate.status == HPM_CERTIFICATE_CONVERGED ||
                    certificate.status == HPM_CERTIFICATE_ITERATION_LIMIT),
               "%s: the certificate of student %d", name, (int)k);
    }
    expect_status(hpm_student_certificate(by_run.population, STUDENTS, &certificate),
                  HPM_ERROR_ARGUMENT, "a student too many");
    destroy_trainer(&by_hand);
    destroy_trainer(&by_run);
}

static void test_costs_of_the_callback(void) {
    static trainer self;
    make_trainer(&self, DOUBLES, "hypergradient", "conjugate-gradient");
    set_problems(&self);
    self.reports_cost = 1;
    expect_status(hpm_population_run(self.population, &callbacks, &self), HPM_OK, "own costs");
    expect(counter(&self, "training_cost") == 3 * STUDENTS * REPORTS &&
               counter(&self, "hypergradient_cost") == 1 * STUDENTS * REPORTS &&
               counter(&self, "hypergradient_share") == 0.25,
           "costs %g and %g", counter(&self, "training_cost"),
           counter(&self, "hypergradient_cost"));
    destroy_trainer(&self);
}

/* Problems that come, go, and are not used. */
static void test_registration(void) {
    static trainer self, other;
    hpm_certificate certificate = {.size = sizeof certificate};
    make_trainer(&self, DOUBLES, "hypergradient", "conjugate-gradient");
    set_problems(&self);

    /* A refusal leaves what was registered. */
    hpm_vectors *vectors = NULL;
    hpm_problem *larger = NULL;
    must(hpm_vectors_create_host(HPM_ELEMENT_DOUBLE, FEATURES + 1, &vectors));
    must(hpm_problem_create(self.vectors, vectors, &whole_problem, &self.ridge, &larger));
    for (size_t k = 0; k < STUDENTS; k++) {
        expect_status(hpm_student_set_problem(self.population, k, larger, self.w[k]),
                      HPM_ERROR_ARGUMENT, "a wrong dimension");
        expect(strstr(hpm_last_error(), "6") && strstr(hpm_last_error(), "5"), "'%s'",
               hpm_last_error());
        expect_status(hpm_student_set_problem(self.population, k, self.problem, NULL),
                      HPM_ERROR_ARGUMENT, "no w");
        expect_status(hpm_student_set_problem(self.population, k, NULL, self.w[k]),
                      HPM_ERROR_ARGUMENT, "w without a problem");
    }
    must(hpm_problem_destroy(larger));
    must(hpm_problem_create(vectors, self.vectors, &whole_problem, &self.ridge, &larger));
    expect_status(hpm_student_set_problem(self.population, 0, larger, self.w[0]), HPM_OK,
                  "parameters may be more than hyperparameters");
    must(hpm_student_set_problem(self.population, 0, self.problem, self.w[0]));
    must(hpm_problem_destroy(larger));
    must(hpm_vectors_destroy(vectors));

    /* Of student 2 it is taken back. */
    must(hpm_student_set_problem(self.population, 2, NULL, NULL));
    expect_status(hpm_population_run(self.population, &callbacks, &self), HPM_OK, "three of four");
    expect(counter(&self, "hypergradient_reports") == (STUDENTS - 1) * REPORTS,
           "%g hypergradients of three students", counter(&self, "hypergradient_reports"));
    expect_status(hpm_student_certificate(self.population, 2, &certificate), HPM_ERROR_NO_RESULT,
                  "a student without a problem");
    expect_status(hpm_student_certificate(self.population, 1, &certificate), HPM_OK, "another");
    destroy_trainer(&self);

    /* What a callback returns itself is not computed again. */
    make_trainer(&self, DOUBLES, "hypergradient", "conjugate-gradient");
    set_problems(&self);
    self.computes = 1;
    expect_status(hpm_population_run(self.population, &callbacks, &self), HPM_OK, "both");
    expect_status(hpm_student_certificate(self.population, 0, &certificate), HPM_ERROR_NO_RESULT,
                  "nothing was computed");
    expect(counter(&self, "hypergradient_cost") == 0, "and it cost nothing");
    destroy_trainer(&self);

    /* Registered inside the callback. */
    make_trainer(&self, DOUBLES, "hypergradient", "neumann");
    make_trainer(&other, DOUBLES, "hypergradient", "neumann");
    self.sets_inside = 1;
    set_problems(&other);
    must(hpm_population_run(self.population, &callbacks, &self));
    must(hpm_population_run(other.population, &callbacks, &other));
    expect(same_tasks(&self, &other), "registered inside the callback");
    destroy_trainer(&self);
    destroy_trainer(&other);
}

/* An estimate that failed is a report without a hypergradient; one whose callback failed, or that
 * lacks one, ends the run, and its task stays out. */
static void test_estimates_that_fail_in_a_run(void) {
    static trainer self, good;
    hpm_certificate certificate = {.size = sizeof certificate};
    make_trainer(&self, SPLIT, "hypergradient", "conjugate-gradient");
    set_problems(&self);
    self.ridge.faulty = HESSIAN_PRODUCT;
    self.ridge.fault = NAN_RESULT;
    expect_status(hpm_population_run(self.population, &callbacks, &self), HPM_OK, "NaN");
    expect(counter(&self, "hypergradient_reports") == 0 &&
               counter(&self, "training_reports") == STUDENTS * REPORTS &&
               counter(&self, "hypergradient_cost") > 0, "%g hypergradients of NaN",
           counter(&self, "hypergradient_reports"));
    expect_status(hpm_student_certificate(self.population, 1, &certificate), HPM_OK, "NaN");
    expect(certificate.status == HPM_CERTIFICATE_NONFINITE, "status %d", (int)certificate.status);
    destroy_trainer(&self);

    make_trainer(&good, SPLIT, "hypergradient", "conjugate-gradient");
    set_problems(&good);
    must(hpm_population_run(good.population, &callbacks, &good));
    const int all_calls = good.ridge.all_calls;
    for (int at = 1; at < all_calls; at += all_calls / 40) {
        make_trainer(&self, SPLIT, "hypergradient", "conjugate-gradient");
        set_problems(&self);
        self.ridge.fails_at = at;
        self.ridge.result = -at;
        expect_status(hpm_population_run(self.population, &callbacks, &self), HPM_ERROR_CALLBACK,
                      "a callback fails in a run");
        expect(hpm_last_callback_status() == -at, "%d came back as %d", -at,
               (int)hpm_last_callback_status());
        expect(self.ridge.made == self.ridge.freed, "%d vectors made, %d freed", self.ridge.made,
               self.ridge.freed);
        self.ridge.fails_at = 0;
        expect_status(hpm_population_run(self.population, &callbacks, &self), HPM_OK, "again");
        expect(counter(&self, "hypergradient_reports") == STUDENTS * REPORTS, "%g hypergradients",
               counter(&self, "hypergradient_reports"));
        /* The task was asked for again, and its student trained twice; the others did not. */
        expect(self.task_count == good.task_count + 1, "%d tasks", (int)self.task_count);
        for (size_t k = 0; k < STUDENTS; k++) {
            size_t count = 0;
            for (size_t i = 0; i < self.task_count; i++) count += self.tasks[i].student == k;
            expect(count == REPORTS || count == REPORTS + 1, "student %d trained %d times", (int)k,
                   (int)count);
        }
        destroy_trainer(&self);
    }
    destroy_trainer(&good);

    /* `write` and `read` are needed here alone. */
    static const size_t missing[] = {offsetof(hpm_vector_operations, write),
                                     offsetof(hpm_vector_operations, read)};
    for (size_t i = 0; i < 2; i++) {
        hpm_vector_operations lacking = split_operations;
        hpm_vectors *vectors = NULL;
        hpm_problem *problem = NULL;
        memset((unsigned char *)&lacking + missing[i], 0, sizeof lacking.read);
        make_trainer(&self, SPLIT, "hypergradient", "conjugate-gradient");
        must(hpm_vectors_create(&lacking, &self.ridge, FEATURES, &vectors));
        must(hpm_problem_create(self.vectors, vectors, &whole_problem, &self.ridge, &problem));
        expect_status(hpm_student_set_problem(self.population, 0, problem, self.w[0]),
                      HPM_ERROR_UNSUPPORTED, "a problem without it");
        expect(strstr(hpm_last_error(), i == 0 ? "write" : "read") != NULL, "'%s'",
               hpm_last_error());
        must(hpm_problem_destroy(problem));
        must(hpm_vectors_destroy(vectors));
        destroy_trainer(&self);
    }
}

/* What the population's estimator needs is missed where the problem is set, before anything runs. */
static void test_problems_that_lack_something(void) {
    static const struct {
        const char *estimator;
        kind missing[2];
        size_t operation, dimension;
        const char *named;
    } cases[] = {
        {"conjugate-gradient", {OUTER_GRADIENT, NOTHING}, 0, FEATURES, "outer_gradient"},
        {"conjugate-gradient", {HESSIAN_PRODUCT, INNER_GRADIENT}, 0, FEATURES, "inner_gradient"},
        {"nystrom", {CROSS_PRODUCT, INNER_HYPER_GRADIENT}, 0, FEATURES, "cross_product"},
        {"reverse", {STEP, NOTHING}, 0, FEATURES, "step"},
        {"reverse", {STEP_BACKWARD, NOTHING}, 0, FEATURES, "step_backward"},
        {"reverse", {OUTER_GRADIENT, NOTHING}, 0, FEATURES, "outer_gradient"},
        {"forward", {STEP, STEP_FORWARD}, 0, FEATURES, "step"},
        {"spsa", {RESPONSE, NOTHING}, 0, FEATURES, "response"},
        {"best-response", {OUTER_GRADIENT, NOTHING}, 0, FEATURES, "outer_gradient"},
        {"nystrom", {NOTHING, NOTHING}, offsetof(hpm_vector_operations, random), FEATURES,
         "random"},
        {"spsa", {NOTHING, NOTHING}, offsetof(hpm_vector_operations, random), FEATURES, "random"},
        {"forward", {NOTHING, NOTHING}, offsetof(hpm_vector_operations, unit), FEATURES, "unit"},
        {"finite-differences", {NOTHING, NOTHING}, 0, 0, "dimension"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static trainer self;
        const hpm_problem_callbacks lacking =
            without(without(whole_problem, cases[i].missing[0]), cases[i].missing[1]);
        hpm_vector_operations operations = split_operations;
        hpm_vectors *vectors = NULL;
        hpm_problem *problem = NULL;
        if (cases[i].operation) {
            memset((unsigned char *)&operations + cases[i].operation, 0, sizeof operations.random);
        }
        make_trainer(&self, SPLIT, "hypergradient", cases[i].estimator);
        must(hpm_vectors_create(&operations, &self.ridge, cases[i].dimension, &vectors));
        must(hpm_problem_create(vectors, vectors, &lacking, &self.ridge, &problem));
        expect_status(hpm_student_set_problem(self.population, 1, problem, self.w[1]),
                      HPM_ERROR_UNSUPPORTED, cases[i].named);
        expect(strstr(hpm_last_error(), cases[i].named) != NULL, "'%s' does not name %s",
               hpm_last_error(), cases[i].named);
        expect(self.ridge.all_calls == 0 && self.ridge.made == 0, "%d calls",
               self.ridge.all_calls);
        must(hpm_problem_destroy(problem));
        must(hpm_vectors_destroy(vectors));
        destroy_trainer(&self);
    }
}

/* The evaluation of a student and its next training draw directions of their own. */
static void test_random_evaluations(void) {
    static trainer self;
    int pairs = 0, same = 0;
    make_trainer(&self, DOUBLES, "hpm-paper", "spsa");
    set_problems(&self);
    must(hpm_population_run(self.population, &callbacks, &self));
    for (size_t i = 0; i < self.task_count; i++) {
        if (!self.is_evaluation[i]) continue;
        for (size_t j = i + 1; j + 1 < self.task_count; j++) {
            if (self.tasks[j].student != self.tasks[i].student || self.is_evaluation[j]) continue;
            /* Signs are those of the estimate that came before a task. */
            pairs++;
            same += self.signs[i + 1] == self.signs[j + 1];
            break;
        }
    }
    expect(pairs >= 5 && same <= pairs / 2, "%d of %d evaluations drew what training drew", same,
           pairs);
    destroy_trainer(&self);
}

/* Random directions differ between students and reports, and are the same in the next run. */
static void test_random_estimates_in_a_run(void) {
    static trainer self, again;
    make_trainer(&self, DOUBLES, "hypergradient", "spsa");
    make_trainer(&again, DOUBLES, "hypergradient", "spsa");
    set_problems(&self);
    set_problems(&again);
    must(hpm_population_run(self.population, &callbacks, &self));
    must(hpm_population_run(again.population, &callbacks, &again));
    expect(same_tasks(&self, &again), "spsa is not the same again");
    int directions = 0;
    for (int bit = 0; bit < 32; bit++) directions += (int)(self.directions >> bit & 1);
    expect(directions > 8, "%d directions in %d reports", directions, (int)self.task_count);
    expect(counter(&self, "hypergradient_reports") == STUDENTS * REPORTS, "hypergradients");
    destroy_trainer(&self);
    destroy_trainer(&again);
}

int main(void) {
    test_estimators();
    test_defaults();
    test_iteration_limit();
    for (int layout = DOUBLES; layout < LAYOUTS; layout++) {
        test_zeros_and_lost_steps((layout_kind)layout);
    }
    test_failures(DOUBLES);
    test_failures(FLOATS);
    test_failures(SPLIT);
    test_callbacks_that_fail();
    test_callbacks_that_are_missing();
    test_precision();
    test_check(DOUBLES);
    test_check(FLOATS);
    test_check(SPLIT);
    test_findings();
    test_check_that_fails();
    test_calls_inside();
    test_threads();
    for (int layout = DOUBLES; layout < LAYOUTS; layout++) {
        const layout_kind kind = (layout_kind)layout;
        test_bridge(kind, "hypergradient", "conjugate-gradient");
        test_bridge(kind, "hpm", "conjugate-gradient");
        test_bridge(kind, "hpm", "neumann");
        test_bridge(kind, "hpm-paper", "conjugate-gradient");
        test_bridge(kind, "hpm-no-teacher", "reverse");
        test_bridge(kind, "clone-step", "forward");
        test_bridge(kind, "hpm", "one-step");
        test_bridge(kind, "hpm", "best-response");
    }
    test_costs_of_the_callback();
    test_registration();
    test_estimates_that_fail_in_a_run();
    test_problems_that_lack_something();
    test_random_estimates_in_a_run();
    test_random_evaluations();
    return finish();
}
