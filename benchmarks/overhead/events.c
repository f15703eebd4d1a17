/*
 * What observers and logs cost: nanoseconds that they add to `report` + `next`, as CSV.
 *
 *     events [hyperparameters] [students] [reports]        15, 20 and 100,000 by default
 *
 * Each way runs the same reports, in turns with the others so that a machine that slows down slows all, and
 * the quickest of its runs counts. `added_nanoseconds` are those beyond a population that nobody observes; for each
 * event, or each input of a log. Times are those of the thread on a processor.
 */
#define _POSIX_C_SOURCE 200809L
#include "overhead.h"

#include <unistd.h>

enum { RUNS = 7, GRADIENTS = 4, LOSSES = 1021 };

typedef enum { NOBODY, OBSERVER_THAT_LEFT, STOPPED_ALONE, ALL, LOG, WAYS } way;
static const char *const way_names[WAYS] = {"nobody", "an observer that left", "STOPPED alone", "all events", "log"};

static int32_t see(void *context, const hpm_event *event) {
    size_t *count = context;
    *count += event->size > 0;
    return 0;
}

static int32_t write_nothing(void *context, const uint8_t *bytes, size_t size) {
    size_t *count = context;
    *count += bytes != NULL && size > 0;
    return 0;
}

/* The time of a run, and how many events or inputs somebody saw. */
static double run(way how, size_t n, size_t students, size_t reports, size_t *seen) {
    double *gradients = allocate(GRADIENTS * n, sizeof *gradients), *h = allocate(n, sizeof *h);
    double *losses = allocate(LOSSES + students, sizeof *losses);
    uint64_t state = 7;
    for (size_t i = 0; i < GRADIENTS * n; i++) gradients[i] = draw(&state);
    for (size_t i = 0; i < LOSSES + students; i++) losses[i] = draw(&state);

    hpm_population *population = create_population(n, students, "hpm");
    size_t observer = 0;
    *seen = 0;
    if (how == LOG) {
        check(hpm_population_log(population, write_nothing, seen));
    } else if (how != NOBODY) {
        const uint32_t kinds = how == STOPPED_ALONE ? HPM_EVENT_STOPPED : HPM_EVENT_ALL;
        check(hpm_population_observe(population, kinds, see, seen, &observer));
        if (how == OBSERVER_THAT_LEFT) check(hpm_population_unobserve(population, observer));
    }
    const double begin = seconds();
    for (size_t made = 0, round = 0; made < reports; round++) {
        for (size_t k = 0; k < students; k++) {
            hpm_action action;
            check(hpm_student_next(population, k, &action, NULL, h, n));
            if (action == HPM_ACTION_WAIT) continue;
            check(hpm_student_report(population, k, losses[round % LOSSES + k],
                                     gradients + (round + k) % GRADIENTS * n, n));
            made++;
        }
    }
    const double elapsed = seconds() - begin;
    check(hpm_population_destroy(population));
    free(gradients);
    free(h);
    free(losses);
    return elapsed;
}

int main(int count, char **arguments) {
    const long n = count > 1 ? atol(arguments[1]) : 15;
    const long students = count > 2 ? atol(arguments[2]) : 20;
    const long reports = count > 3 ? atol(arguments[3]) : 100000;
    if (n < 2 || students < 1 || reports < 1) {
        fprintf(stderr, "usage: events [hyperparameters] [students] [reports]\n");
        return 2;
    }
    double best[WAYS];
    size_t seen[WAYS];
    for (int attempt = 0; attempt < RUNS; attempt++) {
        for (way how = 0; how < WAYS; how++) {
            const double time = run(how, (size_t)n, (size_t)students, (size_t)reports, &seen[how]);
            if (attempt == 0 || time < best[how]) best[how] = time;
        }
    }
    char host[256] = "unknown";
    gethostname(host, sizeof host - 1);
    printf("host,listener,hyperparameters,students,reports,seen,pair_nanoseconds,added_nanoseconds\n");
    for (way how = 0; how < WAYS; how++) {
        const double added = (best[how] - best[NOBODY]) * 1e9;
        printf("%s,%s,%ld,%ld,%ld,%zu,%.1f,%.1f\n", host, way_names[how], n, students, reports, seen[how],
               best[how] * 1e9 / (double)reports, added / (double)(seen[how] > 0 ? seen[how] : (size_t)reports));
    }
    return 0;
}
