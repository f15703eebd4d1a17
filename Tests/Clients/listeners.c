/*
 * Logs and observers that do what they should not: change or destroy the population that calls
 * them, end themselves or one another, fail. A clear status each time, and a state that is whole.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "client.h"

enum { STUDENTS = 4 };

static hpm_population *make(const char *schedule, const char *steps) {
    const char *const more[] = {"schedule", schedule, NULL};
    return make_population("hpm", "4", steps, more);
}

static hpm_action next_of(hpm_population *population, size_t student) {
    hpm_action action;
    double h[DIMENSION];
    must(hpm_student_next(population, student, &action, NULL, h, DIMENSION));
    return action;
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    (void)n;
    *loss = bowl(h, student, hypergradient);
    *has_hypergradient = 1;
    if (context) *(int *)context += 1;
    return 0;
}

static int32_t copy_weights(void *context, size_t source, size_t student) {
    (void)context, (void)source, (void)student;
    return 0;
}

static const hpm_trainer trainer = {sizeof trainer, train, train, copy_weights, NULL};

/* --- Everything that changes a population --- */

typedef struct {
    const char *name;
    hpm_status (*call)(hpm_population *population);
} change;

static hpm_status call_next(hpm_population *population) {
    hpm_action action;
    double h[DIMENSION];
    return hpm_student_next(population, 1, &action, NULL, h, DIMENSION);
}

static hpm_status call_next_ticket(hpm_population *population) {
    hpm_action action;
    uint64_t ticket;
    double h[DIMENSION];
    return hpm_student_next_ticket(population, 1, &action, NULL, &ticket, h, DIMENSION);
}

static hpm_status call_next_all(hpm_population *population) {
    hpm_action actions[STUDENTS];
    double h[STUDENTS * DIMENSION];
    return hpm_population_next_all(population, actions, NULL, h, STUDENTS, DIMENSION);
}

static hpm_status call_set_initial(hpm_population *population) {
    const double h[DIMENSION] = {0.5, 0, 0.5, 3, 0.1, 0.2, 0.3, 0.4};
    return hpm_student_set_initial(population, 2, h, DIMENSION);
}

static hpm_status call_report_cost(hpm_population *population) {
    return hpm_student_report_cost(population, 0, 2, 1);
}

static hpm_status call_report(hpm_population *population) {
    return hpm_student_report(population, 0, 1, NULL, 0);
}

/* The first ticket that the population gave. */
static hpm_status call_report_ticket(hpm_population *population) {
    return hpm_student_report_ticket(population, 0, 1, 1, NULL, 0);
}

static hpm_status call_report_all(hpm_population *population) {
    const double losses[STUDENTS] = {1, 2, 3, 4};
    return hpm_population_report_all(population, losses, NULL, STUDENTS, 0);
}

static hpm_status call_release(hpm_population *population) {
    return hpm_student_release(population, 0);
}

static hpm_status call_retire(hpm_population *population) {
    return hpm_student_retire(population, 0);
}

static hpm_status call_grow(hpm_population *population) {
    return hpm_population_grow(population, 1, HPM_ORIGIN_DRAWN);
}

static hpm_status call_set_steps(hpm_population *population) {
    return hpm_population_set_steps(population, 1000);
}

static hpm_status call_stop(hpm_population *population) { return hpm_population_stop(population); }

/* Of which each is one input, allowed where student 0 has its task and the others have none. */
static const change inputs[] = {
    {"next", call_next},
    {"next_ticket", call_next_ticket},
    {"next_all", call_next_all},
    {"set_initial", call_set_initial},
    {"report_cost", call_report_cost},
    {"report", call_report},
    {"report_ticket", call_report_ticket},
    {"release", call_release},
    {"retire", call_retire},
    {"grow", call_grow},
    {"set_steps", call_set_steps},
    {"stop", call_stop},
};
enum { INPUTS = sizeof inputs / sizeof *inputs };

static hpm_status call_run(hpm_population *population) {
    return hpm_population_run(population, &trainer, NULL);
}

static hpm_status call_replay(hpm_population *population) {
    const uint8_t nothing = 0;
    return hpm_population_replay(population, &nothing, 0, NULL);
}

static hpm_status call_destroy(hpm_population *population) {
    return hpm_population_destroy(population);
}

