/* Runs in files: they go on where they were, keep their history, and what the host does to them is an error that
 * loses nothing. */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STUDENTS = 4 };

static char folder[64], file[96];

/* The library's locks go through this one: a folder that has none, as some network folders, is simulated. */
static int has_locks = 1;

extern int fcntl64(int, int, ...);

int fcntl(int descriptor, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!has_locks && (command == F_SETLK || command == F_OFD_SETLK)) {
        errno = ENOLCK;
        return -1;
    }
    return fcntl64(descriptor, command, argument);
}

static const char *name(const char *suffix) {
    static char path[128];
    snprintf(path, sizeof path, "%s%s", file, suffix);
    return path;
}

static void clean(void) {
    const char *const suffixes[] = {"", "-wal", "-shm", "-writer"};
    for (size_t i = 0; i < 4; i++) unlink(name(suffixes[i]));
}

static hpm_options *make_options(const char *steps) {
    hpm_options *options = NULL;
    must(hpm_options_create(&options));
    set(options, "algorithm", "hpm");
    set(options, "population", "4");
    set(options, "steps", steps);
    set(options, "interval", "3");
    return options;
}

static hpm_status open_run(const char *path, const char *steps, hpm_override overrides,
                           hpm_population **out) {
    hpm_space *space = make_space();
    hpm_options *options = make_options(steps);
    const hpm_status status = hpm_run_open_overriding(path, space, options, overrides, out);
    must(hpm_space_destroy(space));
    must(hpm_options_destroy(options));
    return status;
}

static hpm_population *opened(const char *path, const char *steps) {
    hpm_population *population = NULL;
    must(open_run(path, steps, HPM_OVERRIDE_NONE, &population));
    return population;
}

/* One task of one student; the status of what was refused, 1 where there is nothing to do. */
static hpm_status work(hpm_population *population, size_t student) {
    hpm_action action;
    double h[DIMENSION], gradient[DIMENSION], loss = 0;
    hpm_status status = hpm_student_next(population, student, &action, NULL, h, DIMENSION);
    if (status < 0) return status;
    if (action == HPM_ACTION_STOP || action == HPM_ACTION_WAIT) return 1;
    for (size_t i = 0; i < DIMENSION; i++) {
        loss += h[i] * h[i];
        gradient[i] = i == INTEGER ? NAN : 2 * h[i];
    }
    return hpm_student_report(population, student, loss, gradient, DIMENSION);
}

static void work_to_the_end(hpm_population *population) {
    for (int is_done = 0; !is_done;) {
        is_done = 1;
        for (size_t student = 0; student < STUDENTS; student++) {
            const hpm_status status = work(population, student);
            must(status);
            if (status == HPM_OK) is_done = 0;
        }
    }
}

static int are_equal(hpm_population *left, hpm_population *right) {
    return unchanged(left, saved(right));
}

static hpm_population *undisturbed(const char *steps) {
    hpm_space *space = make_space();
    hpm_options *options = make_options(steps);
    hpm_population *population = NULL;
    must(hpm_population_create(space, options, &population));
    must(hpm_space_destroy(space));
    must(hpm_options_destroy(options));
    work_to_the_end(population);
    return population;
}

static void expect_refusal(hpm_status got, const char *word, const char *what) {
    expect_status(got, HPM_ERROR_STORAGE, what);
    expect(strstr(hpm_last_error(), word) != NULL, "%s: the sentence lacks '%s': %s", what, word,
           hpm_last_error());
}

static int32_t count_reports(void *context, size_t student, size_t number, double loss,
                             const double *h, size_t n) {
    (void)student, (void)number, (void)loss, (void)h, (void)n;
    return ++*(int *)context == 7 ? 3 : 0;
}

static void test_goes_on(void) {
    clean();
    hpm_population *whole = undisturbed("12");
    for (int session = 0; session < 12; session++) {
        hpm_population *population = opened(file, "12");
        for (size_t k = 0; k < 7; k++) must(work(population, k % STUDENTS));
        must(hpm_population_destroy(population));
    }
    hpm_population *population = NULL;
    must(hpm_run_open(file, NULL, NULL, &population));
    work_to_the_end(population);
    expect(are_equal(population, whole), "a run that was opened often ended otherwise");
    int count = 0;
    expect_status(hpm_run_reports(population, count_reports, &count), HPM_ERROR_CALLBACK,
                  "a callback that ends the reports");
    expect(count == 7 && hpm_last_callback_status() == 3, "it saw %d reports", count);
    count = 100;
    expect_status(hpm_run_reports(population, count_reports, &count), HPM_OK, "all reports");
    expect(count == 100 + 12 * STUDENTS, "there were %d reports", count - 100);
    must(hpm_run_log_metric(population, 1, "accuracy", 0.5));
    expect_status(hpm_run_log_metric(population, 1, "", 0.5), HPM_ERROR_ARGUMENT, "no name");
    expect_status(hpm_run_log_metric(population, 4, "x", 0.5), HPM_ERROR_ARGUMENT, "student 4");
    expect_status(hpm_run_set_durability(population, 7), HPM_ERROR_ARGUMENT, "durability 7");
    must(hpm_run_set_durability(population, HPM_DURABILITY_POWER));
    expect_status(hpm_run_log_metric(whole, 1, "x", 0.5), HPM_ERROR_UNSUPPORTED, "no file");
    expect_status(hpm_population_replay(population, (const uint8_t *)"", 0, NULL), HPM_ERROR_ORDER,
                  "replay onto a run in a file");
    must(hpm_population_destroy(population));
    must(hpm_population_destroy(whole));
}

