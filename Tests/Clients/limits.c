/* Sizes that no machine holds, options at their ends, and numbers without sense: errors or
 * values inside the bounds, never a crash. */
#include <float.h>

#include "client.h"

static const size_t huge[] = {(size_t)1 << 40, (size_t)1 << 59, (size_t)1 << 60, (size_t)1 << 61,
                              (size_t)1 << 62, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX};
enum { HUGE_SIZES = sizeof huge / sizeof *huge };

static void expect_refusal(hpm_status got, const char *what, size_t size) {
    expect(got == HPM_ERROR_MEMORY || got == HPM_ERROR_ARGUMENT, "%s of %zu: %s", what, size,
           hpm_status_name(got));
}

/* The space takes a block of any size that can be counted; the population has to fit. */
static void test_huge_sizes(void) {
    for (size_t i = 0; i < HUGE_SIZES; i++) {
        hpm_space *space = NULL, *small = make_space();
        hpm_options *options = NULL;
        hpm_population *population = NULL;
        hpm_teacher *teacher = NULL;

        must(hpm_space_create(&space));
        hpm_status status =
            hpm_space_add_block(space, "block", huge[i], 0, 1, HPM_SCALE_LINEAR, NAN);
        if (status == HPM_OK) status = hpm_population_create(space, NULL, &population);
        expect_refusal(status, "a block", huge[i]);
        must(hpm_space_destroy(space));

        expect_refusal(hpm_teacher_create(huge[i], NULL, &teacher), "a teacher", huge[i]);

        must(hpm_options_create(&options));
        if (huge[i] <= INT64_MAX) {
            status = hpm_options_set_integer(options, "population", (int64_t)huge[i]);
            if (status == HPM_OK) status = hpm_population_create(small, options, &population);
            expect_refusal(status, "a population", huge[i]);
            must(hpm_options_set_integer(options, "population", 4));
            must(hpm_options_set_string(options, "teacher", "attention"));
            status = hpm_options_set_integer(options, "teacher_units", (int64_t)huge[i]);
            if (status == HPM_OK) status = hpm_population_create(small, options, &population);
            expect_refusal(status, "a population with teacher_units", huge[i]);
            status = hpm_teacher_create(1, options, &teacher);
            expect_refusal(status, "a teacher with units", huge[i]);
        }
        must(hpm_options_destroy(options));
        must(hpm_space_destroy(small));
        expect(!population && !teacher, "a handle from a call that failed");
    }

    /* Each of them fits, the product does not. */
    hpm_space *space = NULL;
    hpm_options *options = NULL;
    hpm_population *population = NULL;
    must(hpm_space_create(&space));
    must(hpm_space_add_block(space, "block", (size_t)1 << 31, 0, 1, HPM_SCALE_LINEAR, NAN));
    must(hpm_options_create(&options));
    must(hpm_options_set_integer(options, "population", (int64_t)1 << 33));
    expect_refusal(hpm_population_create(space, options, &population), "a product", 0);
    must(hpm_options_destroy(options));
    must(hpm_space_destroy(space));

    /* Blocks whose counts overflow together: the last is refused, the others stay. */
    must(hpm_space_create(&space));
    size_t blocks = 0, dimension;
    hpm_status status;
    do {
        char name[16];
        snprintf(name, sizeof name, "block %zu", blocks);
        status = hpm_space_add_block(space, name, SIZE_MAX / 64, 0, 1, HPM_SCALE_LINEAR, NAN);
    } while (status == HPM_OK && ++blocks < 100);
    expect_refusal(status, "one block more", SIZE_MAX / 64);
    must(hpm_space_dimension(space, &dimension));
    expect(dimension == blocks * (SIZE_MAX / 64), "%zu blocks, dimension %zu", blocks, dimension);
    must(hpm_space_destroy(space));
}

/* Lengths that are at least what is needed: taken or refused, and nothing behind the dimension is
 * written. */
