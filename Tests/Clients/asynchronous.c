/*
 * The asynchronous schedule under random arrival orders: workers that are late, lost, doubled or
 * gone, students that join, a log that refuses. A small model says of every ticket what a report on
 * it has to answer; the log replays to the bit, and observers see what the counters count.
 *
 *     asynchronous [seed [runs]]
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "client.h"

enum { MOST = 16, STEPS = 24, MOST_DELIVERIES = 64, MOST_TURNS = 40000, THREADS = 6 };

/* --- Random numbers: splitmix64 --- */

static uint64_t state;

static uint64_t draw(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t below(size_t bound) { return (size_t)(draw() % bound); }

static int one_in(size_t n) { return below(n) == 0; }

/* --- What observers and the log see --- */

typedef struct {
    hpm_population *population;
    /* Of all that the events say, in order: equal runs have equal ones. */
    uint64_t digest;
    size_t trained, evaluated, cloned, restarted, others;
    /* Events of a kind that was not asked for, and calls inside that were not answered as told. */
    size_t unasked, faults;
    uint32_t kinds;
    atomic_int inside, overlaps;
} witness;

typedef struct {
    hpm_population *population;
    bytes inputs;
    size_t calls, faults;
    /* What the next call of it returns, once. */
    int32_t refusal;
} recorder;

static void mix(uint64_t *digest, const void *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        *digest = (*digest ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
    }
}

/* Inside a callback what changes the population is BUSY, and what reads it is not. */
static size_t faults_inside(hpm_population *population) {
    hpm_action action;
    uint64_t ticket;
    double h[DIMENSION] = {0}, number;
    size_t size, needed;
    const uint8_t nothing = 0;
    const hpm_status busy[] = {
        hpm_student_next(population, 0, &action, NULL, h, DIMENSION),
        hpm_student_next_ticket(population, 0, &action, NULL, &ticket, h, DIMENSION),
        hpm_student_report(population, 0, 1, NULL, 0),
        hpm_student_report_ticket(population, 0, 1, 1, NULL, 0),
        hpm_student_release(population, 0),
        hpm_student_retire(population, 0),
        hpm_population_grow(population, 1, HPM_ORIGIN_DRAWN),
        hpm_population_set_steps(population, 0),
        hpm_population_replay(population, &nothing, 0, NULL)};
    const hpm_status allowed[] = {
        hpm_population_size(population, &size),
        hpm_population_count(population, "clones", &number),
        hpm_student_hyperparameters(population, 0, h, DIMENSION),
        hpm_student_reports(population, 0, &size),
        hpm_population_save(population, NULL, 0, &needed)};
    size_t faults = 0;
    for (size_t i = 0; i < sizeof busy / sizeof *busy; i++) faults += busy[i] != HPM_ERROR_BUSY;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) faults += allowed[i] != HPM_OK;
    return faults;
}

static int32_t see(void *context, const hpm_event *event) {
    witness *self = context;
    if (atomic_fetch_add(&self->inside, 1) != 0) atomic_fetch_add(&self->overlaps, 1);
    self->unasked += ((uint32_t)event->kind & self->kinds) == 0;
    self->faults += event->size < sizeof *event;
    const size_t places[] = {event->student, event->report, event->source,
                             event->parent,  event->rank,   event->source_rank};
    const double numbers[] = {event->training_cost, event->hypergradient_cost};
    mix(&self->digest, &event->kind, sizeof event->kind);
    mix(&self->digest, places, sizeof places);
    /* The sign of a NaN says nothing. */
    if (!isnan(event->loss)) mix(&self->digest, &event->loss, sizeof event->loss);
    mix(&self->digest, numbers, sizeof numbers);
    if (event->part) mix(&self->digest, event->part, strlen(event->part));
    for (size_t i = 0; i < event->count; i++) {
        self->faults += event->indices[i] >= DIMENSION;
        self->faults += i > 0 && event->indices[i] <= event->indices[i - 1];
        mix(&self->digest, &event->indices[i], sizeof *event->indices);
        mix(&self->digest, &event->from[i], sizeof *event->from);
        mix(&self->digest, &event->to[i], sizeof *event->to);
    }
    switch (event->kind) {
    case HPM_EVENT_TRAINED: self->trained++; break;
    case HPM_EVENT_EVALUATED: self->evaluated++; break;
    case HPM_EVENT_CLONED: self->cloned++; break;
    case HPM_EVENT_RESTARTED: self->restarted++; break;
    default: self->others++;
    }
    if (self->others + self->trained < 20) self->faults += faults_inside(self->population);
    atomic_fetch_sub(&self->inside, 1);
    return 0;
}