static const change others[] = {
    {"report_all", call_report_all},
    {"run", call_run},
    {"replay", call_replay},
    {"destroy", call_destroy},
};
enum { OTHERS = sizeof others / sizeof *others };

static void expect_busy(hpm_population *population, const char *where) {
    bytes before = saved(population);
    for (size_t i = 0; i < INPUTS + OTHERS; i++) {
        const change *one = i < INPUTS ? &inputs[i] : &others[i - INPUTS];
        if (one->call == call_stop) continue;
        const hpm_status got = one->call(population);
        expect(got == HPM_ERROR_BUSY, "%s inside %s: %s", one->name, where, hpm_status_name(got));
        expect(strstr(hpm_last_error(), "observer") || strstr(hpm_last_error(), "run"),
               "%s inside %s: '%s'", one->name, where, hpm_last_error());
    }
    expect(unchanged(population, before), "a call inside %s changed the state", where);
}

/* --- Listeners that call in --- */

typedef struct {
    hpm_population *population;
    const char *where;
    int calls;
} caller;

static int32_t log_that_calls(void *context, const uint8_t *data, size_t size) {
    caller *self = context;
    (void)data, (void)size;
    self->calls++;
    expect_busy(self->population, self->where);
    return 0;
}

static int32_t observer_that_calls(void *context, const hpm_event *event) {
    caller *self = context;
    (void)event;
    self->calls++;
    expect_busy(self->population, self->where);
    return 0;
}

static void test_calls_inside(const char *schedule) {
    caller log = {make(schedule, "9"), "a log", 0}, observer = {log.population, "an observer", 0};
    hpm_population *population = log.population;
    must(hpm_population_log(population, log_that_calls, &log));
    must(hpm_population_observe(population, HPM_EVENT_ALL, observer_that_calls, &observer, NULL));
    next_of(population, 0);
    expect(log.calls == 1 && observer.calls == 0, "a task that begins: %d and %d calls", log.calls,
           observer.calls);
    expect_status(call_report(population), HPM_OK, "a report");
    expect(log.calls == 2 && observer.calls == 1, "a report: %d and %d calls", log.calls,
           observer.calls);
    log.where = "a log of a run";
    observer.where = "an observer of a run";
    int trained = 0;
    expect_status(hpm_population_run(population, &trainer, &trained), HPM_OK, "a run");
    expect(trained >= STUDENTS * 9 - 1, "%d tasks in the run", trained);
    expect(log.calls > 2 * trained && observer.calls > trained, "a run: %d and %d calls", log.calls,
           observer.calls);
    expect_status(hpm_population_destroy(population), HPM_OK, "after all calls have returned");
}

/* --- Listeners that stop the run --- */

static int32_t observer_that_stops(void *context, const hpm_event *event) {
    caller *self = context;
    if (event->kind == HPM_EVENT_STOPPED) return 0;
    self->calls++;
    expect_status(hpm_population_stop(self->population), HPM_OK, "stop inside an observer");
    return 0;
}

static int32_t log_that_stops(void *context, const uint8_t *data, size_t size) {
    caller *self = context;
    (void)data, (void)size;
    if (self->calls++ == 0) {
        expect_status(hpm_population_stop(self->population), HPM_OK, "stop inside a log");
    }
    return 0;
}

/* The call that the listener is told of succeeds, and the stop follows it. */
static void test_stops_inside(const char *schedule) {
    for (int is_log = 0; is_log < 2; is_log++) {
        caller self = {make(schedule, "9"), "", 0};
        hpm_population *population = self.population;
        next_of(population, 0);
        if (is_log) {
            must(hpm_population_log(population, log_that_stops, &self));
        } else {
            must(hpm_population_observe(population, HPM_EVENT_ALL, observer_that_stops, &self, NULL));
        }
        expect_status(call_report(population), HPM_OK, "a report whose listener stops");
        size_t reports;
        must(hpm_student_reports(population, 0, &reports));
        expect(reports == 1, "%zu reports", reports);
        for (size_t k = 0; k < STUDENTS; k++) {
            expect(next_of(population, k) == HPM_ACTION_STOP, "student %zu goes on", k);
        }
        /* The log sees the stop as an input of its own. */
        expect(self.calls == 1 + is_log, "%d calls", self.calls);
        must(hpm_population_destroy(population));
    }
    caller self = {make(schedule, "9"), "", 0};
    must(hpm_population_observe(self.population, HPM_EVENT_ALL, observer_that_stops, &self, NULL));
    int trained = 0;
    expect_status(hpm_population_run(self.population, &trainer, &trained), HPM_STOPPED, "a run");
    expect(trained == 1, "%d tasks in the run", trained);
    must(hpm_population_destroy(self.population));
}

