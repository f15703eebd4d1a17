/* Save and load: a loaded population goes on bit for bit, and damaged bytes are refused. */
#include "client.h"

enum { STUDENTS = 5, REPORTS = 12 };

static const char *const with_trials[] = {"trial", "4", NULL};

static uint8_t *save(hpm_population *population, size_t *size) {
    must(hpm_population_save(population, NULL, 0, size));
    uint8_t *bytes = malloc(*size);
    must(hpm_population_save(population, bytes, *size, size));
    return bytes;
}

static hpm_population *reload(hpm_population *population) {
    size_t size, size_again;
    hpm_population *loaded = NULL;
    uint8_t *bytes = save(population, &size);
    must(hpm_population_load(bytes, size, &loaded));
    uint8_t *again = save(loaded, &size_again);
    expect(size == size_again && memcmp(bytes, again, size) == 0,
           "what was loaded saves to other bytes");
    free(bytes);
    free(again);
    return loaded;
}

/* Saves after `served` tasks, the next of which is out, and drives both to the end. */
static void test_goes_on(const char *algorithm, int served) {
    static trail before[STUDENTS], kept[STUDENTS], loaded[STUDENTS];
    memset(before, 0, sizeof before);
    hpm_population *original = make_population(algorithm, "5", "12", with_trials);
    for (size_t k = 0; served > 0; k++) {
        const int answer = serve(original, k % STUDENTS, &before[k % STUDENTS]);
        if (answer > 0) served--;
    }
    hpm_action action;
    double h[DIMENSION];
    for (size_t k = 0; k < STUDENTS; k += 2) {
        must(hpm_student_next(original, k, &action, NULL, h, DIMENSION));
    }
    hpm_population *copy = reload(original);
    memcpy(kept, before, sizeof kept);
    memcpy(loaded, before, sizeof loaded);
    drive(original, STUDENTS, 0, kept);
    drive(copy, STUDENTS, 0, loaded);
    expect(same_trails(kept, loaded, STUDENTS), "%s: a loaded population asks for other tasks",
           algorithm);
    expect(same_results(original, copy, STUDENTS, REPORTS),
           "%s: a loaded population ends elsewhere", algorithm);
    must(hpm_population_destroy(original));
    must(hpm_population_destroy(copy));
}

/* A task that was out when it was saved is out in the copy: it takes the report without a next. */
static void test_tasks_stay_out(void) {
    hpm_action action;
    double h[DIMENSION];
    hpm_population *original = make_population("hpm", "5", "12", NULL);
    must(hpm_student_next(original, 1, &action, NULL, h, DIMENSION));
    hpm_population *copy = reload(original);
    must(hpm_population_destroy(original));
    expect_status(hpm_student_report(copy, 1, 1, NULL, 0), HPM_OK, "a report after load");
    expect_status(hpm_student_report(copy, 2, 1, NULL, 0), HPM_ERROR_ORDER,
                  "a report before next after load");
    expect_status(hpm_student_set_initial(copy, 1, h, DIMENSION), HPM_ERROR_ORDER,
                  "a start of a student that has begun");
    expect_status(hpm_student_set_initial(copy, 2, h, DIMENSION), HPM_OK,
                  "a start of one that has not");
    must(hpm_population_destroy(copy));
}

/* A copy of its space comes with it: names, labels, places. */
static void test_space_comes_along(void) {
    hpm_space *space = NULL;
    hpm_population *original = make_population("pbt", "5", "12", NULL);
    hpm_population *copy = reload(original);
    size_t dimension, parameters, offset, count, needed;
    char name[16];
    memset(name, '.', sizeof name);
    must(hpm_population_space(copy, &space));
    must(hpm_population_destroy(original));
    must(hpm_population_destroy(copy));
    must(hpm_space_dimension(space, &dimension));
    must(hpm_space_count(space, &parameters));
    must(hpm_space_offset(space, "weights", &offset, &count));
    must(hpm_space_name(space, 3, name, sizeof name, &needed));
    expect(dimension == DIMENSION && parameters == 5 && offset == 4 && count == 4,
           "dimension %zu, %zu parameters, weights at %zu, %zu of them", dimension, parameters,
           offset, count);
    expect(strcmp(name, "depth") == 0 && needed == 6 && name[6] == '.',
           "'%s' in %zu bytes, and what is behind them", name, needed);
    must(hpm_space_destroy(space));
}

static void test_stop_is_not_saved(void) {
    hpm_action action;
    double h[DIMENSION];
    hpm_population *original = make_population("hpm", "5", "12", NULL);
    must(hpm_population_stop(original));
    hpm_population *copy = reload(original);
    must(hpm_student_next(original, 0, &action, NULL, h, DIMENSION));
    expect(action == HPM_ACTION_STOP, "action %d of one that was stopped", (int)action);
    must(hpm_student_next(copy, 0, &action, NULL, h, DIMENSION));
    expect(action == HPM_ACTION_TRAIN, "action %d of its copy", (int)action);
    must(hpm_population_destroy(original));
    must(hpm_population_destroy(copy));
}

