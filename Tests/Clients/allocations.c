/*
 * The steady state allocates nothing: a report and the next answer, between exploits, once a population is
 * warm. Every allocation of the process is counted, the library's and its runtime's among them, since the
 * functions that the C library defines are replaced here.
 */
#include "client.h"

#include <errno.h>
#include <stdatomic.h>

#ifdef __GLIBC__

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_size_t allocations;

void *malloc(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    atomic_fetch_add(&allocations, 1);
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL) return ENOMEM;
    *out = memory;
    return 0;
}

enum { HYPERPARAMETERS = 15, STUDENTS = 20, WARM_UP = 30, ROUNDS = 100 };

/* Reals on all three scales, integers, a choice and a block: 15 hyperparameters. */
static hpm_space *make_mixed_space(void) {
    static const char *const labels[] = {"sgd", "adam", "lion"};
    hpm_space *space = NULL;
    must(hpm_space_create(&space));
    must(hpm_space_add_real(space, "rate", 1e-5, 1, HPM_SCALE_LOG, 1e-2));
    must(hpm_space_add_real(space, "decay", 1e-6, 0.1, HPM_SCALE_LOG, NAN));
    must(hpm_space_add_real(space, "momentum", 0.1, 0.999, HPM_SCALE_LOGIT, 0.9));
    must(hpm_space_add_real(space, "dropout", 0.01, 0.9, HPM_SCALE_LOGIT, NAN));
    must(hpm_space_add_real(space, "smoothing", 0, 0.3, HPM_SCALE_LINEAR, NAN));
    must(hpm_space_add_integer(space, "width", 8, 4096, HPM_SCALE_LOG, 64));
    must(hpm_space_add_integer(space, "depth", 1, 9, HPM_SCALE_LINEAR, 2));
    must(hpm_space_add_choice(space, "optimizer", labels, 3, -1));
    must(hpm_space_add_block(space, "weights", 4, 0, 1, HPM_SCALE_LINEAR, NAN));
    must(hpm_space_add_block(space, "penalties", 3, 1e-4, 10, HPM_SCALE_LOG, NAN));
    return space;
}

static hpm_population *make_mixed_population(const char *algorithm, const char *schedule) {
    hpm_space *space = make_mixed_space();
    hpm_options *options = NULL;
    hpm_population *population = NULL;
    size_t dimension = 0;
    must(hpm_space_dimension(space, &dimension));
    expect(dimension == HYPERPARAMETERS, "the space has %zu hyperparameters", dimension);
    must(hpm_options_create(&options));
    set(options, "algorithm", algorithm);
    set(options, "schedule", schedule);
    must(hpm_options_set_integer(options, "population", STUDENTS));
    must(hpm_options_set_integer(options, "seed", 7));
    /* Exploits come no sooner than all that is counted has been. */
    must(hpm_options_set_integer(options, "interval", 10 * (WARM_UP + ROUNDS)));
    must(hpm_population_create(space, options, &population));
    must(hpm_options_destroy(options));
    must(hpm_space_destroy(space));
    return population;
}

/* A bowl; integers and choices have no derivative. */
static double train(const double *h, size_t student, double *hypergradient) {
    double loss = 0;
    for (size_t j = 0; j < HYPERPARAMETERS; j++) {
        const double distance = h[j] - 0.3 - 0.05 * sin((double)(student * HYPERPARAMETERS + j));
        const int is_discrete = j >= 5 && j <= 7;
        if (!is_discrete) loss += distance * distance;
        hypergradient[j] = is_discrete ? NAN : 2 * distance;
    }
    return loss;
}

/* A round of all students, one after the other; how many pairs there were. */
static size_t round_of_pairs(hpm_population *population) {
    size_t pairs = 0;
    for (size_t student = 0; student < STUDENTS; student++) {
        double h[HYPERPARAMETERS], hypergradient[HYPERPARAMETERS];
        hpm_action action = HPM_ACTION_STOP;
        must(hpm_student_next(population, student, &action, NULL, h, HYPERPARAMETERS));
        if (action != HPM_ACTION_TRAIN) continue;
        const double loss = train(h, student, hypergradient);
        must(hpm_student_report(population, student, loss, hypergradient, HYPERPARAMETERS));
        pairs++;
    }
    return pairs;
}

static void round_of_arrays(hpm_population *population) {
    static hpm_action actions[STUDENTS];
    static double h[STUDENTS][HYPERPARAMETERS], hypergradients[STUDENTS][HYPERPARAMETERS];
    double losses[STUDENTS];
    must(hpm_population_next_all(population, actions, NULL, h[0], STUDENTS, HYPERPARAMETERS));
    for (size_t k = 0; k < STUDENTS; k++) losses[k] = train(h[k], k, hypergradients[k]);
    must(hpm_population_report_all(population, losses, hypergradients[0], STUDENTS,
                                   HYPERPARAMETERS));
}

/* If the counter did not count, everything would pass. */
static void test_counter(void) {
    const size_t before = atomic_load(&allocations);
    hpm_space *space = make_mixed_space();
    expect(atomic_load(&allocations) > before, "the library's allocations are not counted");
    must(hpm_space_destroy(space));
}

static void test_steady_state(const char *algorithm, const char *schedule) {
    hpm_population *population = make_mixed_population(algorithm, schedule);
    for (int round = 0; round < WARM_UP; round++) round_of_pairs(population);

    size_t before = atomic_load(&allocations), pairs = 0;
    for (int round = 0; round < ROUNDS; round++) pairs += round_of_pairs(population);
    size_t made = atomic_load(&allocations) - before;
    expect(pairs == (size_t)ROUNDS * STUDENTS, "%s, %s: %zu pairs", algorithm, schedule, pairs);
    expect(made == 0, "%s, %s, next and report: %zu allocations in %zu pairs", algorithm, schedule,
           made, pairs);

    round_of_arrays(population);
    before = atomic_load(&allocations);
    for (int round = 0; round < ROUNDS; round++) round_of_arrays(population);
    made = atomic_load(&allocations) - before;
    expect(made == 0, "%s, %s, next_all and report_all: %zu allocations in %d rounds", algorithm,
           schedule, made, ROUNDS);
    must(hpm_population_destroy(population));
}

int main(void) {
    test_counter();
    const char *algorithm;
    for (size_t i = 0; (algorithm = hpm_algorithm_name(i)); i++) {
        /* Whose local search makes a step of its own, with a history, from each report. */
        if (strcmp(algorithm, "memetic") == 0) continue;
        test_steady_state(algorithm, "synchronous");
        test_steady_state(algorithm, "asynchronous");
    }
    return finish();
}

#else

int main(void) {
    printf("skipped: only glibc lets a program replace its allocator\n");
    return finish();
}

#endif
