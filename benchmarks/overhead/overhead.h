/* What the programs here share. */
#ifndef OVERHEAD_H
#define OVERHEAD_H

#include <hpm.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void check(hpm_status status) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", hpm_status_name(status), hpm_last_error());
    exit(1);
}

static inline void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "no memory for %zu x %zu bytes\n", count, size);
        exit(1);
    }
    return memory;
}

/* Of this thread on a processor. */
static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* splitmix64, in (-1, 1). */
static inline double draw(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
}

/* Reports between exploits. */
enum { INTERVAL = 5 };

/* Blocks, which have no names of their own, half of them logarithmic. */
static inline hpm_population *create_population(size_t n, size_t students, const char *algorithm) {
    hpm_space *space = NULL;
    hpm_options *options = NULL;
    hpm_population *population = NULL;
    check(hpm_space_create(&space));
    check(hpm_space_add_block(space, "linear", n - n / 2, 1e-4, 1, HPM_SCALE_LINEAR, NAN));
    check(hpm_space_add_block(space, "logarithmic", n / 2, 1e-4, 1, HPM_SCALE_LOG, NAN));
    check(hpm_options_create(&options));
    check(hpm_options_set_string(options, "algorithm", algorithm));
    check(hpm_options_set_integer(options, "population", (int64_t)students));
    check(hpm_options_set_integer(options, "interval", INTERVAL));
    check(hpm_population_create(space, options, &population));
    check(hpm_options_destroy(options));
    check(hpm_space_destroy(space));
    return population;
}

#endif
