/*
 * Hypergradients at scale, as CSV: 10 million parameters and 1 million hyperparameters in float.
 *
 *     scale [hyperparameters] [repeats]        1000000 and 3 by default
 *
 * Each row is a whole estimate. The callbacks time themselves; the rest of the certificate's
 * seconds is the library's own. What it moved there is counted, not assumed: the same estimate runs
 * once more on small vectors of callbacks that count each operation between any two callbacks of
 * the problem. `operation` columns hold the times between callbacks in which no vector is made,
 * each the best of all repeats, as memcpy's are. `making_seconds` is the rest of the best repeat:
 * new vectors, whose pages the system hands out, what stands beside them, and their end.
 *
 * Bytes: copy and scale read 1 array and write 1, axpy reads 2 and writes 1, dot reads 2, or 1
 * where both are the same array, a factor of 0 and a new vector write 1. memcpy reads 1 and
 * writes 1. All of it is one thread's.
 *
 * The problem, with p the penalties, each of 10 parameters, and L the matrix of a chain:
 *
 *     f(w, h) = sum_i (1 + h_(i mod n)) w_i^2 / 2 + k w.Lw / 2 - b.w,   F(w) = |w - t|^2 / 2
 *
 * At its minimum reverse mode through K steps is the Neumann series of K terms: they have to agree.
 */
#define _POSIX_C_SOURCE 200809L
#include <hpm.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PENALISED = 10, MOST_EVENTS = 512 };

static const float coupling = 0.25f, rate = 0.5f;

static void check(hpm_status status) {
    if (status == HPM_OK) return;
    fprintf(stderr, "%s: %s\n", hpm_status_name(status), status < 0 ? hpm_last_error() : "");
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *allocated(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        fprintf(stderr, "no memory for %zu bytes\n", count * size);
        exit(1);
    }
    return memory;
}

/* The shortest time of each of a number of memcpys, over all calls. They are made between the
 * estimates and reduced as the estimates' own times are, so that a busy machine is fair to both. */
typedef struct {
    size_t bytes, count;
    double seconds[MOST_EVENTS];
} memcpy_times;

static void time_memcpy(memcpy_times *self) {
    char *source = allocated(self->bytes, 1), *target = allocated(self->bytes, 1);
    memset(source, 1, self->bytes);
    memset(target, 2, self->bytes);
    for (size_t i = 0; i < self->count; i++) {
        const double start = now();
        memcpy(target, source, self->bytes);
        const double seconds = now() - start;
        if (self->seconds[i] == 0 || seconds < self->seconds[i]) self->seconds[i] = seconds;
        source[i] = target[i + 1];
    }
    free(source);
    free(target);
}

/* Bytes read and written per second. */
static double memcpy_rate(const memcpy_times *self) {
    double seconds = 0;
    for (size_t i = 0; i < self->count; i++) seconds += self->seconds[i];
    return 2 * (double)(self->bytes * self->count) / seconds;
}

/* --- When callbacks began and ended --- */

typedef enum { OUTER, INNER, PRODUCT, CROSS, STEP, BACKWARD } kind;

static struct {
    kind kind;
    double begin, end;
} events[MOST_EVENTS];
static size_t event_count;
static double callback_seconds;

/* What vectors that count have done so far, at the beginning of each callback. */
typedef struct {
    size_t create, copy, dot_of_one, dot_of_two, axpy, scale, zero;
} counts;

typedef struct {
    size_t count;
    counts done;
} counted_space;

static counted_space counted[2];
static counts counted_before[MOST_EVENTS][2];

static double begin(kind kind) {
    const double time = now();
    if (event_count < MOST_EVENTS) {
        events[event_count].kind = kind;
        events[event_count].begin = time;
        for (int i = 0; i < 2; i++) counted_before[event_count][i] = counted[i].done;
    }
    return time;
}

static int32_t end(double start) {
    const double time = now();
    if (event_count < MOST_EVENTS) events[event_count++].end = time;
    callback_seconds += time - start;
    return 0;
}

/* --- Each operation on its own --- */

typedef struct {
    size_t parameter_bytes, hyperparameter_bytes;
} sizes;