/* --- Listeners that end --- */

typedef struct ender {
    hpm_population *population;
    size_t number;
    int calls, *count;
    /* Whom it ends at its first event. */
    struct ender *ended;
} ender;

static ender *make_ender(hpm_population *population, int *count) {
    ender *self = calloc(1, sizeof *self);
    self->population = population;
    self->count = count;
    return self;
}

/* The context of an observer that ended is freed: whoever sees an event after that crashes here, or
 * shows under valgrind. */
static int32_t observer_that_ends(void *context, const hpm_event *event) {
    ender *self = context;
    hpm_population *population = self->population;
    (void)event;
    *self->count += 1;
    if (!self->ended) return 0;
    ender *ended = self->ended;
    self->ended = NULL;
    expect_status(hpm_population_unobserve(population, ended->number), HPM_OK,
                  "an observer that is ended inside");
    expect_status(hpm_population_unobserve(population, ended->number), HPM_ERROR_ARGUMENT,
                  "an observer that has ended");
    memset(ended, 0xa5, sizeof *ended);
    free(ended);
    /* Also where nobody listens any more. */
    expect_busy(population, "an observer that has ended");
    return 0;
}

static void observe(ender *self) {
    must(hpm_population_observe(self->population, HPM_EVENT_ALL, observer_that_ends, self,
                                &self->number));
}

static void test_observers_that_end(void) {
    /* A stop is an event of each student: after the first it sees no more. */
    int own = 0, first = 0, second = 0, third = 0;
    hpm_population *population = make("asynchronous", "9");
    ender *self = make_ender(population, &own);
    observe(self);
    self->ended = self;
    expect_status(hpm_population_stop(population), HPM_OK, "stop");
    expect(own == 1, "an observer that ends itself sees %d events", own);
    must(hpm_population_destroy(population));

    /* One that ends another which has not seen the events yet. */
    population = make("asynchronous", "9");
    ender *one = make_ender(population, &first), *two = make_ender(population, &second),
          *last = make_ender(population, &third);
    observe(one);
    observe(two);
    observe(last);
    one->ended = two;
    expect_status(hpm_population_stop(population), HPM_OK, "stop");
    expect(first == STUDENTS && second == 0 && third == STUDENTS,
           "one that ends another: %d, %d and %d events", first, second, third);
    must(hpm_population_destroy(population));
    free(one);
    free(last);
}

static int32_t log_that_ends(void *context, const uint8_t *data, size_t size) {
    caller *self = context;
    (void)data, (void)size;
    self->calls++;
    expect_status(hpm_population_log(self->population, NULL, NULL), HPM_OK, "a log that ends");
    expect_busy(self->population, "a log that has ended");
    return 0;
}

static void test_logs_that_end(void) {
    caller log = {make("asynchronous", "9"), "", 0};
    hpm_population *population = log.population, *plain = make("asynchronous", "9");
    must(hpm_population_log(population, log_that_ends, &log));
    next_of(population, 0);
    next_of(plain, 0);
    expect_status(call_report(population), HPM_OK, "a report without a log");
    must(call_report(plain));
    expect(log.calls == 1, "a log that ended was called %d times", log.calls);
    expect(unchanged(population, saved(plain)), "a log that ends changes the run");
    must(hpm_population_destroy(population));
    must(hpm_population_destroy(plain));
}

/* --- Listeners that join --- */

typedef struct {
    hpm_population *population;
    int calls, joined;
} host;

static int32_t count_event(void *context, const hpm_event *event) {
    (void)event;
    *(int *)context += 1;
    return 0;
}

static int32_t observer_that_invites(void *context, const hpm_event *event) {
    host *self = context;
    (void)event;
    if (self->calls++ == 0) {
        must(hpm_population_observe(self->population, HPM_EVENT_ALL, count_event, &self->joined,
                                    NULL));
    }
    return 0;
}