static int32_t record(void *context, const uint8_t *data, size_t length) {
    recorder *self = context;
    const int32_t refusal = self->refusal;
    if (self->calls++ < 20) self->faults += faults_inside(self->population);
    self->refusal = 0;
    if (refusal == 0) append(&self->inputs, data, length);
    return refusal;
}

static void watch(hpm_population *population, witness *witness, uint32_t kinds) {
    memset(witness, 0, sizeof *witness);
    witness->population = population;
    witness->kinds = kinds;
    must(hpm_population_observe(population, kinds, see, witness, NULL));
}

static double count_of(hpm_population *population, const char *counter) {
    double number;
    must(hpm_population_count(population, counter, &number));
    return number;
}

static void expect_counts(hpm_population *population, const witness *seen, const char *what) {
    expect((double)seen->trained == count_of(population, "training_reports"), "%s: %zu trained, %g",
           what, seen->trained, count_of(population, "training_reports"));
    expect((double)seen->evaluated == count_of(population, "teacher_reports"),
           "%s: %zu evaluated, %g", what, seen->evaluated,
           count_of(population, "teacher_reports"));
    expect((double)seen->cloned >= count_of(population, "clone_reports"), "%s: %zu cloned, %g",
           what, seen->cloned, count_of(population, "clone_reports"));
    expect((double)seen->restarted >= count_of(population, "restart_reports"),
           "%s: %zu restarted, %g", what, seen->restarted,
           count_of(population, "restart_reports"));
    expect(seen->unasked == 0 && seen->faults == 0 && seen->overlaps == 0,
           "%s: %zu events unasked, %zu faults, %d at once", what, seen->unasked, seen->faults,
           seen->overlaps);
}

/* --- Populations --- */

static hpm_population *make(const char *algorithm, const char *students) {
    hpm_space *space = make_space();
    hpm_options *options = NULL;
    hpm_population *population = NULL;
    /* Which takes no integers that move. */
    if (strcmp(algorithm, "memetic") == 0) {
        must(hpm_space_set_update(space, "depth", HPM_UPDATE_FIXED));
    }
    must(hpm_options_create(&options));
    set(options, "algorithm", algorithm);
    set(options, "schedule", "asynchronous");
    set(options, "population", students);
    set(options, "steps", "24");
    set(options, "interval", "3");
    set(options, "truncation", "0.4");
    set(options, "trial", "6");
    set(options, "seed", "7");
    must(hpm_population_create(space, options, &population));
    must(hpm_options_destroy(options));
    must(hpm_space_destroy(space));
    return population;
}

/* --- The model --- */

/* What a report on a ticket has to answer. */
typedef enum { OUT, STALE, EITHER } standing;

typedef struct {
    size_t student;
    uint64_t ticket;
    hpm_action action;
    size_t source;
    double loss, gradient[DIMENSION];
} delivery;

typedef struct {
    const char *algorithm;
    hpm_population *population;
    size_t size;
    /* Of each student: the ticket that is out, 0: none; what it is for; its training reports. */
    uint64_t out[MOST];
    delivery tasks[MOST];
    size_t reports[MOST];
    int retired[MOST], stopped[MOST], unsure[MOST];
    /* Joined as a clone that was not made yet. */
    int joining[MOST];
    delivery deliveries[MOST_DELIVERIES];
    size_t waiting;
    recorder log;
    uint32_t actions;
} model;

static size_t reports_of(hpm_population *population, size_t student) {
    size_t reports;
    must(hpm_student_reports(population, student, &reports));
    return reports;
}

/* A refusal comes now and then, with a number of its own; the call after it is taken. Returns the
 * number, 0: none. */
static int32_t maybe_refuse(model *m) {
    m->log.refusal = one_in(12) ? (int32_t)(1 + below(1000)) : 0;
    return m->log.refusal;
}

/* Whether the call was refused as it was to be, and without a trace. */
static int was_refused(model *m, hpm_status got, int32_t refusal, bytes before, const char *what) {
    const int asked = refusal != 0 && m->log.refusal == 0;
    m->log.refusal = 0;
    if (!asked) {
        expect(got != HPM_ERROR_CALLBACK, "%s, %s: refused by nobody", m->algorithm, what);
        free(before.data);
        return 0;
    }
    expect(got == HPM_ERROR_CALLBACK && hpm_last_callback_status() == refusal,
           "%s, %s: %s and %d, not a refusal with %d", m->algorithm, what, hpm_status_name(got),
           (int)hpm_last_callback_status(), (int)refusal);
    expect(unchanged(m->population, before), "%s, %s: a refused call changed the state",
           m->algorithm, what);
    return 1;
}