static void test_schedule(void) {
    hpm_population *population = NULL;
    hpm_schedule *schedule = NULL, *loaded = NULL;
    must(hpm_run_open(file, NULL, NULL, &population));
    size_t best, length, needed, age;
    double least;
    must(hpm_population_best(population, &best, &least));
    must(hpm_schedule_export(population, best, &schedule));
    must(hpm_schedule_length(schedule, &length));
    must(hpm_student_age(population, best, &age));
    expect(length == age, "the schedule has %zu steps, the student %zu reports", length, age);
    must(hpm_schedule_save(schedule, NULL, 0, &needed));
    uint8_t *bytes = malloc(needed);
    must(hpm_schedule_save(schedule, bytes, needed, &needed));
    must(hpm_schedule_load(bytes, needed, &loaded));
    for (size_t step = 0; step < length; step++) {
        double h[2][DIMENSION], loss;
        size_t student, report, ancestor;
        must(hpm_schedule_at(schedule, step, h[0], DIMENSION, &student, &report, &loss));
        must(hpm_schedule_at(loaded, step, h[1], DIMENSION, NULL, NULL, NULL));
        must(hpm_student_ancestor(population, best, step + 1, &ancestor));
        double expected = 0;
        for (size_t i = 0; i < DIMENSION; i++) expected += h[0][i] * h[0][i];
        expect(memcmp(h[0], h[1], sizeof h[0]) == 0, "step %zu is another once loaded", step);
        expect(loss == expected && student == ancestor, "step %zu is not the report's", step);
    }
    double h[DIMENSION];
    expect_status(hpm_schedule_at(schedule, length, h, DIMENSION, NULL, NULL, NULL),
                  HPM_ERROR_ARGUMENT, "a step too many");
    expect_status(hpm_schedule_at(schedule, 0, h, 2, NULL, NULL, NULL), HPM_ERROR_ARGUMENT, "n is 2");
    expect_status(hpm_schedule_load(bytes, needed - 1, &loaded), HPM_ERROR_SNAPSHOT, "cut bytes");
    bytes[needed / 2] ^= 4;
    expect_status(hpm_schedule_load(bytes, needed, &loaded), HPM_ERROR_SNAPSHOT, "flipped bytes");
    free(bytes);
    hpm_space *space = NULL;
    must(hpm_schedule_space(schedule, &space));
    must(hpm_space_destroy(space));
    must(hpm_schedule_destroy(schedule));
    must(hpm_schedule_destroy(loaded));
    must(hpm_population_destroy(population));
    population = opened(":memory:", "12");
    expect_status(hpm_schedule_export(population, 0, &schedule), HPM_ERROR_NO_RESULT, "no report");
    must(hpm_population_destroy(population));
}

/* In a child, whose status is that of `body`. */
static int in_child(int (*body)(void *), void *argument) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const int result = body(argument);
        fflush(stdout);
        _exit(result || failed_count);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status);
}

static int second_writer(void *argument) {
    hpm_population *population = NULL;
    char owner[32];
    snprintf(owner, sizeof owner, "process %ld on ", (long)getppid());
    expect_refusal(open_run(file, "12", HPM_OVERRIDE_NONE, &population), owner, "a second writer");
    expect_refusal(work(argument, 0), "a fork", "a population of the parent's");
    return 0;
}

static void test_writers(void) {
    clean();
    hpm_population *first = opened(file, "12"), *second = NULL;
    expect_refusal(open_run(file, "12", HPM_OVERRIDE_NONE, &second), "already in this process",
                   "a second population of a file");
    expect(in_child(second_writer, first) == 0, "the second writer failed");
    expect(work(first, 0) == HPM_OK, "the first writer was disturbed: %s", hpm_last_error());
    must(hpm_population_destroy(first));
    first = opened(file, "12");
    must(hpm_population_destroy(first));
    has_locks = 0;
    expect_refusal(open_run(file, "12", HPM_OVERRIDE_NONE, &second), "has no locks", "no locks");
    has_locks = 1;
}