static void test_capacity(void) {
    size_t size, needed = 0;
    hpm_population *population = make_population("hpm", "5", "12", NULL);
    uint8_t *bytes = save(population, &size);
    uint8_t *small = malloc(size + 1);
    memset(small, 0xa5, size + 1);
    expect_status(hpm_population_save(population, small, size - 1, &needed), HPM_ERROR_CAPACITY,
                  "a byte too few");
    expect(needed == size, "%zu bytes needed, not %zu", needed, size);
    int touched = 0;
    for (size_t i = 0; i <= size; i++) touched = touched || small[i] != 0xa5;
    expect(!touched, "a refused save wrote");
    expect_status(hpm_population_save(population, small, SIZE_MAX, &needed), HPM_OK,
                  "all the capacity there is");
    expect(memcmp(small, bytes, size) == 0 && small[size] == 0xa5, "bytes behind the snapshot");
    free(small);
    free(bytes);
    must(hpm_population_destroy(population));
}

/* Every length that is too short, and every bit. */
static void test_damage(const char *algorithm) {
    static trail trails[STUDENTS];
    hpm_population *population = make_population(algorithm, "5", "12", with_trials);
    memset(trails, 0, sizeof trails);
    for (size_t k = 0; k < 3 * STUDENTS; k++) {
        serve(population, k % STUDENTS, &trails[k % STUDENTS]);
    }
    size_t size;
    uint8_t *bytes = save(population, &size);
    must(hpm_population_destroy(population));
    int refused = 1;
    for (size_t length = 0; length < size; length++) {
        /* Of its own size, so that valgrind sees a step beyond it. */
        uint8_t *cut = malloc(length ? length : 1);
        memcpy(cut, bytes, length);
        hpm_population *loaded = NULL;
        refused = refused && hpm_population_load(cut, length, &loaded) == HPM_ERROR_SNAPSHOT;
        free(cut);
    }
    expect(refused, "%s: a truncated snapshot was taken", algorithm);
    refused = 1;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        hpm_population *loaded = NULL;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused = refused && hpm_population_load(bytes, size, &loaded) == HPM_ERROR_SNAPSHOT;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    expect(refused, "%s: a snapshot with a flipped bit was taken", algorithm);
    free(bytes);
}

static void seal(uint8_t *bytes, size_t size) {
    const uint64_t value = crc64(bytes, size - 8);
    for (int i = 0; i < 8; i++) bytes[size - 8 + i] = (uint8_t)(value >> 8 * i);
}

/* What a client calls, on a population of which nothing is known: whether answers make sense. */
static int use(hpm_population *population) {
    enum { ROOM = 64 };
    hpm_space *space = NULL;
    size_t students, dimension, needed, source;
    double h[ROOM], gradient[ROOM], number;
    must(hpm_population_size(population, &students));
    must(hpm_population_space(population, &space));
    must(hpm_space_dimension(space, &dimension));
    must(hpm_space_destroy(space));
    if (students > ROOM || dimension > ROOM) return 1;
    int sound = 1;
    for (size_t j = 0; j < ROOM; j++) gradient[j] = j % 3 ? 1 : -1;
    for (size_t turn = 0; turn < 10 * students; turn++) {
        hpm_action action;
        const size_t student = turn % students;
        must(hpm_student_next(population, student, &action, &source, h, ROOM));
        sound = sound && source < students;
        if (action == HPM_ACTION_WAIT || action == HPM_ACTION_STOP) continue;
        must(hpm_student_report(population, student, (double)student, gradient, dimension));
        hpm_student_ancestor(population, student, 1, &source);
    }
    hpm_population_best(population, &source, &number);
    hpm_population_best_hyperparameters(population, h, ROOM, &number);
    must(hpm_population_save(population, NULL, 0, &needed));
    return sound;
}

/* Bytes that someone changed and sealed again: refused, or a population that works. */
static void test_forgery(const char *algorithm) {
    static trail trails[STUDENTS];
    hpm_population *population = make_population(algorithm, "5", "12", with_trials);
    memset(trails, 0, sizeof trails);
    for (size_t k = 0; k < 5 * STUDENTS; k++) {
        serve(population, k % STUDENTS, &trails[k % STUDENTS]);
    }
    size_t size;
    uint8_t *bytes = save(population, &size);
    must(hpm_population_destroy(population));
    int taken = 0, sound = 1;
    for (size_t i = 0; i < size - 8; i++) {
        const uint8_t good = bytes[i];
        const uint8_t forged[] = {good ^ 1, good ^ 0x80, 0xff};
        for (size_t j = 0; j < sizeof forged; j++) {
            if (forged[j] == good) continue;
            hpm_population *loaded = NULL;
            bytes[i] = forged[j];
            seal(bytes, size);
            const hpm_status status = hpm_population_load(bytes, size, &loaded);
            if (status != HPM_OK) {
                sound = sound && (status == HPM_ERROR_SNAPSHOT || status == HPM_ERROR_MEMORY);
                continue;
            }
            taken++;
            sound = use(loaded) && sound;
            must(hpm_population_destroy(loaded));
        }
        bytes[i] = good;
    }
    seal(bytes, size);
    must(hpm_population_load(bytes, size, &population));
    must(hpm_population_destroy(population));
    expect(sound, "%s: a forged snapshot has another error, or senseless tasks", algorithm);
    expect(taken > 0, "%s: no value may differ", algorithm);
    free(bytes);
}

int main(void) {
    for (size_t i = 0; hpm_algorithm_name(i); i++) {
        for (int served = 0; served < 7 * STUDENTS; served += 4) {
            test_goes_on(hpm_algorithm_name(i), served);
        }
    }
    test_tasks_stay_out();
    test_space_comes_along();
    test_stop_is_not_saved();
    test_capacity();
    test_damage("hpm");
    test_damage("hpm-paper");
    test_damage("random");
    test_forgery("hpm");
    test_forgery("hpm-paper");
    test_forgery("random");
    return finish();
}