static void expect_pinned(model *m, const delivery *task) {
    size_t report = 0;
    int32_t releasable = 1;
    expect_status(hpm_student_source_report(m->population, task->student, &report), HPM_OK,
                  "source_report");
    expect(task->source < m->size && !m->retired[task->source],
           "%s: student %zu is given %zu, which is gone", m->algorithm, task->student,
           task->source);
    expect(report <= m->reports[task->source], "%s: report %zu of %zu", m->algorithm, report,
           m->reports[task->source]);
    if (report == 0) return;
    must(hpm_checkpoint_releasable(m->population, task->source, report, &releasable));
    expect(!releasable, "%s: checkpoint %zu of %zu may go, though it is asked for", m->algorithm,
           report, task->source);
}

static void ask(model *m, size_t student) {
    delivery task = {0};
    double h[DIMENSION], again[DIMENSION];
    task.student = student;
    const bytes before = saved(m->population);
    const int32_t refusal = maybe_refuse(m);
    hpm_status got = hpm_student_next_ticket(m->population, student, &task.action, &task.source,
                                             &task.ticket, h, DIMENSION);
    if (was_refused(m, got, refusal, before, "next")) return;
    expect_status(got, HPM_OK, "next");
    expect(task.action != HPM_ACTION_WAIT, "%s: student %zu waits", m->algorithm, student);
    if (task.action == HPM_ACTION_STOP || task.action == HPM_ACTION_WAIT) {
        expect(task.ticket == 0, "%s: a ticket to stop", m->algorithm);
        expect(m->retired[student] || m->reports[student] >= STEPS,
               "%s: student %zu stops after %zu reports", m->algorithm, student,
               m->reports[student]);
        m->stopped[student] = 1;
        return;
    }
    expect(!m->retired[student] && task.ticket > 0, "%s: a task for a retired student",
           m->algorithm);
    expect(m->actions >> task.action & 1, "%s: action %d", m->algorithm, (int)task.action);
    expect(m->out[student] == 0 || m->unsure[student] || m->out[student] == task.ticket,
           "%s: another ticket while one is out", m->algorithm);
    m->out[student] = task.ticket;
    m->unsure[student] = 0;

    /* Asked again it is the same. */
    hpm_action action;
    size_t source;
    uint64_t ticket;
    must(hpm_student_next_ticket(m->population, student, &action, &source, &ticket, again,
                                 DIMENSION));
    expect(action == task.action && source == task.source && ticket == task.ticket &&
               memcmp(h, again, sizeof h) == 0,
           "%s: another answer when asked again", m->algorithm);
    if (task.action == HPM_ACTION_CLONE || task.action == HPM_ACTION_EVALUATE) {
        expect_pinned(m, &task);
    } else {
        expect(task.source == student, "%s: student %zu has source %zu", m->algorithm, student,
               task.source);
    }

    task.loss = bowl(h, student, task.gradient);
    if (one_in(15)) task.loss = one_in(2) ? NAN : INFINITY;
    if (strcmp(m->algorithm, "memetic") != 0 && one_in(10)) task.gradient[below(DIMENSION)] = NAN;
    m->tasks[student] = task;
    /* A worker in ten is lost with its task. */
    if (m->waiting < MOST_DELIVERIES && !one_in(10)) m->deliveries[m->waiting++] = task;
}

static standing standing_of(const model *m, const delivery *report) {
    if (m->out[report->student] != report->ticket) return STALE;
    return m->unsure[report->student] ? EITHER : OUT;
}