static void test_observers_that_join(void) {
    host self = {make("asynchronous", "9"), 0, 0};
    must(hpm_population_observe(self.population, HPM_EVENT_TRAINED, observer_that_invites, &self,
                                NULL));
    next_of(self.population, 0);
    must(call_report(self.population));
    expect(self.joined == 0, "one that joins sees %d events of before", self.joined);
    must(hpm_population_stop(self.population));
    expect(self.joined == STUDENTS, "one that has joined sees %d events", self.joined);
    must(hpm_population_destroy(self.population));
}

/* --- Listeners that fail --- */

typedef struct {
    int calls;
    int32_t answer;
    bytes inputs;
} refuser;

static int32_t log_that_refuses(void *context, const uint8_t *data, size_t size) {
    refuser *self = context;
    self->calls++;
    if (self->answer == 0) append(&self->inputs, data, size);
    return self->answer;
}

/* Each kind of input is refused with the log's number, and nothing has changed; then it is taken,
 * and the log, without what it refused, replays to the same state. */
static void test_logs_that_refuse(const char *schedule) {
    static const int32_t answers[] = {1, -1, 42, -5, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < INPUTS; i++) {
        hpm_population *population = make(schedule, "9"), *replayed = make(schedule, "9");
        refuser log = {0};
        must(hpm_population_log(population, log_that_refuses, &log));
        next_of(population, 0);
        log.calls = 0;
        for (size_t j = 0; j < sizeof answers / sizeof *answers; j++) {
            log.answer = answers[j];
            bytes before = saved(population);
            const hpm_status got = inputs[i].call(population);
            expect(got == HPM_ERROR_CALLBACK && hpm_last_callback_status() == answers[j],
                   "%s, refused with %d: %s, %d", inputs[i].name, (int)answers[j],
                   hpm_status_name(got), (int)hpm_last_callback_status());
            char number[16];
            snprintf(number, sizeof number, "%d", (int)answers[j]);
            expect(strstr(hpm_last_error(), number) && strstr(hpm_last_error(), "log"),
                   "%s, refused: '%s'", inputs[i].name, hpm_last_error());
            expect(log.calls == (int)j + 1, "%s: %d calls of the log", inputs[i].name, log.calls);
            expect(unchanged(population, before), "%s, refused, changed the state",
                   inputs[i].name);
        }
        log.answer = 0;
        expect_status(inputs[i].call(population), HPM_OK, inputs[i].name);
        expect_status(hpm_population_replay(replayed, log.inputs.data, log.inputs.size, NULL),
                      HPM_OK, "replay");
        expect(unchanged(replayed, saved(population)), "%s: the replay ends elsewhere",
               inputs[i].name);
        const int is_over = next_of(population, 3) == HPM_ACTION_STOP;
        expect(is_over == (strcmp(inputs[i].name, "stop") == 0) &&
                   is_over == (next_of(replayed, 3) == HPM_ACTION_STOP),
               "%s: one of the two has stopped", inputs[i].name);
        free(log.inputs.data);
        must(hpm_population_destroy(population));
        must(hpm_population_destroy(replayed));
    }
}

/* What is handed out is not written where the log refuses. */
static void test_outputs_of_refused_calls(void) {
    hpm_population *population = make("synchronous", "9");
    refuser log = {0, 7, {NULL, 0}};
    hpm_action actions[STUDENTS];
    uint64_t ticket = 12345;
    size_t sources[STUDENTS];
    double h[STUDENTS * DIMENSION];
    must(hpm_population_log(population, log_that_refuses, &log));
    memset(actions, 0xa5, sizeof actions);
    memset(sources, 0xa5, sizeof sources);
    memset(h, 0xa5, sizeof h);
    expect(hpm_student_next_ticket(population, 0, actions, sources, &ticket, h, DIMENSION) ==
               HPM_ERROR_CALLBACK, "next_ticket");
    expect(hpm_population_next_all(population, actions, sources, h, STUDENTS, DIMENSION) ==
               HPM_ERROR_CALLBACK, "next_all");
    int touched = ticket != 12345;
    for (size_t i = 0; i < sizeof actions; i++) touched += ((uint8_t *)actions)[i] != 0xa5;
    for (size_t i = 0; i < sizeof sources; i++) touched += ((uint8_t *)sources)[i] != 0xa5;
    for (size_t i = 0; i < sizeof h; i++) touched += ((uint8_t *)h)[i] != 0xa5;
    expect(!touched, "%d outputs of refused calls were written", touched);

    /* An array of reports is refused as one. */
    log.answer = 0;
    must(hpm_population_next_all(population, actions, sources, h, STUDENTS, DIMENSION));
    log.answer = 7;
    bytes before = saved(population);
    expect_status(call_report_all(population), HPM_ERROR_CALLBACK, "report_all");
    expect(unchanged(population, before), "a refused report_all changed the state");
    log.answer = 0;
    expect_status(call_report_all(population), HPM_OK, "report_all");
    free(log.inputs.data);
    must(hpm_population_destroy(population));
}

