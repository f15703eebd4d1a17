/* Calls from many threads: the result does not depend on them, and nothing is lost or crashes. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "client.h"

enum { STUDENTS = 8, REPORTS = 40, HAMMERS = 4 };

/* --- One thread a student --- */

typedef struct {
    hpm_population *population;
    size_t student;
    trail trail;
} worker;

static void *work(void *argument) {
    worker *self = argument;
    for (;;) {
        const int served = serve(self->population, self->student, &self->trail);
        if (served < 0) return NULL;
        if (served == 0) sched_yield();
    }
}

static void test_threads_give_the_result_of_one(const char *algorithm) {
    static trail alone[STUDENTS], together[STUDENTS];
    static worker workers[STUDENTS];
    pthread_t threads[STUDENTS];
    memset(alone, 0, sizeof alone);
    memset(workers, 0, sizeof workers);

    static const char *const more[] = {"trial", "4", NULL};
    hpm_population *one = make_population(algorithm, "8", "40", more);
    hpm_population *many = make_population(algorithm, "8", "40", more);
    drive(one, STUDENTS, 0, alone);
    for (size_t k = 0; k < STUDENTS; k++) {
        workers[k].population = many;
        workers[k].student = k;
        must(pthread_create(&threads[k], NULL, work, &workers[k]) == 0 ? 0 : HPM_ERROR_MEMORY);
    }
    for (size_t k = 0; k < STUDENTS; k++) {
        pthread_join(threads[k], NULL);
        together[k] = workers[k].trail;
    }
    expect(same_trails(alone, together, STUDENTS), "%s: threads are told what one is", algorithm);
    expect(same_results(one, many, STUDENTS, REPORTS), "%s: threads end where one does", algorithm);

    /* Nor on the order. */
    hpm_population *other = make_population(algorithm, "8", "40", more);
    memset(together, 0, sizeof together);
    drive(other, STUDENTS, 5, together);
    expect(same_trails(alone, together, STUDENTS), "%s: another order, other tasks", algorithm);
    expect(same_results(one, other, STUDENTS, REPORTS), "%s: another order, another end",
           algorithm);

    must(hpm_population_destroy(one));
    must(hpm_population_destroy(many));
    must(hpm_population_destroy(other));
}

/* --- Stop and busy from another thread, while callbacks run --- */

typedef struct {
    hpm_population *population;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int calls;
    int answered;
} meeting;

static int32_t train_and_meet(void *context, size_t student, const double *h, size_t n,
                              double *loss, double *hypergradient, int32_t *has_hypergradient) {
    meeting *self = context;
    (void)n;
    *loss = bowl(h, student, hypergradient);
    *has_hypergradient = 1;
    pthread_mutex_lock(&self->mutex);
    self->calls++;
    pthread_cond_broadcast(&self->changed);
    /* The hundredth callback waits for the other thread: the population is in run for sure. */
    while (self->calls == 100 && !self->answered) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return 0;
}

static int32_t clone_nothing(void *context, size_t source, size_t student) {
    (void)context, (void)source, (void)student;
    return 0;
}

