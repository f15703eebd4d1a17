/*
 * What one size of the overhead benchmark costs, as one CSV line for each way to call:
 *
 *     steps hyperparameters students [algorithm] [seconds]        hpm and 1 by default
 *
 *     calls,algorithm,hyperparameters,students,pairs,pair_nanoseconds,coordinate_nanoseconds,
 *     touched_bytes,memcpy_bytes_per_second,memcpy_share
 *
 * Time is measured over whole intervals, so that each holds its share of hyper-steps, exploits, clones and
 * evaluations, and only inside the library: losses and hypergradients are made beforehand. It is the time
 * of the thread on a processor, which is that of the clock on an idle machine. memcpy is measured in the same
 * process first, with as many bytes as a round of all students touches.
 */
#define _POSIX_C_SOURCE 200809L
#include "overhead.h"

#include <string.h>

/*
 * The bytes that a training round of `hpm` must read or write for each coordinate of each student, from
 * the algorithm's definition (docs/algorithms.md; Adam and the pooled direction) and the synchronous
 * schedule, whatever the storage:
 *
 *     report      hypergradient read 8, its point read 8 (the scale's derivative), its pull-back kept until
 *                 the round is complete 8, the reported point kept 8
 *     hyper-step  pull-back read 8; Adam's two moments and the two of the student's normalised slope
 *                 read and written 4 x 16; count of reports read and written 2 x 4;
 *                 latent point read and written 16; natural point written 8
 *     next        natural point read 8, the caller's array written 8
 *
 * and for each coordinate the two shared moments and their count, read and written. A clone, a mutation and
 * an evaluation touch more, and none of that is counted.
 */
enum {
    REPORT_BYTES = 8 + 8 + 8 + 8,
    STEP_BYTES = 8 + 4 * 16 + 2 * 4 + 16 + 8,
    NEXT_BYTES = 8 + 8,
    STUDENT_COORDINATE_BYTES = REPORT_BYTES + STEP_BYTES + NEXT_BYTES,
    SHARED_COORDINATE_BYTES = 2 * 16 + 2 * 4
};

enum { LOSSES = 1021, GRADIENTS = 4 };
static const size_t most_copied = (size_t)1 << 30;

static size_t touched_bytes(size_t n, size_t students) {
    return n * (students * STUDENT_COORDINATE_BYTES + SHARED_COORDINATE_BYTES);
}

/* Bytes read and written in a second by memcpy, the best of some tries, where both buffers together are as
 * large as what a round touches. */
static double memcpy_rate(size_t n, size_t students) {
    size_t size = touched_bytes(n, students) / 2;
    if (size > most_copied) size = most_copied;
    char *from = allocate(size, 1), *to = allocate(size, 1);
    const size_t copies = 1 + ((size_t)1 << 26) / size;
    double best = 0;
    memset(from, 1, size);
    memset(to, 2, size);
    for (int attempt = 0; attempt < 5; attempt++) {
        const double begin = seconds();
        for (size_t copy = 0; copy < copies; copy++) {
            from[copy % size] = (char)attempt;
            memcpy(to, from, size);
            /* So that no copy is left out. */
            __asm__ volatile("" : : "r"(to) : "memory");
        }
        const double rate = 2.0 * (double)size * (double)copies / (seconds() - begin);
        if (rate > best) best = rate;
    }
    free(from);
    free(to);
    return best;
}

typedef struct {
    size_t n, students;
    double *gradients; /* GRADIENTS x n, or students x n */
    double *h;         /* n, or students x n */
    double *losses;    /* LOSSES more than students */
    hpm_action *actions;
    size_t round;
} workload;

/* Reports of one round of the synchronous schedule, all of one kind; how many there were. */
static size_t round_of_pairs(hpm_population *population, workload *w) {
    size_t pairs = 0;
    w->round++;
    for (size_t k = 0; k < w->students; k++) {
        if (w->actions[k] != HPM_ACTION_WAIT) {
            check(hpm_student_report(population, k, w->losses[w->round % LOSSES + k],
                                     w->gradients + (w->round + k) % GRADIENTS * w->n, w->n));
            pairs++;
        }
        check(hpm_student_next(population, k, &w->actions[k], NULL, w->h, w->n));
    }
    /* The last report of a round gives those a task who had been told to wait. */
    for (size_t k = 0; k < w->students; k++) {
        if (w->actions[k] != HPM_ACTION_WAIT) continue;
        check(hpm_student_next(population, k, &w->actions[k], NULL, w->h, w->n));
    }
    return pairs;
}

