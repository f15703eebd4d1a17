/* A search space with one parameter of each kind, a loss on it, and a client that trains. */
#ifndef CLIENT_H
#define CLIENT_H

#include <hpm.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

/* rate, noise, width, depth, weights[4] */
enum { REALS = 3, INTEGER = 3, DIMENSION = 8, MOST_STUDENTS = 8, MOST_TASKS = 400 };

/* Calls that set a test up. */
static inline void must(hpm_status status) {
    if (status >= 0) return;
    expect(0, "a call to set things up: %s: %s", hpm_status_name(status), hpm_last_error());
    exit(finish());
}

static inline void expect_status(hpm_status got, hpm_status wanted, const char *what) {
    expect(got == wanted, "%s: %s, not %s: %s", what, hpm_status_name(got),
           hpm_status_name(wanted), got < 0 ? hpm_last_error() : "");
}

static inline hpm_space *make_space(void) {
    hpm_space *space = NULL;
    must(hpm_space_create(&space));
    must(hpm_space_add_real(space, "rate", 1e-4, 1, HPM_SCALE_LOG, 0.1));
    must(hpm_space_add_real(space, "noise", -1, 3, HPM_SCALE_LINEAR, 0.5));
    must(hpm_space_add_real(space, "width", 0.01, 0.99, HPM_SCALE_LOGIT, NAN));
    must(hpm_space_add_integer(space, "depth", 1, 9, HPM_SCALE_LINEAR, 2));
    must(hpm_space_add_block(space, "weights", 4, 0, 1, HPM_SCALE_LINEAR, NAN));
    return space;
}

static inline void set(hpm_options *options, const char *key, const char *value) {
    must(hpm_options_set_string(options, key, value));
}

/* `more`: keys and values in turn, NULL at the end; may be NULL. */
static inline hpm_population *make_population(const char *algorithm, const char *students,
                                              const char *steps, const char *const *more) {
    hpm_space *space = make_space();
    hpm_options *options = NULL;
    hpm_population *population = NULL;
    /* Which takes no integers that move. */
    if (strcmp(algorithm, "memetic") == 0) {
        must(hpm_space_set_update(space, "depth", HPM_UPDATE_FIXED));
    }
    must(hpm_options_create(&options));
    set(options, "algorithm", algorithm);
    set(options, "population", students);
    set(options, "steps", steps);
    set(options, "interval", "3");
    set(options, "seed", "7");
    for (; more && *more; more += 2) set(options, more[0], more[1]);
    must(hpm_population_create(space, options, &population));
    must(hpm_options_destroy(options));
    must(hpm_space_destroy(space));
    return population;
}

/* All that a population holds, as bytes. */
typedef struct {
    uint8_t *data;
    size_t size;
} bytes;

static inline bytes saved(hpm_population *population) {
    bytes snapshot = {NULL, 0};
    must(hpm_population_save(population, NULL, 0, &snapshot.size));
    snapshot.data = malloc(snapshot.size);
    must(hpm_population_save(population, snapshot.data, snapshot.size, &snapshot.size));
    return snapshot;
}