static void *interfere(void *argument) {
    meeting *self = argument;
    hpm_action action;
    double h[DIMENSION], loss;
    size_t student;
    pthread_mutex_lock(&self->mutex);
    while (self->calls < 100) pthread_cond_wait(&self->changed, &self->mutex);
    expect_status(hpm_student_next(self->population, 0, &action, NULL, h, DIMENSION),
                  HPM_ERROR_BUSY, "next in another thread");
    expect_status(hpm_student_report(self->population, 0, 1, NULL, 0), HPM_ERROR_BUSY,
                  "report in another thread");
    expect_status(hpm_population_destroy(self->population), HPM_ERROR_BUSY,
                  "destroy in another thread");
    expect_status(hpm_population_best(self->population, &student, &loss), HPM_OK,
                  "best in another thread");
    expect_status(hpm_population_stop(self->population), HPM_OK, "stop in another thread");
    self->answered = 1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static void test_stop_from_another_thread(void) {
    static const hpm_trainer trainer = {sizeof trainer, train_and_meet, NULL, clone_nothing, NULL};
    meeting meeting = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    /* 0 steps: without the stop it would never end. */
    meeting.population = make_population("hpm", "8", "0", NULL);
    must(pthread_create(&thread, NULL, interfere, &meeting) == 0 ? 0 : HPM_ERROR_MEMORY);
    expect_status(hpm_population_run(meeting.population, &trainer, &meeting), HPM_STOPPED,
                  "a run that another thread stops");
    pthread_join(thread, NULL);
    expect(meeting.calls == 100, "%d callbacks, not 100: the one under way ends it", meeting.calls);
    must(hpm_population_destroy(meeting.population));
}

/* --- Destroy while others call --- */

typedef struct {
    hpm_population *population;
    atomic_int *ready;
    size_t number;
    const char *fault;
} hammer;

static void *strike(void *argument) {
    hammer *self = argument;
    hpm_population *population = self->population;
    static const hpm_status allowed[] = {HPM_OK, HPM_ERROR_HANDLE, HPM_ERROR_ORDER,
                                         HPM_ERROR_NO_RESULT, HPM_ERROR_CAPACITY};
    static _Thread_local uint8_t bytes[1 << 16];
    enum { CALLS = 6 };
    for (int turn = 0;; turn++) {
        hpm_action action;
        hpm_space *space = NULL;
        double h[DIMENSION], number;
        size_t best, needed;
        const size_t student = (self->number + (size_t)turn) % STUDENTS;
        hpm_status got[CALLS];
        got[0] = hpm_student_next(population, student, &action, NULL, h, DIMENSION);
        got[1] = hpm_student_report(population, student, turn, NULL, 0);
        got[2] = hpm_population_save(population, bytes, sizeof bytes, &needed);
        got[3] = hpm_population_count(population, "clones", &number);
        got[4] = hpm_population_best(population, &best, &number);
        got[5] = hpm_population_space(population, &space);
        if (space) hpm_space_destroy(space);
        for (size_t i = 0; i < CALLS; i++) {
            int known = 0;
            for (size_t j = 0; j < sizeof allowed / sizeof *allowed; j++) {
                known = known || got[i] == allowed[j];
            }
            if (!known) self->fault = hpm_status_name(got[i]);
            if (i > 0 && got[i - 1] == HPM_ERROR_HANDLE && got[i] != HPM_ERROR_HANDLE) {
                self->fault = "an answer of a destroyed population";
            }
        }
        if (turn == 20) atomic_fetch_add(self->ready, 1);
        if (got[CALLS - 1] == HPM_ERROR_HANDLE) return NULL;
    }
}

static void test_destroy_while_others_call(void) {
    for (int turn = 0; turn < 25; turn++) {
        hammer hammers[HAMMERS];
        pthread_t threads[HAMMERS];
        atomic_int ready = 0;
        hpm_population *population = make_population("hpm", "8", "0", NULL);
        for (size_t i = 0; i < HAMMERS; i++) {
            hammers[i] = (hammer){population, &ready, 2 * i, NULL};
            must(pthread_create(&threads[i], NULL, strike, &hammers[i]) == 0 ? 0
                                                                             : HPM_ERROR_MEMORY);
        }
        while (atomic_load(&ready) < HAMMERS) sched_yield();
        expect_status(hpm_population_destroy(population), HPM_OK, "destroy while others call");
        for (size_t i = 0; i < HAMMERS; i++) {
            pthread_join(threads[i], NULL);
            const char *fault = hammers[i].fault;
            expect(!fault, "while another thread destroys: %s", fault ? fault : "");
        }
    }
}

/* --- Sentences and callback results belong to their thread --- */

static void *fail_alone(void *argument) {
    expect(hpm_last_error()[0] == '\0', "a new thread has the sentence '%s'", hpm_last_error());
    expect(hpm_space_create(NULL) == HPM_ERROR_ARGUMENT, "out NULL");
    expect(strcmp(hpm_last_error(), argument) != 0, "the sentence of another thread");
    return NULL;
}

static void test_errors_are_of_their_thread(void) {
    static char sentence[512];
    pthread_t thread;
    must(hpm_space_destroy(NULL));
    expect_status(hpm_options_set_integer(NULL, "seed", 1), HPM_ERROR_HANDLE, "options NULL");
    strncpy(sentence, hpm_last_error(), sizeof sentence - 1);
    must(pthread_create(&thread, NULL, fail_alone, sentence) == 0 ? 0 : HPM_ERROR_MEMORY);
    pthread_join(thread, NULL);
    expect(strcmp(sentence, hpm_last_error()) == 0, "another thread's failure changed '%s'",
           sentence);
}

int main(void) {
    for (size_t i = 0; hpm_algorithm_name(i); i++) test_threads_give_the_result_of_one(hpm_algorithm_name(i));
    test_stop_from_another_thread();
    test_destroy_while_others_call();
    test_errors_are_of_their_thread();
    return finish();
}
