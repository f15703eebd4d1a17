/*
 * Bytes of a log that are cut short, damaged or forged: all whole inputs are applied, or nothing
 * is; never a crash.
 *
 *     logs [seed]
 */
#include <time.h>

#include "client.h"

enum { STUDENTS = 4, MOST_INPUTS = 200, HEADER = 8, CHECKSUM = 8, GROW = 7, BEGINNING = 24 };

/* A log and where the population stood after each of its inputs. */
typedef struct {
    hpm_population *population;
    bytes log;
    size_t count;
    /* Of input i: where it begins; the state before it. */
    size_t starts[MOST_INPUTS + 1];
    bytes states[MOST_INPUTS + 1];
} history;

static int32_t record(void *context, const uint8_t *data, size_t size) {
    history *self = context;
    if (self->count + 1 >= MOST_INPUTS) return 1;
    if (self->count == 0) {
        /* Before the first input stands what says whose they are. */
        self->states[self->count++] = saved(self->population);
        self->starts[self->count] = BEGINNING;
        self->states[self->count++] = saved(self->population);
        append(&self->log, data, size);
        return 0;
    }
    self->starts[self->count] = self->log.size;
    self->states[self->count++] = saved(self->population);
    append(&self->log, data, size);
    return 0;
}

static hpm_population *make(const char *schedule) {
    const char *const more[] = {"schedule", schedule, NULL};
    return make_population("hpm-paper", "4", "4", more);
}

/* Every kind of input, and an exploit. */
static void live(history *self, const char *schedule) {
    static trail trails[MOST_STUDENTS];
    const double start[DIMENSION] = {0.5, 0, 0.5, 3, 0.1, 0.2, 0.3, 0.4};
    hpm_action action;
    double h[DIMENSION];
    memset(self, 0, sizeof *self);
    hpm_population *population = self->population = make(schedule);
    must(hpm_population_log(population, record, self));
    must(hpm_student_set_initial(population, 2, start, DIMENSION));
    must(hpm_student_next(population, 0, &action, NULL, h, DIMENSION));
    must(hpm_student_release(population, 0));
    must(hpm_student_next(population, 0, &action, NULL, h, DIMENSION));
    must(hpm_student_report_cost(population, 0, 3, 0.5));
    must(hpm_student_report(population, 0, NAN, NULL, 0));
    must(hpm_population_grow(population, 1, HPM_ORIGIN_DRAWN));
    for (size_t turn = 0; turn < 8 * STUDENTS; turn++) {
        serve(population, turn % (STUDENTS + 1), &trails[turn % (STUDENTS + 1)]);
    }
    must(hpm_student_retire(population, 1));
    must(hpm_population_set_steps(population, 9));
    must(hpm_population_stop(population));
    must(hpm_population_log(population, NULL, NULL));
    self->starts[self->count] = self->log.size;
    self->states[self->count] = saved(population);
    double clones;
    must(hpm_population_count(population, "clones", &clones));
    expect(clones > 0, "%s: no exploit in the log", schedule);
}

static void forget(history *self) {
    must(hpm_population_destroy(self->population));
    for (size_t i = 0; i <= self->count; i++) free(self->states[i].data);
    free(self->log.data);
}

static int ignore_event(void *context, const hpm_event *event) {
    (void)event;
    *(size_t *)context += 1;
    return 0;
}

static void test_every_length(const history *self, const char *schedule) {
    size_t whole = 0;
    for (size_t length = 0; length <= self->log.size; length++) {
        if (whole < self->count && self->starts[whole + 1] <= length) whole++;
        /* Of its own size, so that valgrind sees a step beyond it. */
        uint8_t *cut = malloc(length ? length : 1);
        memcpy(cut, self->log.data, length);
        hpm_population *population = make(schedule);
        size_t applied = 12345;
        const hpm_status got = hpm_population_replay(population, cut, length, &applied);
        expect(got == (self->starts[whole] == length ? HPM_OK : HPM_PARTIAL) &&
                   applied == self->starts[whole],
               "%s, %zu bytes: %s, %zu applied", schedule, length, hpm_status_name(got), applied);
        expect(stands_at(population, self->states[whole]),
               "%s, %zu bytes: another state than after input %zu", schedule, length, whole);
        must(hpm_population_destroy(population));
        free(cut);
    }
    expect(whole == self->count, "%zu of %zu inputs", whole, self->count);
}