static void test_overrides(void) {
    clean();
    hpm_population *population = opened(file, "6"), *whole = undisturbed("12");
    work_to_the_end(population);
    must(hpm_population_destroy(population));
    hpm_status status = open_run(file, "12", HPM_OVERRIDE_NONE, &population);
    expect_status(status, HPM_ERROR_ARGUMENT, "other steps");
    expect(strstr(hpm_last_error(), "'steps' is 12, and 6") != NULL, "the sentence does not name it: %s",
           hpm_last_error());
    expect_status(open_run(file, "12", 64, &population), HPM_ERROR_ARGUMENT, "override 64");
    must(open_run(file, "12", HPM_OVERRIDE_STEPS, &population));
    work_to_the_end(population);
    expect(are_equal(population, whole), "a prolonged run ended otherwise");
    must(hpm_population_destroy(population));
    must(hpm_population_destroy(whole));
}

static void write_file(const char *path, const void *bytes, size_t size, long offset) {
    FILE *out = fopen(path, offset < 0 ? "wb" : "r+b");
    if (offset > 0) fseek(out, offset, SEEK_SET);
    fwrite(bytes, 1, size, out);
    fclose(out);
}

static int read_only_folder(void *path) {
    hpm_population *population = NULL;
    /* The superuser may write everywhere. */
    if (geteuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534))) return 1;
    expect_refusal(open_run(path, "12", HPM_OVERRIDE_NONE, &population), "Permission denied",
                   "a folder that can't be written");
    return 0;
}

static void test_files(void) {
    hpm_population *population = NULL;
    clean();
    write_file(file, "This is no database, but a text.", 32, -1);
    expect_refusal(open_run(file, "12", HPM_OVERRIDE_NONE, &population), "no SQLite database",
                   "a text");
    clean();
    population = opened(file, "12");
    for (size_t k = 0; k < 20; k++) must(work(population, k % STUDENTS));
    must(hpm_population_destroy(population));
    /* Big-endian numbers of SQLite's header: the version of the schema, the application. */
    write_file(file, "\0\0\0\2", 4, 60);
    expect_refusal(open_run(file, "12", HPM_OVERRIDE_NONE, &population), "newer library",
                   "a newer version");
    write_file(file, "\0\0\0\1", 4, 60);
    write_file(file, "\1\2\3\4", 4, 68);
    expect_refusal(open_run(file, "12", HPM_OVERRIDE_NONE, &population), "another program",
                   "another program's database");
    write_file(file, "hpmr", 4, 68);
    population = opened(file, "12");
    must(hpm_population_destroy(population));
    chmod(folder, 0555);
    expect(in_child(read_only_folder, file) == 0, "a read-only folder");
    chmod(folder, 0755);
    population = NULL;
    expect_status(hpm_run_open(NULL, NULL, NULL, &population), HPM_ERROR_ARGUMENT, "path NULL");
    expect_status(hpm_run_open("/nowhere/run.db", NULL, NULL, &population), HPM_ERROR_STORAGE,
                  "no folder");
    expect_status(hpm_run_open("\xff", NULL, NULL, &population), HPM_ERROR_ARGUMENT, "no UTF-8");
    expect_status(hpm_run_open(":memory:", NULL, NULL, &population), HPM_ERROR_ARGUMENT, "no space");
    expect_status(hpm_run_open(file, NULL, NULL, NULL), HPM_ERROR_ARGUMENT, "out NULL");
    expect(population == NULL, "a population came of an error");
}

/* Files that may not grow: what a full disk does. */
static int full_disk(void *unused) {
    (void)unused;
    signal(SIGXFSZ, SIG_IGN);
    hpm_population *whole = undisturbed("12"), *population = opened(file, "12");
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    int refused = 0;
    for (int is_done = 0; !is_done;) {
        is_done = 1;
        for (size_t student = 0; student < STUDENTS; student++) {
            struct stat log;
            stat(name("-wal"), &log);
            const struct rlimit full = {(rlim_t)log.st_size + (refused % 3) * 4096, RLIM_INFINITY};
            setrlimit(RLIMIT_FSIZE, &full);
            const hpm_status status = work(population, student);
            setrlimit(RLIMIT_FSIZE, &unlimited);
            if (status < 0) {
                refused++;
                expect_refusal(status, "full", "a full disk");
                must(work(population, student));
            }
            if (status != 1) is_done = 0;
        }
    }
    expect(refused > 10, "the disk was full only %d times", refused);
    expect(are_equal(population, whole), "a run that met a full disk ended otherwise");
    must(hpm_population_destroy(population));
    must(hpm_run_open(file, NULL, NULL, &population));
    expect(are_equal(population, whole), "a run that met a full disk was opened as another");
    must(hpm_population_destroy(population));
    return 0;
}

int main(void) {
    strcpy(folder, "/tmp/hpm-runs-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    chmod(folder, 0755);
    snprintf(file, sizeof file, "%s/run.db", folder);
    test_goes_on();
    test_schedule();
    test_writers();
    test_overrides();
    test_files();
    clean();
    expect(in_child(full_disk, NULL) == 0, "a full disk");
    clean();
    rmdir(folder);
    return finish();
}