static hpm_options *make_options(const char *estimator, int64_t iterations, int64_t checkpoints) {
    hpm_options *options = NULL;
    check(hpm_options_create(&options));
    check(hpm_options_set_string(options, "estimator", estimator));
    check(hpm_options_set_integer(options, "estimator_iterations", iterations));
    check(hpm_options_set_integer(options, "estimator_checkpoints", checkpoints));
    check(hpm_options_set_real(options, "estimator_learning_rate", (double)rate));
    check(hpm_options_set_real(options, "estimator_tolerance", 0));
    check(hpm_options_set_real(options, "difference_step", 1e-2));
    return options;
}

/* --- The problem --- */

typedef struct {
    size_t penalties, parameters;
    /* A zero stands before and behind, so that no loop asks for the chain's ends. */
    float *linear, *target;
} chain;

/* result = a x + b (H v - linear), where `linear` may be NULL for zeros. */
static void apply(const chain *self, const float *restrict h, const float *restrict v, float a,
                  float b, const float *restrict linear, float *restrict result) {
    const size_t n = self->penalties;
    for (size_t band = 0; band < PENALISED; band++) {
        const float *restrict x = v + band * n;
        float *restrict out = result + band * n;
        const float *restrict pull = linear ? linear + band * n : NULL;
        /* The chain's ends have no neighbour. */
        const size_t first = band == 0, last = band == PENALISED - 1 ? n - 1 : n;
        if (pull) {
            for (size_t g = first; g < last; g++) {
                out[g] = a * x[g] + b * ((1 + h[g] + 2 * coupling) * x[g] -
                                         coupling * (x[g + 1] + x[(ptrdiff_t)g - 1]) - pull[g]);
            }
        } else {
            for (size_t g = first; g < last; g++) {
                out[g] = a * x[g] + b * ((1 + h[g] + 2 * coupling) * x[g] -
                                         coupling * (x[g + 1] + x[(ptrdiff_t)g - 1]));
            }
        }
        for (int end = 0; end < 2; end++) {
            if (end == 0 ? first != 1 : last == n) continue;
            const size_t g = end == 0 ? 0 : n - 1;
            const float neighbour = end == 0 ? x[1] : x[(ptrdiff_t)g - 1];
            out[g] = a * x[g] + b * ((1 + h[g] + coupling) * x[g] - coupling * neighbour -
                                     (pull ? pull[g] : 0));
        }
    }
}

/* result = factor sum of the products of each penalty's parameters. */
static void gather(const chain *self, const float *restrict w, const float *restrict v,
                   float factor, float *restrict result) {
    const size_t n = self->penalties;
    for (size_t g = 0; g < n; g++) {
        float sum = 0;
        for (size_t band = 0; band < PENALISED; band++) sum += w[band * n + g] * v[band * n + g];
        result[g] = factor * sum;
    }
}

static int32_t outer_gradient(void *context, const void *w, const void *h, void *dw, void *dh) {
    const double start = begin(OUTER);
    const chain *self = context;
    const float *restrict from = w, *restrict target = self->target;
    float *restrict to = dw;
    (void)h, (void)dh;
    for (size_t i = 0; i < self->parameters; i++) to[i] = from[i] - target[i];
    return end(start);
}

static int32_t hessian_product(void *context, const void *w, const void *h, const void *v,
                               void *result) {
    const double start = begin(PRODUCT);
    (void)w;
    apply(context, h, v, 0, 1, NULL, result);
    return end(start);
}

static int32_t cross_product(void *context, const void *w, const void *h, const void *v,
                             void *result) {
    const double start = begin(CROSS);
    const chain *self = context;
    (void)h;
    memset(result, 0, self->penalties * sizeof(float));
    gather(self, w, v, 1, result);
    return end(start);
}

static int32_t step(void *context, size_t index, const void *w, const void *h, void *result) {
    const double start = begin(STEP);
    const chain *self = context;
    (void)index;
    apply(self, h, w, 1, -rate, self->linear, result);
    return end(start);
}

static int32_t step_backward(void *context, size_t index, const void *w, const void *h,
                             const void *v, void *dw, void *dh) {
    const double start = begin(BACKWARD);
    (void)index;
    apply(context, h, v, 1, -rate, NULL, dw);
    gather(context, w, v, -rate, dh);
    return end(start);
}