static void test_long_arrays(void) {
    enum { STUDENTS = 4, LONG = DIMENSION + 3 };
    hpm_population *population = make_population("hpm", "4", "3", NULL);
    hpm_action actions[STUDENTS];
    size_t sources[STUDENTS];
    double h[STUDENTS * LONG], loss;
    int touched = 0;
    for (size_t i = 0; i < STUDENTS * LONG; i++) h[i] = -12345;
    must(hpm_population_next_all(population, actions, sources, h, STUDENTS, LONG));
    for (size_t k = 0; k < STUDENTS; k++) {
        double row[DIMENSION];
        must(hpm_student_hyperparameters(population, k, row, DIMENSION));
        expect(memcmp(row, h + k * LONG, sizeof row) == 0, "row %zu is another student's", k);
        for (size_t j = DIMENSION; j < LONG; j++) touched = touched || h[k * LONG + j] != -12345;
    }
    expect(!touched, "next_all wrote between the rows");

    for (size_t i = 0; i < HUGE_SIZES; i++) {
        for (size_t j = 0; j < LONG; j++) h[j] = -12345;
        hpm_status got[4];
        got[0] = hpm_student_next(population, 1, actions, NULL, h, huge[i]);
        got[1] = hpm_student_hyperparameters(population, 1, h, huge[i]);
        must(hpm_student_next(population, 0, actions, NULL, h, LONG));
        got[2] = hpm_student_report(population, 0, 1, h, huge[i]);
        got[3] = hpm_population_best_hyperparameters(population, h, huge[i], &loss);
        for (size_t j = 0; j < 4; j++) {
            expect(got[j] == HPM_OK || got[j] == HPM_ERROR_ARGUMENT ||
                       (j == 3 && got[j] == HPM_ERROR_NO_RESULT),
                   "n of %zu, call %zu: %s", huge[i], j, hpm_status_name(got[j]));
        }
        expect(got[2] == HPM_ERROR_ARGUMENT, "a report of %zu components was taken", huge[i]);
        touched = 0;
        for (size_t j = DIMENSION; j < LONG; j++) touched = touched || h[j] != -12345;
        expect(!touched, "n of %zu: something was written behind the dimension", huge[i]);
    }
    must(hpm_population_destroy(population));
}

static double bounds[DIMENSION][2] = {{1e-4, 1}, {-1, 3}, {0.01, 0.99}, {1, 9},
                                      {0, 1},    {0, 1},  {0, 1},       {0, 1}};

static int is_inside(const double h[DIMENSION]) {
    for (size_t j = 0; j < DIMENSION; j++) {
        if (!(h[j] >= bounds[j][0] && h[j] <= bounds[j][1])) return 0;
    }
    return h[INTEGER] == floor(h[INTEGER]);
}

/* `memetic` refuses a finite loss without a derivative. */
static int may_be_refused(const char *algorithm, double loss, const double *gradient) {
    if (strcmp(algorithm, "memetic") != 0 || !isfinite(loss)) return 0;
    if (!gradient) return 1;
    for (size_t j = 0; j < DIMENSION; j++) {
        if (j != INTEGER && isnan(gradient[j])) return 1;
    }
    return 0;
}

static const char *const schedules[] = {"synchronous", "asynchronous"};
enum { SCHEDULES = 2 };