static void deliver(model *m) {
    const size_t at = below(m->waiting);
    const delivery report = m->deliveries[at];
    const standing standing = standing_of(m, &report);
    const size_t n = strcmp(m->algorithm, "memetic") != 0 && one_in(8) ? 0 : DIMENSION;
    if (standing == OUT && one_in(4)) {
        must(hpm_student_report_cost(m->population, report.student, (double)below(9), 0.5));
    }
    const bytes before = saved(m->population);
    const int32_t refusal = maybe_refuse(m);
    const hpm_status got =
        hpm_student_report_ticket(m->population, report.student, report.ticket, report.loss,
                                  n ? report.gradient : NULL, n);
    if (got == HPM_STALE) {
        m->log.refusal = 0;
        expect(standing != OUT, "%s: the first report of a ticket is stale", m->algorithm);
        expect(unchanged(m->population, before), "%s: a stale report changed the state",
               m->algorithm);
    } else if (was_refused(m, got, refusal, before, "report")) {
        return;
    } else {
        expect_status(got, HPM_OK, "report");
        expect(standing != STALE, "%s: a stale report was taken", m->algorithm);
        if (standing != STALE) {
            m->out[report.student] = 0;
            m->unsure[report.student] = 0;
            m->reports[report.student] += report.action == HPM_ACTION_TRAIN;
            m->joining[report.student] = 0;
        }
    }
    /* One in five comes again. */
    if (!one_in(5)) m->deliveries[at] = m->deliveries[--m->waiting];
    expect(reports_of(m->population, report.student) == m->reports[report.student],
           "%s: %zu reports, not %zu", m->algorithm,
           reports_of(m->population, report.student), m->reports[report.student]);
}

static void give_back(model *m, size_t student) {
    const int out = m->out[student] != 0;
    const bytes before = saved(m->population);
    const int32_t refusal = maybe_refuse(m);
    const hpm_status got = hpm_student_release(m->population, student);
    if (got == HPM_ERROR_ORDER) {
        m->log.refusal = 0;
        expect(!out || m->unsure[student], "%s: a task that can't be given back", m->algorithm);
        expect(unchanged(m->population, before), "%s: release without a task", m->algorithm);
        return;
    }
    if (was_refused(m, got, refusal, before, "release")) return;
    expect_status(got, HPM_OK, "release");
    expect(out, "%s: nothing was out", m->algorithm);
    m->out[student] = 0;
    m->unsure[student] = 0;
}

static size_t living(const model *m) {
    size_t count = 0;
    for (size_t k = 0; k < m->size; k++) count += !m->retired[k];
    return count;
}

static void retire(model *m, size_t student) {
    const bytes before = saved(m->population);
    const int32_t refusal = maybe_refuse(m);
    const hpm_status got = hpm_student_retire(m->population, student);
    if (m->retired[student]) {
        m->log.refusal = 0;
        expect_status(got, HPM_ERROR_ORDER, "retired again");
        expect(unchanged(m->population, before), "%s: retired again", m->algorithm);
        return;
    }
    if (was_refused(m, got, refusal, before, "retire")) return;
    expect_status(got, HPM_OK, "retire");
    m->retired[student] = 1;
    m->out[student] = 0;
    /* What was to be copied of it is copied of another, or not at all. */
    for (size_t k = 0; k < m->size; k++) {
        if (m->out[k] && m->tasks[k].source == student) m->unsure[k] = 1;
        /* One that joins and has nobody left to be a clone of starts on its own. */
        if (m->joining[k] && reports_of(m->population, k) == 0) {
            m->reports[k] = 0;
            m->stopped[k] = 0;
        }
    }
}

static void grow(model *m) {
    const size_t count = 1 + below(2);
    const hpm_origin origin = one_in(2) ? HPM_ORIGIN_CLONE : HPM_ORIGIN_DRAWN;
    if (m->size + count > MOST) return;
    const bytes before = saved(m->population);
    const int32_t refusal = maybe_refuse(m);
    const hpm_status got = hpm_population_grow(m->population, count, origin);
    if (origin == HPM_ORIGIN_CLONE && !(m->actions >> HPM_ACTION_CLONE & 1)) {
        m->log.refusal = 0;
        expect_status(got, HPM_ERROR_ARGUMENT, "clones where there are none");
        expect(unchanged(m->population, before), "%s: no growth", m->algorithm);
        return;
    }
    if (was_refused(m, got, refusal, before, "grow")) return;
    expect_status(got, HPM_OK, "grow");
    size_t size;
    must(hpm_population_size(m->population, &size));
    expect(size == m->size + count, "%s: %zu students", m->algorithm, size);
    /* A clone goes on from its source's report. */
    for (; m->size < size; m->size++) {
        m->reports[m->size] = reports_of(m->population, m->size);
        m->joining[m->size] = origin == HPM_ORIGIN_CLONE;
    }
}