static const hpm_problem_callbacks callbacks = {
    sizeof callbacks, NULL, outer_gradient, NULL, NULL, NULL, hessian_product, cross_product,
    step, NULL, step_backward, NULL};

static chain make_chain(size_t penalties) {
    chain self = {penalties, penalties * PENALISED, NULL, NULL};
    self.linear = allocated(self.parameters, sizeof(float));
    self.target = allocated(self.parameters, sizeof(float));
    for (size_t i = 0; i < self.parameters; i++) {
        self.linear[i] = 1 + (float)(i * 7919 % 1000) / 500;
        self.target[i] = (float)(i * 104729 % 1000) / 1000;
    }
    return self;
}

static float *make_penalties(const chain *self) {
    float *h = allocated(self->penalties, sizeof *h);
    for (size_t g = 0; g < self->penalties; g++) h[g] = (float)(g * 31 % 97) / 97;
    return h;
}

/* The minimum of f, by the same steps until float can't tell them apart. */
static float *make_minimum(chain *self, const float *h) {
    float *w = allocated(self->parameters, sizeof *w);
    float *next = allocated(self->parameters, sizeof *next);
    for (int i = 0; i < 40; i++) {
        step(self, 0, w, h, next);
        float *const before = w;
        w = next;
        next = before;
    }
    free(next);
    return w;
}

/* --- Vectors that count what is done with them --- */

static int32_t counted_create(void *context, void **vector) {
    counted_space *self = context;
    self->done.create++;
    *vector = allocated(self->count, sizeof(float));
    return 0;
}

static void counted_destroy(void *context, void *vector) {
    (void)context;
    free(vector);
}

static int32_t counted_copy(void *context, const void *source, void *target) {
    counted_space *self = context;
    self->done.copy++;
    memcpy(target, source, self->count * sizeof(float));
    return 0;
}

static int32_t counted_dot(void *context, const void *left, const void *right, double *result) {
    counted_space *self = context;
    const float *a = left, *b = right;
    if (left == right) self->done.dot_of_one++;
    else self->done.dot_of_two++;
    *result = 0;
    for (size_t i = 0; i < self->count; i++) *result += (double)a[i] * (double)b[i];
    return 0;
}

static int32_t counted_axpy(void *context, double factor, const void *source, void *target) {
    counted_space *self = context;
    self->done.axpy++;
    for (size_t i = 0; i < self->count; i++) {
        ((float *)target)[i] += (float)factor * ((const float *)source)[i];
    }
    return 0;
}

static int32_t counted_scale(void *context, double factor, void *vector) {
    counted_space *self = context;
    if (factor == 0) self->done.zero++;
    else self->done.scale++;
    for (size_t i = 0; i < self->count; i++) {
        ((float *)vector)[i] = factor == 0 ? 0 : (float)factor * ((float *)vector)[i];
    }
    return 0;
}

/* Arrays read and written; new vectors are counted apart. */
static double arrays(const counts *self) {
    return 2 * (double)(self->copy + self->scale + self->dot_of_two) + 3 * (double)self->axpy +
           (double)(self->dot_of_one + self->zero);
}

/* What the estimator does with vectors of parameters [0] and hyperparameters [1], before each of
 * its callbacks: in `counted_before`. */
static void count_operations(hpm_options *options) {
    enum { FEW = 4 };
    chain self = make_chain(FEW);
    float *h = make_penalties(&self), *w = make_minimum(&self, h), result[FEW];
    hpm_vectors *spaces[2] = {NULL, NULL};
    hpm_problem *problem = NULL;
    for (int i = 0; i < 2; i++) {
        const hpm_vector_operations operations = {
            sizeof operations, counted_create, counted_destroy, counted_copy, counted_dot,
            counted_axpy, counted_scale, NULL, NULL, NULL, NULL, 0};
        counted[i] = (counted_space){.count = i == 0 ? self.parameters : FEW};
        check(hpm_vectors_create(&operations, &counted[i], counted[i].count, &spaces[i]));
    }
    check(hpm_problem_create(spaces[0], spaces[1], &callbacks, &self, &problem));
    event_count = 0;
    check(hpm_problem_hypergradient(problem, options, w, h, result, NULL));
    check(hpm_problem_destroy(problem));
    check(hpm_vectors_destroy(spaces[0]));
    check(hpm_vectors_destroy(spaces[1]));
    free(w);
    free(h);
    free(self.linear);
    free(self.target);
}