static size_t round_of_arrays(hpm_population *population, workload *w) {
    size_t pairs = 0;
    w->round++;
    for (size_t k = 0; k < w->students; k++) pairs += w->actions[k] != HPM_ACTION_WAIT;
    check(hpm_population_report_all(population, w->losses + w->round % LOSSES, w->gradients,
                                    w->students, w->n));
    check(hpm_population_next_all(population, w->actions, NULL, w->h, w->students, w->n));
    return pairs;
}

static double training_rounds(hpm_population *population) {
    double rounds = 0;
    check(hpm_population_count(population, "training_rounds", &rounds));
    return rounds;
}

static void measure(size_t n, size_t students, const char *algorithm, int is_array, double limit,
                    double rate) {
    const size_t rows = is_array ? students : GRADIENTS;
    workload w = {n, students, NULL, NULL, NULL, NULL, 0};
    uint64_t state = 7;
    w.gradients = allocate(rows * n, sizeof *w.gradients);
    w.h = allocate((is_array ? students : 1) * n, sizeof *w.h);
    w.losses = allocate(LOSSES + students, sizeof *w.losses);
    w.actions = allocate(students, sizeof *w.actions);
    for (size_t i = 0; i < rows * n; i++) w.gradients[i] = draw(&state);
    for (size_t i = 0; i < LOSSES + students; i++) w.losses[i] = draw(&state);

    hpm_population *population = create_population(n, students, algorithm);
    size_t (*round)(hpm_population *, workload *) = is_array ? round_of_arrays : round_of_pairs;
    if (is_array) {
        check(hpm_population_next_all(population, w.actions, NULL, w.h, students, n));
    } else {
        for (size_t k = 0; k < students; k++) {
            check(hpm_student_next(population, k, &w.actions[k], NULL, w.h, n));
        }
    }
    /* One interval and, so that what its exploit asks for is done, the training round after it. */
    while (training_rounds(population) < INTERVAL + 1) round(population, &w);

    size_t pairs = 0;
    double end = INTERVAL + 1, elapsed = 0;
    const double begin = seconds();
    do {
        for (end += INTERVAL; training_rounds(population) < end;) pairs += round(population, &w);
        elapsed = seconds() - begin;
    } while (elapsed < limit);

    const double rounds = end - INTERVAL - 1;
    const double nanoseconds = elapsed * 1e9 / ((double)students * rounds);
    const double touched = (double)touched_bytes(n, students);
    printf("%s,%s,%zu,%zu,%zu,%.6g,%.6g,%.0f,%.6g,%.4g\n",
           is_array ? "report_all + next_all" : "report + next", algorithm, n, students, pairs,
           elapsed * 1e9 / (double)pairs, nanoseconds / (double)n, touched, rate,
           touched / rate / (elapsed / rounds));
    fflush(stdout);
    check(hpm_population_destroy(population));
    free(w.gradients);
    free(w.h);
    free(w.losses);
    free(w.actions);
}

int main(int count, char **arguments) {
    const long n = count > 1 ? atol(arguments[1]) : 0;
    const long students = count > 2 ? atol(arguments[2]) : 0;
    const char *algorithm = count > 3 ? arguments[3] : "hpm";
    const double limit = count > 4 ? atof(arguments[4]) : 1;
    if (n < 2 || students < 2) {
        fprintf(stderr, "usage: steps hyperparameters students [algorithm] [seconds]\n");
        return 2;
    }
    const double rate = memcpy_rate((size_t)n, (size_t)students);
    measure((size_t)n, (size_t)students, algorithm, 0, limit, rate);
    measure((size_t)n, (size_t)students, algorithm, 1, limit, rate);
    return 0;
}