/* Applies the log from `from` on in pieces that end anywhere. */
static void replay_in_pieces(hpm_population *population, bytes log, size_t from) {
    size_t end = from;
    while (from < log.size) {
        end += 1 + below(300);
        if (end > log.size) end = log.size;
        size_t applied = 0;
        const hpm_status got =
            hpm_population_replay(population, log.data + from, end - from, &applied);
        expect(got == (applied == end - from ? HPM_OK : HPM_PARTIAL), "a piece of a log: %s: %s",
               hpm_status_name(got), got < 0 ? hpm_last_error() : "");
        if (got < 0) return;
        from += applied;
    }
}

static void test_arrivals(const char *algorithm) {
    model m;
    witness seen, again;
    memset(&m, 0, sizeof m);
    m.algorithm = algorithm;
    m.size = 4 + below(4);
    char students[8];
    snprintf(students, sizeof students, "%zu", m.size);
    m.population = make(algorithm, students);
    m.log.population = m.population;
    must(hpm_population_actions(m.population, &m.actions));
    must(hpm_population_log(m.population, record, &m.log));
    watch(m.population, &seen, HPM_EVENT_ALL);

    bytes middle = {NULL, 0};
    size_t middle_at = 0;
    const size_t middle_turn = below(300);
    size_t turn = 0;
    for (; turn < MOST_TURNS; turn++) {
        if (turn == middle_turn) {
            middle = saved(m.population);
            middle_at = m.log.inputs.size;
        }
        const size_t student = below(m.size), what = below(100);
        if (what < 45) {
            ask(&m, student);
        } else if (what < 92) {
            if (m.waiting) deliver(&m);
        } else if (what < 97) {
            give_back(&m, student);
        } else if (what < 98) {
            if (living(&m) > 3 || m.retired[student]) retire(&m, student);
        } else if (one_in(6)) {
            grow(&m);
        }
        int over = 1;
        for (size_t k = 0; k < m.size; k++) over = over && (m.stopped[k] || m.retired[k]);
        if (over && m.waiting == 0) break;
    }
    expect(turn < MOST_TURNS, "%s: no end after %d turns", algorithm, MOST_TURNS);
    for (size_t k = 0; k < m.size; k++) {
        expect(m.retired[k] || m.reports[k] == STEPS, "%s: student %zu has made %zu reports",
               algorithm, k, m.reports[k]);
    }
    expect_counts(m.population, &seen, algorithm);
    expect(m.log.faults == 0, "%s: %zu faults inside the log", algorithm, m.log.faults);

    /* From the start in one piece, with the same events; from the start and from the middle in
     * many. */
    const bytes end = saved(m.population);
    size_t applied = 0;
    hpm_population *whole = make(algorithm, students), *pieces = make(algorithm, students);
    watch(whole, &again, HPM_EVENT_ALL);
    expect_status(hpm_population_replay(whole, m.log.inputs.data, m.log.inputs.size, &applied),
                  HPM_OK, "replay");
    expect(applied == m.log.inputs.size && unchanged(whole, saved(m.population)),
           "%s: a replay ends elsewhere", algorithm);
    expect(seen.digest == again.digest, "%s: a replay has other events", algorithm);
    expect_counts(whole, &again, algorithm);
    replay_in_pieces(pieces, m.log.inputs, 0);
    expect(unchanged(pieces, end), "%s: a replay in pieces ends elsewhere", algorithm);
    if (middle.data) {
        hpm_population *loaded = NULL;
        must(hpm_population_load(middle.data, middle.size, &loaded));
        replay_in_pieces(loaded, m.log.inputs, middle_at);
        expect(unchanged(loaded, saved(m.population)), "%s: from a snapshot it ends elsewhere",
               algorithm);
        must(hpm_population_destroy(loaded));
    }
    must(hpm_population_destroy(whole));
    must(hpm_population_destroy(pieces));
    must(hpm_population_destroy(m.population));
    free(middle.data);
    free(m.log.inputs.data);
}

/* --- Several threads --- */

typedef struct {
    hpm_population *population;
    size_t student;
    const char *fault;
} worker;