/* Reports that are arbitrary: `random` steps through a list of numbers without sense. */
static void drive_wildly(hpm_population *population, const char *algorithm, size_t students,
                         int turns, unsigned random, const char *what) {
    static const double numbers[] = {0,       -0.0,     1,       -1,     NAN,    INFINITY,
                                     DBL_MAX, -DBL_MAX, DBL_MIN, 1e-320, 1e300,  -INFINITY,
                                     -1e300,  1e-300,   1e18,    0.5,    -2,     3};
    const unsigned count = sizeof numbers / sizeof *numbers;
    int inside = 1, accepted = 1, waits = 0;
    char schedule[16];
    size_t needed;
    must(hpm_population_option(population, "schedule", schedule, sizeof schedule, &needed));
    for (int turn = 0; turn < turns; turn++) {
        for (size_t k = 0; k < students; k++) {
            hpm_action action;
            size_t source;
            double h[DIMENSION], gradient[DIMENSION];
            must(hpm_student_next(population, k, &action, &source, h, DIMENSION));
            inside = inside && is_inside(h) && source < students;
            waits += action == HPM_ACTION_WAIT;
            if (action == HPM_ACTION_WAIT || action == HPM_ACTION_STOP) continue;
            for (size_t j = 0; j < DIMENSION; j++) {
                random = random * 1103515245u + 12345u;
                gradient[j] = numbers[(random >> 16) % count];
            }
            random = random * 1103515245u + 12345u;
            const double loss = numbers[(random >> 16) % count];
            random = random * 1103515245u + 12345u;
            const double cost = (random >> 16) % 3 ? 1 : 1e100;
            must(hpm_student_report_cost(population, k, cost, cost));
            const double *some = (random >> 20) % 4 != 0 ? gradient : NULL;
            hpm_status got =
                hpm_student_report(population, k, loss, some, some ? DIMENSION : 0);
            if (got == HPM_ERROR_ARGUMENT && may_be_refused(algorithm, loss, some)) {
                got = hpm_student_report(population, k, NAN, NULL, 0);
            }
            accepted = accepted && got == HPM_OK;
        }
    }
    expect(inside, "%s: a value outside its bounds", what);
    expect(waits == 0 || strcmp(schedule, "synchronous") == 0, "%s: %d students wait", what, waits);
    expect(accepted, "%s: a report was refused: %s", what, hpm_last_error());
}

static void test_wild_reports(void) {
    const char *algorithm;
    for (size_t i = 0; (algorithm = hpm_algorithm_name(i)); i++) {
        for (unsigned seed = 1; seed <= 2 * 5; seed++) {
            char what[64];
            const char *const schedule = schedules[seed % SCHEDULES];
            const char *const more[] = {"trial", "4", "interval", "2", "teacher_share", "0.5",
                                        "schedule", schedule, NULL};
            hpm_population *population = make_population(algorithm, "6", "0", more);
            snprintf(what, sizeof what, "%s, %s, seed %u", algorithm, schedule, seed);
            drive_wildly(population, algorithm, 6, 100, seed, what);
            must(hpm_population_destroy(population));
        }
    }
}

static int is_taken(const char *key, const char *value) {
    hpm_options *options = NULL;
    must(hpm_options_create(&options));
    const hpm_status status = hpm_options_set_string(options, key, value);
    expect(status == HPM_OK || status == HPM_ERROR_ARGUMENT, "%s = %s: %s", key, value,
           hpm_status_name(status));
    must(hpm_options_destroy(options));
    return status == HPM_OK;
}

/* Every numeric option at both ends, for every algorithm: an error, or a run inside the bounds. */
static void test_options_at_their_ends(void) {
    static const struct {
        const char *key;
        const char *values[6];
    } options[] = {
        {"population", {"1", "2", "3", "17"}},
        {"seed", {"0", "1", "9223372036854775807"}},
        {"steps", {"0", "1", "9223372036854775807"}},
        {"interval", {"1", "7", "9223372036854775807"}},
        {"burn_in", {"0", "3", "9223372036854775807"}},
        {"truncation", {"0", "1e-300", "0.5"}},
        {"trial", {"0", "1", "9223372036854775807"}},
        {"hyper_learning_rate", {"0", "1e-300", "1", "1e300", "1.7976931348623157e308"}},
        {"hyper_optimizer", {"sgd", "adam"}},
        {"teacher", {"none", "attention", "perceptron", "linear"}},
        {"teacher_squashing", {"tanh", "logistic", "clipped", "none"}},
        {"teacher_activation", {"softmax", "sigmoid", "tanh", "relu", "none"}},
        {"sub_populations", {"-1", "1", "2"}},
        {"frequency_ratio", {"1", "3", "9223372036854775807"}},
        {"teacher_units", {"1", "100"}},
        {"teacher_learning_rate", {"0", "1e-300", "1e300", "1.7976931348623157e308"}},
        {"teacher_evaluations", {"-1", "0", "1", "9223372036854775807"}},
        {"mutation_scale", {"0", "1e-300", "1"}},
        {"teacher_share", {"0", "1e-300", "0.999999999", "1"}},
        {"direction", {"minimize", "maximize"}},
        {"schedule", {"synchronous", "asynchronous"}},
    };
    const char *algorithm;
    for (size_t a = 0; (algorithm = hpm_algorithm_name(a)); a++) {
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            for (size_t j = 0; j < 6 && options[i].values[j]; j++) {
                if (!is_taken(options[i].key, options[i].values[j])) continue;
                for (size_t s = 0; s < SCHEDULES; s++) {
                    char what[128];
                    snprintf(what, sizeof what, "%s, %s, %s = %s", algorithm, schedules[s],
                             options[i].key, options[i].values[j]);
                    const char *const more[] = {"interval", "2", "trial", "3", "schedule",
                                                schedules[s], options[i].key,
                                                options[i].values[j], NULL};
                    size_t size;
                    hpm_population *population = make_population(algorithm, "5", "0", more);
                    must(hpm_population_size(population, &size));
                    drive_wildly(population, algorithm, size, 30, 3, what);
                    must(hpm_population_destroy(population));
                }
            }
        }
    }
}