typedef struct {
    int calls, fails_at;
    int32_t answer;
} failer;

static int32_t log_that_fails(void *context, const uint8_t *data, size_t size) {
    failer *self = context;
    (void)data, (void)size;
    return ++self->calls == self->fails_at ? self->answer : 0;
}

static int32_t observer_that_fails(void *context, const hpm_event *event) {
    failer *self = context;
    (void)event;
    return ++self->calls == self->fails_at ? self->answer : 0;
}

/* Whichever of its inputs a log refuses, and whichever event an observer objects to: the run ends
 * with its number, and a second one makes the reports that are missing. With the synchronous
 * schedule, where the order of reports is nothing, it ends as one that nobody disturbed. */
static void test_runs_that_are_disturbed(const char *schedule) {
    failer whole_log = {0}, whole_observer = {0};
    hpm_population *whole = make(schedule, "6");
    must(hpm_population_log(whole, log_that_fails, &whole_log));
    must(hpm_population_observe(whole, HPM_EVENT_ALL, observer_that_fails, &whole_observer, NULL));
    must(hpm_population_run(whole, &trainer, NULL));
    bytes end = saved(whole);
    for (int is_log = 0; is_log < 2; is_log++) {
        const char *who = is_log ? "log" : "observer";
        const int calls = is_log ? whole_log.calls : whole_observer.calls;
        for (int at = 1; at <= calls; at++) {
            failer self = {0, at, at % 2 ? at : -at};
            hpm_population *population = make(schedule, "6");
            if (is_log) {
                must(hpm_population_log(population, log_that_fails, &self));
            } else {
                must(hpm_population_observe(population, HPM_EVENT_ALL, observer_that_fails, &self,
                                            NULL));
            }
            const hpm_status got = hpm_population_run(population, &trainer, NULL);
            expect(got == HPM_ERROR_CALLBACK && hpm_last_callback_status() == self.answer &&
                       strstr(hpm_last_error(), who),
                   "a run whose %s returns %d: %s, %d, '%s'", who, (int)self.answer,
                   hpm_status_name(got), (int)hpm_last_callback_status(), hpm_last_error());
            expect_status(hpm_population_run(population, &trainer, NULL), HPM_OK, "a second run");
            double reports;
            must(hpm_population_count(population, "training_reports", &reports));
            expect(reports == STUDENTS * 6, "a run whose %s failed at %d: %g reports", who, at,
                   reports);
            expect(strcmp(schedule, "asynchronous") == 0 || stands_at(population, end),
                   "a run whose %s failed at %d ends elsewhere", who, at);
            must(hpm_population_destroy(population));
        }
    }
    free(end.data);
    must(hpm_population_destroy(whole));
}

/* --- Listeners of two populations --- */

typedef struct {
    hpm_population *own, *other;
    int calls;
    hpm_status inside, own_inside;
} neighbour;

static int32_t observer_that_reports(void *context, const hpm_event *event) {
    neighbour *self = context;
    (void)event;
    self->calls++;
    self->inside = call_report(self->other);
    return 11;
}

static int32_t observer_that_returns(void *context, const hpm_event *event) {
    neighbour *self = context;
    (void)event;
    self->calls++;
    self->own_inside = call_grow(self->other);
    return 22;
}

static int32_t observer_that_errs(void *context, const hpm_event *event) {
    (void)context, (void)event;
    expect(hpm_space_create(NULL) == HPM_ERROR_ARGUMENT, "no place for a space");
    return 33;
}