/* Each report is delivered twice: the second one is stale, whatever the others do. */
static void *work(void *argument) {
    worker *self = argument;
    for (;;) {
        hpm_action action;
        uint64_t ticket;
        double h[DIMENSION], gradient[DIMENSION];
        const hpm_status asked = hpm_student_next_ticket(self->population, self->student, &action,
                                                         NULL, &ticket, h, DIMENSION);
        if (asked != HPM_OK || action == HPM_ACTION_WAIT) {
            self->fault = asked == HPM_OK ? "WAIT" : hpm_status_name(asked);
            return NULL;
        }
        if (action == HPM_ACTION_STOP) return NULL;
        const double loss = bowl(h, self->student, gradient);
        for (int time = 0; time < 2; time++) {
            const hpm_status got = hpm_student_report_ticket(
                self->population, self->student, ticket, loss, gradient, DIMENSION);
            if (got != (time == 0 ? HPM_OK : HPM_STALE)) self->fault = hpm_status_name(got);
        }
        sched_yield();
    }
}

static void test_threads(const char *algorithm) {
    worker workers[THREADS];
    pthread_t threads[THREADS];
    witness seen, again, few;
    recorder log = {0};
    hpm_population *population = make(algorithm, "6"), *replayed = make(algorithm, "6");
    log.population = population;
    must(hpm_population_log(population, record, &log));
    watch(population, &seen, HPM_EVENT_ALL);
    watch(population, &few, HPM_EVENT_TRAINED | HPM_EVENT_CLONED);
    for (size_t k = 0; k < THREADS; k++) {
        workers[k] = (worker){population, k, NULL};
        must(pthread_create(&threads[k], NULL, work, &workers[k]) == 0 ? 0 : HPM_ERROR_MEMORY);
    }
    for (size_t k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
        expect(!workers[k].fault, "%s, thread %zu: %s", algorithm, k, workers[k].fault);
    }
    expect_counts(population, &seen, algorithm);
    expect(few.trained == seen.trained && few.cloned == seen.cloned && few.unasked == 0,
           "%s: an observer of two kinds sees others", algorithm);
    expect(seen.trained == THREADS * STEPS, "%s: %zu reports", algorithm, seen.trained);
    expect(log.faults == 0, "%s: %zu faults inside the log", algorithm, log.faults);

    watch(replayed, &again, HPM_EVENT_ALL);
    expect_status(hpm_population_replay(replayed, log.inputs.data, log.inputs.size, NULL), HPM_OK,
                  "replay");
    expect(unchanged(replayed, saved(population)) && seen.digest == again.digest,
           "%s: what threads did replays to something else", algorithm);
    free(log.inputs.data);
    must(hpm_population_destroy(population));
    must(hpm_population_destroy(replayed));
}

/* --- An observer that refuses --- */

static int32_t object(void *context, const hpm_event *event) {
    (void)event;
    *(int *)context += 1;
    return 77;
}

static void test_observers_that_object(void) {
    hpm_population *population = make("pbt", "4");
    hpm_action action;
    double h[DIMENSION], gradient[DIMENSION];
    size_t observer;
    int calls = 0;
    must(hpm_population_observe(population, HPM_EVENT_TRAINED, object, &calls, &observer));
    for (int report = 1; report <= 2; report++) {
        must(hpm_student_next(population, 0, &action, NULL, h, DIMENSION));
        const double loss = bowl(h, 0, gradient);
        expect_status(hpm_student_report(population, 0, loss, gradient, DIMENSION), HPM_OBSERVER,
                      "an observer that objects");
        expect(hpm_last_callback_status() == 77, "%d", (int)hpm_last_callback_status());
        expect(calls == report && reports_of(population, 0) == (size_t)report,
               "%d calls: the report was taken all the same", calls);
    }
    must(hpm_population_unobserve(population, observer));
    expect_status(hpm_population_unobserve(population, observer), HPM_ERROR_ARGUMENT,
                  "an observer that ended before");
    must(hpm_student_next(population, 0, &action, NULL, h, DIMENSION));
    expect_status(hpm_student_report(population, 0, 1, NULL, 0), HPM_OK, "nobody objects");
    expect(calls == 2, "%d calls after the end", calls);
    must(hpm_population_destroy(population));
}

int main(int count, char **arguments) {
    const uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : (uint64_t)time(NULL);
    const size_t runs = count > 2 ? (size_t)strtoull(arguments[2], NULL, 10) : 8;
    printf("seed %llu, %zu runs of each algorithm\n", (unsigned long long)seed, runs);
    state = seed;
    size_t algorithms_tested = 0;
    for (const char *name; (name = hpm_algorithm_name(algorithms_tested)); algorithms_tested++) {
        for (size_t run = 0; run < runs; run++) test_arrivals(name);
        test_threads(name);
    }
    expect(algorithms_tested == 13, "%zu algorithms", algorithms_tested);
    test_observers_that_object();
    return finish();
}