/* Bounds that are as wide or as narrow as they come. */
static void test_bounds_at_their_ends(void) {
    static const struct {
        double low, high;
        hpm_scale scale;
    } spans[] = {
        {-DBL_MAX / 4, DBL_MAX / 4, HPM_SCALE_LINEAR},
        {0, DBL_TRUE_MIN, HPM_SCALE_LINEAR},
        {1, 1 + DBL_EPSILON, HPM_SCALE_LINEAR},
        {DBL_MAX / 2, DBL_MAX, HPM_SCALE_LINEAR},
        {DBL_TRUE_MIN, DBL_MAX, HPM_SCALE_LOG},
        {1, 1 + DBL_EPSILON, HPM_SCALE_LOG},
        {DBL_MIN, 2 * DBL_MIN, HPM_SCALE_LOG},
        {DBL_TRUE_MIN, 1 - DBL_EPSILON, HPM_SCALE_LOGIT},
        {1 - 2 * DBL_EPSILON, 1 - DBL_EPSILON, HPM_SCALE_LOGIT},
        {1e-300, 2e-300, HPM_SCALE_LOGIT},
    };
    const char *algorithm;
    for (size_t a = 0; (algorithm = hpm_algorithm_name(a / SCHEDULES)); a++) {
        for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
            hpm_space *space = NULL;
            hpm_options *options = NULL;
            hpm_population *population = NULL;
            size_t students = 0;
            must(hpm_space_create(&space));
            must(hpm_options_create(&options));
            set(options, "algorithm", algorithm);
            set(options, "interval", "2");
            set(options, "schedule", schedules[a % SCHEDULES]);
            hpm_status status = hpm_space_add_real(space, "x", spans[i].low, spans[i].high,
                                                   spans[i].scale, NAN);
            if (status == HPM_OK) status = hpm_population_create(space, options, &population);
            /* A span that can't be mapped may be refused, but not mapped wrong. Some algorithms
             * warn that they do not read `interval`. */
            expect(status == HPM_OK || status == HPM_WARNING || status == HPM_ERROR_ARGUMENT,
                   "span %zu: %s", i, hpm_status_name(status));
            if (population) must(hpm_population_size(population, &students));
            int inside = 1;
            for (int turn = 0; turn < 40; turn++) {
                for (size_t k = 0; k < students; k++) {
                    hpm_action action;
                    double h;
                    must(hpm_student_next(population, k, &action, NULL, &h, 1));
                    inside = inside && h >= spans[i].low && h <= spans[i].high;
                    if (action == HPM_ACTION_WAIT) continue;
                    const double gradient = k % 2 ? 1 : -1e10;
                    must(hpm_student_report(population, k, (double)k, &gradient, 1));
                }
            }
            expect(inside, "%s, %s, span %zu: a value outside", algorithm, schedules[a % SCHEDULES],
                   i);
            hpm_population_destroy(population);
            must(hpm_options_destroy(options));
            must(hpm_space_destroy(space));
        }
    }
}