/* An observer of one population changes another, whose observer comes back to the first. */
static void test_neighbours(void) {
    hpm_population *one = make("asynchronous", "9"), *two = make("asynchronous", "9");
    neighbour first = {one, two, 0, 1, 1}, second = {two, one, 0, 1, 1};
    must(hpm_population_observe(one, HPM_EVENT_TRAINED, observer_that_reports, &first, NULL));
    must(hpm_population_observe(one, HPM_EVENT_TRAINED, observer_that_errs, NULL, NULL));
    must(hpm_population_observe(two, HPM_EVENT_TRAINED, observer_that_returns, &second, NULL));
    next_of(one, 0);
    next_of(two, 0);
    expect_status(call_report(one), HPM_OBSERVER, "a report that two object to");
    expect(first.calls == 1 && first.inside == HPM_OBSERVER && second.calls == 1 &&
               second.own_inside == HPM_ERROR_BUSY,
           "%d and %d calls; %s and %s", first.calls, second.calls, hpm_status_name(first.inside),
           hpm_status_name(second.own_inside));
    /* Of two the first, whatever happened inside either. */
    expect(hpm_last_callback_status() == 11 && strstr(hpm_last_error(), "11"), "%d, '%s'",
           (int)hpm_last_callback_status(), hpm_last_error());
    size_t reports[2];
    must(hpm_student_reports(one, 0, &reports[0]));
    must(hpm_student_reports(two, 0, &reports[1]));
    expect(reports[0] == 1 && reports[1] == 1, "%zu and %zu reports", reports[0], reports[1]);
    must(hpm_population_destroy(one));
    must(hpm_population_destroy(two));
}

/* --- Two threads --- */

typedef struct {
    hpm_population *population;
    atomic_int is_inside, is_over, was_over;
    hpm_status status;
    hpm_status (*call)(hpm_population *population);
} visitor;

static void rest(void) { nanosleep(&(struct timespec){0, 20000000}, NULL); }

static void *visit(void *context) {
    visitor *self = context;
    while (!atomic_load(&self->is_inside)) rest();
    self->status = self->call(self->population);
    atomic_store(&self->was_over, atomic_load(&self->is_over));
    return NULL;
}

static int32_t observer_that_takes_long(void *context, const hpm_event *event) {
    visitor *self = context;
    (void)event;
    atomic_store(&self->is_inside, 1);
    for (int i = 0; i < 5; i++) rest();
    atomic_store(&self->is_over, 1);
    return 0;
}

/* What another thread changes, destruction included, waits until the callback has returned. */
static void test_changes_of_another_thread(void) {
    static const change changes[] = {
        {"grow", call_grow}, {"run", call_run}, {"replay", call_replay}, {"destroy", call_destroy}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        visitor self = {make("asynchronous", "2"), 0, 0, 0, 1, changes[i].call};
        pthread_t thread;
        size_t size;
        must(hpm_population_observe(self.population, HPM_EVENT_TRAINED, observer_that_takes_long,
                                    &self, NULL));
        next_of(self.population, 0);
        must(pthread_create(&thread, NULL, visit, &self) == 0 ? 0 : HPM_ERROR_MEMORY);
        expect_status(call_report(self.population), HPM_OK, "a report that takes long");
        pthread_join(thread, NULL);
        expect(self.status == HPM_OK && self.was_over, "%s from another thread: %s, over: %d",
               changes[i].name, hpm_status_name(self.status), self.was_over);
        const int is_gone = hpm_population_size(self.population, &size) == HPM_ERROR_HANDLE;
        expect(is_gone == (changes[i].call == call_destroy), "%s: is it gone: %d",
               changes[i].name, is_gone);
        if (!is_gone) must(hpm_population_destroy(self.population));
    }
}

int main(void) {
    static const char *const schedules[] = {"synchronous", "asynchronous"};
    for (size_t i = 0; i < 2; i++) {
        test_calls_inside(schedules[i]);
        test_stops_inside(schedules[i]);
        test_logs_that_refuse(schedules[i]);
        test_runs_that_are_disturbed(schedules[i]);
    }
    test_observers_that_end();
    test_logs_that_end();
    test_observers_that_join();
    test_outputs_of_refused_calls();
    test_neighbours();
    test_changes_of_another_thread();
    return finish();
}
