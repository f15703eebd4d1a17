/* A trainer that is killed: hpm_population_run on a run's file, with weights in files by hpm_checkpoint_releasable.
 *   trainer DATABASE WEIGHTS ANSWERED SCHEDULE
 * ANSWERED gets a line for each report once it was answered. At the end the snapshot is written to standard output. */
#define _POSIX_C_SOURCE 200809L
#include "hpm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STUDENTS = 6, DIMENSION = 4, STEPS = 40 };

static hpm_population *population;
static const char *folder;
static int answered;
/* What a callback trained, which is answered once the next one begins. */
static size_t latest_student, latest_report;

#define REQUIRE(call)                                                             \
    do {                                                                          \
        hpm_status status_ = (call);                                              \
        if (status_ < 0) {                                                        \
            fprintf(stderr, "%s: %s\n", #call, hpm_last_error());                 \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

static void note_answer(void) {
    char line[64];
    if (latest_report == 0) return;
    snprintf(line, sizeof line, "%zu %zu\n", latest_student, latest_report);
    if (write(answered, line, strlen(line)) < 0) exit(1);
    latest_report = 0;
}

static void name(char *out, size_t size, size_t student, size_t report) {
    snprintf(out, size, "%s/%zu-%zu", folder, student, report);
}

static double load(size_t student, size_t report) {
    char path[512];
    double weight = 0;
    name(path, sizeof path, student, report);
    FILE *file = fopen(path, "rb");
    if (!file || fread(&weight, sizeof weight, 1, file) != 1) {
        fprintf(stderr, "checkpoint %s is missing\n", path);
        exit(2);
    }
    fclose(file);
    return weight;
}

/* Atomic: a name has all of a checkpoint, or nothing. */
static void save(size_t student, size_t report, double weight) {
    char path[512], part[520];
    name(path, sizeof path, student, report);
    snprintf(part, sizeof part, "%s.part", path);
    FILE *file = fopen(part, "wb");
    if (!file || fwrite(&weight, sizeof weight, 1, file) != 1 || fclose(file)) exit(1);
    if (rename(part, path)) exit(1);
}

static size_t reports(size_t student) {
    size_t count = 0;
    REQUIRE(hpm_student_reports(population, student, &count));
    return count;
}

static void release(size_t student, size_t report) {
    char path[512];
    int32_t releasable = 0;
    if (report == reports(student)) return;
    REQUIRE(hpm_checkpoint_releasable(population, student, report, &releasable));
    name(path, sizeof path, student, report);
    if (releasable) unlink(path);
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    (void)context;
    note_answer();
    const size_t report = reports(student);
    for (size_t old = report > 3 ? report - 3 : 1; old < report; old++) release(student, old);
    double weight = load(student, report);
    for (size_t i = 0; i < n; i++) weight = 0.9 * weight + 0.1 * h[i];
    *loss = weight * weight;
    for (size_t i = 0; i < n; i++) {
        *loss += h[i] * h[i] / (double)(i + 1);
        hypergradient[i] = 2 * h[i] / (double)(i + 1);
    }
    *has_hypergradient = 1;
    nanosleep(&(struct timespec){0, 300000}, NULL);
    save(student, report + 1, weight);
    latest_student = student;
    latest_report = report + 1;
    return 0;
}

static int32_t clone_weights(void *context, size_t source, size_t student) {
    (void)context;
    note_answer();
    size_t source_report = 0;
    REQUIRE(hpm_student_source_report(population, student, &source_report));
    save(student, reports(student), load(source, source_report));
    return 0;
}

static int32_t evaluate(void *context, size_t student, const double *h, size_t n, double *loss,
                        double *hypergradient, int32_t *has_hypergradient) {
    (void)context, (void)student;
    note_answer();
    *loss = 0;
    for (size_t i = 0; i < n; i++) {
        *loss += h[i] * h[i];
        hypergradient[i] = 2 * h[i];
    }
    *has_hypergradient = 1;
    return 0;
}

int main(int count, char **arguments) {
    if (count != 5) return 64;
    folder = arguments[2];
    mkdir(folder, 0777);
    answered = open(arguments[3], O_WRONLY | O_APPEND | O_CREAT, 0644);
    hpm_space *space;
    hpm_options *options;
    REQUIRE(hpm_space_create(&space));
    REQUIRE(hpm_space_add_block(space, "h", DIMENSION, -3, 3, HPM_SCALE_LINEAR, 1));
    REQUIRE(hpm_options_create(&options));
    REQUIRE(hpm_options_set_integer(options, "population", STUDENTS));
    REQUIRE(hpm_options_set_integer(options, "steps", STEPS));
    REQUIRE(hpm_options_set_integer(options, "interval", 3));
    REQUIRE(hpm_options_set_string(options, "algorithm", "hpm-paper"));
    REQUIRE(hpm_options_set_string(options, "schedule", arguments[4]));
    REQUIRE(hpm_run_open(arguments[1], space, options, &population));
    for (size_t student = 0; student < STUDENTS; student++) {
        if (reports(student) == 0) save(student, 0, 1.0 + (double)student);
    }
    hpm_trainer trainer = {sizeof trainer, train, evaluate, clone_weights, NULL};
    REQUIRE(hpm_population_run(population, &trainer, NULL));
    note_answer();
    size_t needed = 0;
    REQUIRE(hpm_population_save(population, NULL, 0, &needed));
    uint8_t *bytes = malloc(needed);
    REQUIRE(hpm_population_save(population, bytes, needed, &needed));
    fwrite(bytes, 1, needed, stdout);
    REQUIRE(hpm_population_destroy(population));
    return 0;
}