static void test_wild_teachers(void) {
    static const double numbers[] = {0, 1, -1, 1e300, -DBL_MAX, DBL_TRUE_MIN, 1e-160};
    static const double gradients[] = {0, 1, NAN, INFINITY, -INFINITY, DBL_MAX, -1e-320};
    hpm_teacher *teacher = NULL;
    must(hpm_teacher_create(3, NULL, &teacher));
    for (int turn = 0; turn < 500; turn++) {
        double parent[3], gradient[3], child[3] = {NAN, NAN, NAN};
        for (int j = 0; j < 3; j++) {
            parent[j] = numbers[(turn * 3 + j * (turn / 7 + 1)) % 7];
            gradient[j] = gradients[(turn * 5 + j * (turn / 7 + 2)) % 7];
        }
        const hpm_status mutated = hpm_teacher_mutate(teacher, parent, child, 3);
        const hpm_status learned = hpm_teacher_learn(teacher, parent, gradient, 3);
        expect(mutated == HPM_OK || mutated == HPM_ERROR_ARGUMENT, "mutate: %s",
               hpm_status_name(mutated));
        expect(learned >= 0 || learned == HPM_ERROR_ARGUMENT, "learn: %s",
               hpm_status_name(learned));
        for (int j = 0; mutated == HPM_OK && j < 3; j++) {
            expect(isfinite(child[j]), "turn %d: a child of %g is %g", turn, parent[j], child[j]);
        }
        /* In place. */
        if (mutated == HPM_OK && learned == HPM_UNCHANGED) {
            must(hpm_teacher_mutate(teacher, parent, parent, 3));
            expect(memcmp(parent, child, sizeof child) == 0, "turn %d: in place", turn);
        }
    }
    must(hpm_teacher_destroy(teacher));
}

/* All retire, in every order of tasks: nothing is left to do, nothing waits, and students that join
 * then have the run for themselves. */
static void test_nobody_is_left(const char *algorithm, const char *schedule, size_t served) {
    enum { STUDENTS = 5 };
    static trail trails[STUDENTS];
    const char *const more[] = {"schedule", schedule, "trial", "3", "truncation", "0.4", NULL};
    hpm_population *population = make_population(algorithm, "5", "12", more);
    hpm_action action;
    double h[DIMENSION], loss;
    size_t student, size;
    for (size_t k = 0; k < STUDENTS; k++) trails[k].count = 0;
    for (size_t turn = 0; turn < served; turn++) {
        serve(population, turn % STUDENTS, &trails[turn % STUDENTS]);
    }
    must(hpm_student_next(population, 1, &action, NULL, h, DIMENSION));
    for (size_t k = 0; k < STUDENTS; k++) {
        expect_status(hpm_student_retire(population, (k + served) % STUDENTS), HPM_OK, "retire");
    }
    for (size_t k = 0; k < STUDENTS; k++) {
        must(hpm_student_next(population, k, &action, NULL, h, DIMENSION));
        expect(action == HPM_ACTION_STOP && is_inside(h), "%s, %s: action %d of one that retired",
               algorithm, schedule, (int)action);
        expect_status(hpm_student_report(population, k, 1, NULL, 0), HPM_ERROR_ORDER, "no task");
        expect_status(hpm_student_retire(population, k), HPM_ERROR_ORDER, "retired before");
        expect_status(hpm_student_release(population, k), HPM_ERROR_ORDER, "no task to release");
    }
    expect_status(hpm_population_best(population, &student, &loss), HPM_ERROR_NO_RESULT,
                  "the best of nobody");
    bytes state = saved(population);
    hpm_population *loaded = NULL;
    expect_status(hpm_population_load(state.data, state.size, &loaded), HPM_OK, "load");
    expect(unchanged(loaded, state), "%s, %s: nobody is loaded as somebody", algorithm, schedule);
    must(hpm_population_destroy(loaded));

    /* Nobody is there to be copied, so clones are drawn, too. */
    uint32_t mask;
    must(hpm_population_actions(population, &mask));
    expect_status(hpm_population_grow(population, 1, HPM_ORIGIN_DRAWN), HPM_OK, "grow");
    expect_status(hpm_population_grow(population, 2, HPM_ORIGIN_CLONE),
                  mask >> HPM_ACTION_CLONE & 1 ? HPM_OK : HPM_ERROR_ARGUMENT, "grow by clones");
    must(hpm_population_size(population, &size));
    int turns = 0;
    for (size_t done = 0; done < size && turns < 1000; turns++) {
        done = 0;
        for (size_t k = 0; k < size; k++) {
            double gradient[DIMENSION];
            size_t source;
            must(hpm_student_next(population, k, &action, &source, h, DIMENSION));
            expect(is_inside(h), "%s, %s: a value outside", algorithm, schedule);
            done += action == HPM_ACTION_STOP;
            if (action == HPM_ACTION_STOP || action == HPM_ACTION_WAIT) continue;
            expect(k >= STUDENTS && source >= STUDENTS, "%s, %s: student %zu is given %zu",
                   algorithm, schedule, k, source);
            loss = bowl(h, k, gradient);
            must(hpm_student_report(population, k, loss, gradient, DIMENSION));
        }
    }
    expect(turns < 1000, "%s, %s: those who joined do not end", algorithm, schedule);
    for (size_t k = STUDENTS; k < size; k++) {
        size_t reports;
        must(hpm_student_reports(population, k, &reports));
        expect(reports >= 12, "%s, %s: student %zu ends after %zu reports", algorithm, schedule, k,
               reports);
    }
    expect_status(hpm_population_best(population, &student, &loss), HPM_OK, "the best");
    expect(student >= STUDENTS, "student %zu, retired, is the best", student);
    must(hpm_population_destroy(population));
}

