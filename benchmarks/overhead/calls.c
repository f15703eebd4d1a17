/*
 * What libhpm costs inside a training loop: microseconds for report and next, as CSV.
 *
 *     calls [hyperparameters] [students]        15 and 20 by default
 *
 * A call is timed alone. Most only store a report; the last of a round moves all students, and
 * every fifth round one in five becomes a clone: `mean` holds all of that.
 */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

#include "overhead.h"

enum { WARM_UP = 50, ROUNDS = 2000 };

static double microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static hpm_population *create_named_population(size_t n, size_t students) {
    hpm_space *space = NULL;
    hpm_options *options = NULL;
    hpm_population *population = NULL;
    check(hpm_space_create(&space));
    for (size_t j = 0; j < n; j++) {
        char name[32];
        snprintf(name, sizeof name, "x%zu", j);
        check(hpm_space_add_real(space, name, 1e-4, 1, j % 2 ? HPM_SCALE_LOG : HPM_SCALE_LINEAR,
                                 NAN));
    }
    check(hpm_options_create(&options));
    check(hpm_options_set_integer(options, "population", (int64_t)students));
    check(hpm_population_create(space, options, &population));
    check(hpm_options_destroy(options));
    check(hpm_space_destroy(space));
    return population;
}

/* A bowl with a little structure, so that ranks and directions change. */
static double train(const double *h, size_t n, double *gradient) {
    double loss = 0;
    for (size_t j = 0; j < n; j++) {
        const double distance = h[j] - 0.3;
        loss += distance * distance + 0.05 * sin(20 * h[j]);
        gradient[j] = 2 * distance + cos(20 * h[j]);
    }
    return loss;
}

static int ascending(const void *a, const void *b) {
    const double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static void print_row(const char *function, size_t n, size_t students, double *times,
                      size_t count) {
    char host[256] = "unknown";
    gethostname(host, sizeof host - 1);
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += times[i];
    qsort(times, count, sizeof *times, ascending);
    printf("%s,%s,%zu,%zu,%.3f,%.3f,%.3f\n", host, function, n, students, times[count / 2],
           times[count * 99 / 100], sum / (double)count);
}

/* One student after the other. */
static void time_students(size_t n, size_t students, double *times) {
    hpm_population *population = create_named_population(n, students);
    double *h = malloc(n * sizeof *h), *gradient = malloc(n * sizeof *gradient);
    size_t count = 0;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        for (size_t student = 0; student < students; student++) {
            hpm_action action;
            check(hpm_student_next(population, student, &action, NULL, h, n));
            if (action == HPM_ACTION_WAIT) continue;
            const double loss = train(h, n, gradient);
            const double begin = microseconds();
            check(hpm_student_report(population, student, loss, gradient, n));
            check(hpm_student_next(population, student, &action, NULL, h, n));
            const double end = microseconds();
            if (round >= WARM_UP) times[count++] = end - begin;
        }
    }
    print_row("hpm_student_report + hpm_student_next", n, students, times, count);
    free(h);
    free(gradient);
    check(hpm_population_destroy(population));
}

/* The whole population in one call. */
static void time_arrays(size_t n, size_t students, double *times) {
    hpm_population *population = create_named_population(n, students);
    double *h = malloc(students * n * sizeof *h), *losses = malloc(students * sizeof *losses);
    double *gradients = malloc(students * n * sizeof *gradients);
    hpm_action *actions = malloc(students * sizeof *actions);
    size_t count = 0;
    check(hpm_population_next_all(population, actions, NULL, h, students, n));
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        for (size_t k = 0; k < students; k++) losses[k] = train(h + k * n, n, gradients + k * n);
        const double begin = microseconds();
        check(hpm_population_report_all(population, losses, gradients, students, n));
        check(hpm_population_next_all(population, actions, NULL, h, students, n));
        const double end = microseconds();
        if (round >= WARM_UP) times[count++] = end - begin;
    }
    print_row("hpm_population_report_all + hpm_population_next_all", n, students, times, count);
    free(h);
    free(losses);
    free(gradients);
    free(actions);
    check(hpm_population_destroy(population));
}

int main(int count, char **arguments) {
    const long n = count > 1 ? atol(arguments[1]) : 15;
    const long students = count > 2 ? atol(arguments[2]) : 20;
    if (n < 1 || students < 1) {
        fprintf(stderr, "usage: calls [hyperparameters] [students]\n");
        return 2;
    }
    double *times = malloc((size_t)students * ROUNDS * sizeof *times);
    printf("host,function,hyperparameters,students,median_microseconds,p99_microseconds,"
           "mean_microseconds\n");
    time_students((size_t)n, (size_t)students, times);
    time_arrays((size_t)n, (size_t)students, times);
    free(times);
    return 0;
}