static inline void append(bytes *to, const uint8_t *data, size_t size) {
    to->data = realloc(to->data, to->size + size);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static inline int same_bytes(bytes a, bytes b) {
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Whether the population stands where `before` was saved. */
static inline int stands_at(hpm_population *population, bytes before) {
    bytes after = saved(population);
    const int equal = same_bytes(before, after);
    free(after.data);
    return equal;
}

/* As stands_at(); frees `before`. */
static inline int unchanged(hpm_population *population, bytes before) {
    const int equal = stands_at(population, before);
    free(before.data);
    return equal;
}

/* CRC-64/XZ, the checksum of snapshots and of the inputs of a log. */
static inline uint64_t crc64(const uint8_t *data, size_t size) {
    uint64_t value = ~(uint64_t)0;
    for (size_t i = 0; i < size; i++) {
        value ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            value = value & 1 ? value >> 1 ^ UINT64_C(0xC96C5795D7870F42) : value >> 1;
        }
    }
    return ~value;
}

/* A bowl that stands elsewhere for each student, so that ranks change. */
static inline double bowl(const double h[DIMENSION], size_t student, double gradient[DIMENSION]) {
    double loss = 0;
    for (size_t j = 0; j < DIMENSION; j++) {
        const double distance = h[j] - 0.3 - 0.05 * sin((double)(student * DIMENSION + j));
        loss += distance * distance;
        gradient[j] = j == INTEGER ? NAN : 2 * distance;
    }
    return loss;
}

/* Everything that a student was told. */
typedef struct {
    struct {
        hpm_action action;
        size_t source;
        double h[DIMENSION];
    } tasks[MOST_TASKS];
    size_t count;
} trail;

/* One task of a student, if it has one: 1, or 0 with WAIT, -1 with STOP. */
static inline int serve(hpm_population *population, size_t student, trail *trail) {
    hpm_action action = HPM_ACTION_STOP;
    size_t source = 0;
    double h[DIMENSION], gradient[DIMENSION];
    must(hpm_student_next(population, student, &action, &source, h, DIMENSION));
    if (action == HPM_ACTION_WAIT) return 0;
    if (action == HPM_ACTION_STOP) return -1;
    if (trail->count < MOST_TASKS) {
        trail->tasks[trail->count].action = action;
        trail->tasks[trail->count].source = source;
        memcpy(trail->tasks[trail->count].h, h, sizeof h);
        trail->count++;
    }
    const double loss = bowl(h, student, gradient);
    must(hpm_student_report(population, student, loss, gradient, DIMENSION));
    return 1;
}

/* All students to the end, in the order first, first + 1, ... of a ring. */
static inline void drive(hpm_population *population, size_t students, size_t first,
                         trail trails[]) {
    for (size_t done = 0; done < students;) {
        done = 0;
        for (size_t k = 0; k < students; k++) {
            const size_t student = (k + first) % students;
            if (serve(population, student, &trails[student]) < 0) done++;
        }
    }
}

static inline int same_trails(const trail a[], const trail b[], size_t students) {
    for (size_t k = 0; k < students; k++) {
        if (a[k].count != b[k].count) return 0;
        for (size_t i = 0; i < a[k].count; i++) {
            if (a[k].tasks[i].action != b[k].tasks[i].action ||
                a[k].tasks[i].source != b[k].tasks[i].source ||
                memcmp(a[k].tasks[i].h, b[k].tasks[i].h, sizeof a[k].tasks[i].h) != 0) {
                return 0;
            }
        }
    }
    return 1;
}

/* The same values, students, ancestors and counts, bit for bit; times are not compared. */
static inline int same_results(hpm_population *a, hpm_population *b, size_t students,
                               size_t reports) {
    static const char *const counters[] = {
        "training_reports", "teacher_reports", "clone_reports", "restart_reports",
        "hypergradient_reports", "training_cost", "hypergradient_cost", "teacher_cost",
        "teacher_share", "hypergradient_share", "nonfinite_losses", "nonfinite_hypergradients",
        "clones"};
    double h[2][DIMENSION], loss[2];
    size_t best[2];
    must(hpm_population_best(a, &best[0], &loss[0]));
    must(hpm_population_best(b, &best[1], &loss[1]));
    if (best[0] != best[1] || loss[0] != loss[1]) return 0;
    must(hpm_population_best_hyperparameters(a, h[0], DIMENSION, &loss[0]));
    must(hpm_population_best_hyperparameters(b, h[1], DIMENSION, &loss[1]));
    if (memcmp(h[0], h[1], sizeof h[0]) != 0 || loss[0] != loss[1]) return 0;
    for (size_t k = 0; k < students; k++) {
        must(hpm_student_hyperparameters(a, k, h[0], DIMENSION));
        must(hpm_student_hyperparameters(b, k, h[1], DIMENSION));
        if (memcmp(h[0], h[1], sizeof h[0]) != 0) return 0;
        size_t ages[2];
        must(hpm_student_age(a, k, &ages[0]));
        must(hpm_student_age(b, k, &ages[1]));
        if (ages[0] != ages[1] || ages[0] > reports) return 0;
        for (size_t report = 1; report <= ages[0]; report++) {
            must(hpm_student_ancestor(a, k, report, &best[0]));
            must(hpm_student_ancestor(b, k, report, &best[1]));
            if (best[0] != best[1]) return 0;
        }
    }
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        must(hpm_population_count(a, counters[i], &loss[0]));
        must(hpm_population_count(b, counters[i], &loss[1]));
        if (loss[0] != loss[1]) return 0;
    }
    return 1;
}

#endif