/* Each bit, and nobody hears of what was not applied. */
static void test_every_bit(const history *self, const char *schedule) {
    hpm_population *population = make(schedule);
    size_t events = 0, applied = 12345;
    must(hpm_population_observe(population, HPM_EVENT_ALL, ignore_event, &events, NULL));
    bytes before = saved(population);
    int refused = 1, touched = 0;
    for (size_t bit = 0; bit < 8 * self->log.size; bit++) {
        self->log.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const hpm_status got =
            hpm_population_replay(population, self->log.data, self->log.size, &applied);
        self->log.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused = refused && got == HPM_ERROR_SNAPSHOT;
        touched = touched || applied != 12345 || events != 0;
        if (bit % 64 == 0) {
            touched = touched || !stands_at(population, before);
        }
    }
    expect(refused, "%s: a log with a flipped bit was taken", schedule);
    expect(!touched && stands_at(population, before), "%s: a damaged log left a trace", schedule);

    /* Whole inputs that are not allowed where the log has led to: nothing of it has happened. */
    bytes twice = {NULL, 0};
    append(&twice, self->log.data, self->log.size);
    append(&twice, self->log.data, self->log.size);
    expect_status(hpm_population_replay(population, twice.data, twice.size, &applied),
                  HPM_ERROR_ARGUMENT, "a log twice");
    char place[32];
    snprintf(place, sizeof place, "byte %zu:", self->log.size);
    expect(strstr(hpm_last_error(), place) != NULL, "'%s' does not name %s", hpm_last_error(),
           place);
    expect(applied == 12345 && events == 0 && unchanged(population, before),
           "%s: a log that is not allowed left a trace", schedule);
    expect_status(hpm_population_replay(population, self->log.data, self->log.size, &applied),
                  HPM_OK, "the log after all these");
    expect(stands_at(population, self->states[self->count]) && events > 0,
           "%s: it ends elsewhere", schedule);
    free(twice.data);
    must(hpm_population_destroy(population));
}

static void put(uint8_t *at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* The checks of one input made right again: of its version, kind and length, and of all of it. */
static void seal(uint8_t *input, size_t size) {
    uint8_t header[6];
    memcpy(header, input, 2);
    memcpy(header + 2, input + 4, 4);
    put(input + 2, crc64(header, sizeof header) & 0xffff, 2);
    put(input + size - CHECKSUM, crc64(input, size - CHECKSUM), CHECKSUM);
}

/* Whether a population works of which nothing is known. */
static int works(hpm_population *population) {
    size_t students, source;
    int sound = 1;
    must(hpm_population_size(population, &students));
    for (size_t turn = 0; turn < 3 * (students < 20 ? students : 20); turn++) {
        hpm_action action;
        double h[DIMENSION], gradient[DIMENSION];
        const size_t student = turn % students;
        must(hpm_student_next(population, student, &action, &source, h, DIMENSION));
        sound = sound && source < students && h[0] >= 1e-4 && h[0] <= 1 && h[INTEGER] >= 1 &&
                h[INTEGER] <= 9 && h[INTEGER] == floor(h[INTEGER]);
        if (action == HPM_ACTION_WAIT || action == HPM_ACTION_STOP) continue;
        must(hpm_student_report(population, student, bowl(h, student, gradient), gradient,
                                DIMENSION));
    }
    bytes state = saved(population);
    hpm_population *loaded = NULL;
    must(hpm_population_load(state.data, state.size, &loaded));
    sound = unchanged(loaded, state) && sound;
    must(hpm_population_destroy(loaded));
    return sound;
}

/* Inputs that someone changed and sealed again: refused without a trace, or a population that
 * works. */
static void test_forgery(const history *self, const char *schedule, unsigned random) {
    int taken = 0, refused = 0, sound = 1, traces = 0;
    for (size_t i = 0; i < self->count; i++) {
        const size_t start = self->starts[i], size = self->starts[i + 1] - start;
        const uint8_t kind = self->log.data[start + 1];
        /* A report's bytes are many and alike. */
        for (size_t at = 0; at < size - CHECKSUM; at += at < 40 ? 1 : 7) {
            /* Millions of students would be made. */
            if (kind == GROW && at > HEADER && at < HEADER + 8) continue;
            random = random * 1103515245u + 12345u;
            const uint8_t good = self->log.data[start + at];
            const uint8_t forged[] = {good ^ 1, good ^ 0x80, (uint8_t)(random >> 16)};
            for (size_t j = 0; j < sizeof forged; j++) {
                bytes log = {NULL, 0};
                append(&log, self->log.data, self->log.size);
                log.data[start + at] = forged[j];
                seal(log.data + start, size);
                hpm_population *population = make(schedule);
                const hpm_status got =
                    hpm_population_replay(population, log.data, log.size, NULL);
                if (got < 0) {
                    refused++;
                    sound = sound && (got == HPM_ERROR_SNAPSHOT || got == HPM_ERROR_ORDER ||
                                      got == HPM_ERROR_ARGUMENT || got == HPM_ERROR_MEMORY);
                    traces += !stands_at(population, self->states[0]);
                } else {
                    taken++;
                }
                sound = works(population) && sound;
                must(hpm_population_destroy(population));
                free(log.data);
            }
        }
    }
    expect(sound, "%s: a forged log has another error, or makes senseless tasks", schedule);
    expect(traces == 0, "%s: %d forged logs left a trace", schedule, traces);
    expect(taken > 0 && refused > 0, "%s: %d forged logs taken, %d refused", schedule, taken,
           refused);
}

int main(int count, char **arguments) {
    static const char *const schedules[] = {"synchronous", "asynchronous"};
    const unsigned seed =
        count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    for (size_t i = 0; i < 2; i++) {
        static history self;
        live(&self, schedules[i]);
        test_every_length(&self, schedules[i]);
        test_every_bit(&self, schedules[i]);
        test_forgery(&self, schedules[i], seed);
        forget(&self);
    }
    return finish();
}