/* --- Whole estimates --- */

/* Kilobytes of /proc/self/status; NaN where there is none. */
static double memory(const char *key) {
    char line[256];
    double kilobytes = NAN;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0) kilobytes = atof(line + strlen(key));
    }
    if (file) fclose(file);
    return kilobytes;
}

static void reset_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5", file);
    fclose(file);
}

typedef struct {
    const char *estimator;
    int64_t iterations, checkpoints;
} estimate;

typedef struct {
    hpm_certificate certificate;
    double callback_seconds, operation_seconds, operation_bytes, memory;
} measurement;

/* The shortest time before each callback, of all repeats of an estimate. */
static double shortest_before[MOST_EVENTS];

/* One estimate, after count_operations(). */
static measurement measure_once(hpm_problem *problem, hpm_options *options, const chain *self,
                                const float *w, const float *h, float *result) {
    const size_t callbacks_counted = event_count;
    measurement found = {.certificate = {.size = sizeof found.certificate}};
    counts before[MOST_EVENTS][2];
    memcpy(before, counted_before, sizeof before);
    event_count = 0;
    callback_seconds = 0;
    reset_peak();
    const double resident = memory("VmRSS:");
    check(hpm_problem_hypergradient(problem, options, w, h, result, &found.certificate));
    found.memory = (memory("VmHWM:") - resident) / 1024;
    found.callback_seconds = callback_seconds;
    if (event_count != callbacks_counted) {
        fprintf(stderr, "%zu callbacks where %zu were counted\n", event_count, callbacks_counted);
        exit(1);
    }
    for (size_t at = 1; at < event_count; at++) {
        size_t made = 0;
        double bytes = 0;
        for (int i = 0; i < 2; i++) {
            const size_t components = i == 0 ? self->parameters : self->penalties;
            made += before[at][i].create - before[at - 1][i].create;
            bytes += (arrays(&before[at][i]) - arrays(&before[at - 1][i])) *
                     (double)(components * sizeof(float));
        }
        if (made > 0) continue;
        found.operation_bytes += bytes;
        const double seconds = events[at].begin - events[at - 1].end;
        found.operation_seconds += seconds;
        if (seconds < shortest_before[at]) shortest_before[at] = seconds;
    }
    memcpy(counted_before, before, sizeof before);
    return found;
}