static void test_members(void) {
    const char *algorithm;
    for (size_t i = 0; (algorithm = hpm_algorithm_name(i)); i++) {
        for (size_t served = 0; served < 60; served += 7) {
            for (size_t s = 0; s < SCHEDULES; s++) {
                test_nobody_is_left(algorithm, schedules[s], served);
            }
        }
    }

    hpm_population *endless = make_population("hpm", "4", "0", NULL);
    const size_t ends[] = {1, 12, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        expect_status(hpm_population_set_steps(endless, ends[i]), HPM_ERROR_ARGUMENT,
                      "an end of a run that has none");
    }
    expect_status(hpm_population_set_steps(endless, 0), HPM_OK, "no end, as before");
    for (size_t i = 0; i < HUGE_SIZES; i++) {
        expect_refusal(hpm_population_grow(endless, huge[i], HPM_ORIGIN_DRAWN), "students that join",
                       huge[i]);
        expect_refusal(hpm_population_grow(endless, huge[i], HPM_ORIGIN_CLONE), "clones that join",
                       huge[i]);
    }
    size_t size;
    must(hpm_population_size(endless, &size));
    expect(size == 4, "%zu students after all that was refused", size);
    must(hpm_population_destroy(endless));

    hpm_population *ending = make_population("hpm", "4", "3", NULL);
    expect_status(hpm_population_set_steps(ending, SIZE_MAX), HPM_ERROR_ARGUMENT, "too many steps");
    expect_status(hpm_population_set_steps(ending, SIZE_MAX / 2), HPM_OK, "many steps");
    must(hpm_population_destroy(ending));
}

/* Texts as long as they come: names, labels, and keys in the sentence of an error. */
static void test_long_texts(void) {
    const size_t length = (size_t)1 << 20;
    char *text = malloc(length + 1), *copy = malloc(length + 1);
    memset(text, 'x', length);
    text[length] = '\0';
    hpm_space *space = NULL;
    hpm_options *options = NULL;
    size_t needed;
    must(hpm_space_create(&space));
    must(hpm_options_create(&options));
    must(hpm_space_add_real(space, text, 0, 1, HPM_SCALE_LINEAR, NAN));
    must(hpm_space_name(space, 0, copy, length + 1, &needed));
    expect(needed == length + 1 && strcmp(text, copy) == 0, "a long name came back changed");
    expect_status(hpm_options_set_integer(options, text, 1), HPM_ERROR_ARGUMENT, "a long key");
    expect_status(hpm_options_set_string(options, "algorithm", text), HPM_ERROR_ARGUMENT,
                  "a long word");
    must(hpm_options_destroy(options));
    must(hpm_space_destroy(space));
    free(text);
    free(copy);
}

int main(void) {
    test_huge_sizes();
    test_long_arrays();
    test_wild_reports();
    test_options_at_their_ends();
    test_bounds_at_their_ends();
    test_wild_teachers();
    test_members();
    test_long_texts();
    return finish();
}