static void measure_estimate(const estimate *what, chain *self, const float *w, const float *h,
                             float *result, int repeats) {
    hpm_options *options = make_options(what->estimator, what->iterations, what->checkpoints);
    hpm_vectors *parameters = NULL, *hyperparameters = NULL;
    hpm_problem *problem = NULL;
    measurement best = {.certificate.seconds = INFINITY};
    double peak = 0;
    check(hpm_vectors_create_host(HPM_ELEMENT_FLOAT, self->parameters, &parameters));
    check(hpm_vectors_create_host(HPM_ELEMENT_FLOAT, self->penalties, &hyperparameters));
    check(hpm_problem_create(parameters, hyperparameters, &callbacks, self, &problem));
    count_operations(options);
    for (size_t at = 0; at < MOST_EVENTS; at++) shortest_before[at] = INFINITY;
    memcpy_times copies = {.bytes = self->parameters * sizeof(float), .count = event_count};
    for (int repeat = 0; repeat < repeats; repeat++) {
        const measurement found = measure_once(problem, options, self, w, h, result);
        time_memcpy(&copies);
        peak = fmax(peak, found.memory);
        if (found.certificate.seconds < best.certificate.seconds) best = found;
    }
    check(hpm_problem_destroy(problem));
    check(hpm_vectors_destroy(parameters));
    check(hpm_vectors_destroy(hyperparameters));
    check(hpm_options_destroy(options));

    const hpm_certificate *said = &best.certificate;
    const double vectors = ((double)said->parameter_vectors * (double)self->parameters +
                            (double)said->hyperparameter_vectors * (double)self->penalties) *
                           sizeof(float) / 1048576;
    const double base = memcpy_rate(&copies);
    const double library = said->seconds - best.callback_seconds;
    double operation_seconds = 0;
    for (size_t at = 0; at < MOST_EVENTS; at++) {
        if (isfinite(shortest_before[at])) operation_seconds += shortest_before[at];
    }
    const double bytes_per_second = best.operation_bytes / operation_seconds;
    printf("%s,%lld,%lld,%.3f,%.3f,%.3f,%.2f,%.3f,%.3f,%.2f,%.1f,%.1f,%.2f,%.0f,%.0f,%d,%llu,%.1e,"
           "%.2f,%llu,%llu,%llu,%llu,%llu,%llu\n",
           what->estimator, (long long)what->iterations, (long long)what->checkpoints,
           said->seconds, best.callback_seconds, library, library / said->seconds,
           library - best.operation_seconds, operation_seconds, best.operation_bytes * 1e-9,
           bytes_per_second * 1e-9, base * 1e-9, bytes_per_second / base, peak, vectors,
           (int)said->status, (unsigned long long)said->iterations, said->relative_residual,
           said->smallest_curvature, (unsigned long long)said->hessian_products,
           (unsigned long long)said->cross_products, (unsigned long long)said->steps,
           (unsigned long long)said->step_products, (unsigned long long)said->parameter_vectors,
           (unsigned long long)said->hyperparameter_vectors);
    fflush(stdout);
}

static double relative_difference(const float *a, const float *b, size_t n) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / size);
}

int main(int count, char **arguments) {
    const size_t penalties = count > 1 ? strtoul(arguments[1], NULL, 10) : 1000000;
    const int repeats = count > 2 ? atoi(arguments[2]) : 3;
    if (penalties < 2 || repeats < 1) {
        fprintf(stderr, "usage: scale [hyperparameters, 2 or more] [repeats]\n");
        return 2;
    }
    static const estimate estimates[] = {{"conjugate-gradient", 8, 0}, {"neumann", 20, 0},
                                         {"reverse", 20, 0}, {"reverse", 20, 6},
                                         {"reverse", 20, 2}};
    enum { CONJUGATE_GRADIENT, NEUMANN, ALL_STATES, ESTIMATES = 5 };
    chain self = make_chain(penalties);
    float *h = make_penalties(&self), *w = make_minimum(&self, h), *results[ESTIMATES];
    puts("\nestimator,iterations_asked,checkpoints,seconds,callback_seconds,library_seconds,"
         "library_share,making_seconds,operation_seconds,operation_gb,gb_per_second,"
         "memcpy_gb_per_second,ratio,peak_mib,vectors_mib,status,iterations,relative_residual,"
         "smallest_curvature,hessian_products,cross_products,steps,step_products,"
         "parameter_vectors,hyperparameter_vectors");
    for (size_t i = 0; i < ESTIMATES; i++) {
        results[i] = allocated(penalties, sizeof(float));
        measure_estimate(&estimates[i], &self, w, h, results[i], repeats);
    }

    const double exact = relative_difference(results[NEUMANN], results[CONJUGATE_GRADIENT],
                                             penalties);
    const double unrolled = relative_difference(results[ALL_STATES], results[NEUMANN], penalties);
    int same = 1;
    for (size_t i = ALL_STATES; i < ESTIMATES; i++) {
        same = same && memcmp(results[i], results[ALL_STATES], penalties * sizeof(float)) == 0;
    }
    const int good = exact < 1e-4 && unrolled < 1e-4 && same;
    printf("\n%s: neumann is within %.1e of conjugate-gradient, reverse within %.1e of neumann; "
           "with fewer checkpoints it gives %s\n", good ? "passed" : "FAILED", exact, unrolled,
           same ? "the same bits" : "OTHER BITS");
    for (size_t i = 0; i < ESTIMATES; i++) free(results[i]);
    free(w);
    free(h);
    free(self.linear);
    free(self.target);
    return good ? 0 : 1;
}
