/* hpm_population_run and its callbacks. */
#include "client.h"

enum { STUDENTS = 5, REPORTS = 9 };

typedef struct {
    hpm_population *population;
    trail trails[MOST_STUDENTS];
    int calls, restarts;
    /* The callback of this number returns `result`; 0: none does. */
    int fails_at;
    int32_t result;
    /* Called inside each training callback. */
    void (*inside)(hpm_population *population, size_t student);
} client;

static int32_t done(client *self, hpm_action action, size_t source, size_t student,
                    const double *h) {
    if (++self->calls == self->fails_at) return self->result;
    trail *trail = &self->trails[student];
    trail->tasks[trail->count].action = action;
    trail->tasks[trail->count].source = source;
    if (h) memcpy(trail->tasks[trail->count].h, h, DIMENSION * sizeof *h);
    trail->count++;
    return 0;
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    client *self = context;
    expect(n == DIMENSION, "n is %zu in a callback", n);
    int empty = *has_hypergradient == 0;
    for (size_t j = 0; j < n; j++) empty = empty && isnan(hypergradient[j]);
    expect(empty, "the hypergradient comes filled");
    if (self->inside) self->inside(self->population, student);
    *loss = bowl(h, student, hypergradient);
    *has_hypergradient = 1;
    return done(self, HPM_ACTION_TRAIN, student, student, h);
}

static int32_t evaluate(void *context, size_t student, const double *h, size_t n, double *loss,
                        double *hypergradient, int32_t *has_hypergradient) {
    (void)n;
    *loss = bowl(h, student, hypergradient);
    *has_hypergradient = 1;
    return done(context, HPM_ACTION_EVALUATE, student, student, h);
}

static int32_t clone(void *context, size_t source, size_t student) {
    return done(context, HPM_ACTION_CLONE, source, student, NULL);
}

static int32_t restart(void *context, size_t student) {
    ((client *)context)->restarts++;
    return done(context, HPM_ACTION_RESTART, student, student, NULL);
}

static const hpm_trainer whole = {sizeof whole, train, evaluate, clone, restart};

static const char *const with_trials[] = {"trial", "4", NULL};

static hpm_population *make(const char *algorithm) {
    return make_population(algorithm, "5", "9", with_trials);
}

static void test_run_is_the_loop(const char *algorithm) {
    static client by_run;
    static trail by_hand[MOST_STUDENTS];
    memset(&by_run, 0, sizeof by_run);
    memset(by_hand, 0, sizeof by_hand);
    hpm_population *driven = make(algorithm), *run = make(algorithm);
    drive(driven, STUDENTS, 0, by_hand);
    expect_status(hpm_population_run(run, &whole, &by_run), HPM_OK, algorithm);
    /* Callbacks of clones and restarts see no hyperparameters. */
    for (size_t k = 0; k < STUDENTS; k++) {
        for (size_t i = 0; i < by_hand[k].count; i++) {
            const hpm_action action = by_hand[k].tasks[i].action;
            if (action == HPM_ACTION_CLONE || action == HPM_ACTION_RESTART) {
                memset(by_hand[k].tasks[i].h, 0, sizeof by_hand[k].tasks[i].h);
            }
        }
    }
    expect(same_trails(by_hand, by_run.trails, STUDENTS), "%s: run asks what next does", algorithm);
    expect(same_results(driven, run, STUDENTS, REPORTS), "%s: run ends as the loop", algorithm);
    expect(by_run.restarts == (strcmp(algorithm, "random") == 0 || strcmp(algorithm, "bayesian") == 0 ? 2 * STUDENTS : 0),
           "%s: %d restarts", algorithm, by_run.restarts);
    /* All done: nothing is asked any more. */
    const int calls = by_run.calls;
    expect_status(hpm_population_run(run, &whole, &by_run), HPM_OK, "a run that is over");
    expect(by_run.calls == calls, "callbacks after the end");
    must(hpm_population_destroy(driven));
    must(hpm_population_destroy(run));
}

/* Whatever callback fails: its result comes back as it is, its task stays out, and a second run
 * ends as one that never failed. */
static void test_callback_that_fails(const char *algorithm) {
    static const int32_t results[] = {1, -1, 42, -7, INT32_MIN, INT32_MAX};
    static client good, bad;
    memset(&good, 0, sizeof good);
    hpm_population *whole_run = make(algorithm);
    must(hpm_population_run(whole_run, &whole, &good));
    for (int at = 1; at <= good.calls; at += 3) {
        memset(&bad, 0, sizeof bad);
        bad.fails_at = at;
        bad.result = results[at / 3 % 6];
        hpm_population *population = make(algorithm);
        expect_status(hpm_population_run(population, &whole, &bad), HPM_ERROR_CALLBACK, algorithm);
        expect(hpm_last_callback_status() == bad.result, "%d came back as %d", (int)bad.result,
               (int)hpm_last_callback_status());
        expect(bad.calls == at, "%d callbacks, %d after the failure", bad.calls, bad.calls - at);
        expect_status(hpm_population_run(population, &whole, &bad), HPM_OK, "the second run");
        expect(same_trails(good.trails, bad.trails, STUDENTS), "%s: a task was lost", algorithm);
        expect(same_results(whole_run, population, STUDENTS, REPORTS),
               "%s: a failed callback changed the result", algorithm);
        must(hpm_population_destroy(population));
    }
    must(hpm_population_destroy(whole_run));
}

static void call_what_is_busy(hpm_population *population, size_t student) {
    hpm_action actions[STUDENTS];
    double h[STUDENTS * DIMENSION], losses[STUDENTS] = {0};
    expect_status(hpm_student_next(population, student, actions, NULL, h, DIMENSION),
                  HPM_ERROR_BUSY, "next inside");
    expect_status(hpm_student_report(population, student, 0, NULL, 0), HPM_ERROR_BUSY,
                  "report inside");
    expect_status(
        hpm_population_next_all(population, actions, NULL, h, STUDENTS, DIMENSION),
        HPM_ERROR_BUSY, "next_all inside");
    expect_status(hpm_population_report_all(population, losses, NULL, STUDENTS, 0),
                  HPM_ERROR_BUSY, "report_all inside");
    expect_status(hpm_population_run(population, &whole, NULL), HPM_ERROR_BUSY, "run inside");
    expect_status(hpm_population_destroy(population), HPM_ERROR_BUSY, "destroy inside");
}

static void call_what_is_allowed(hpm_population *population, size_t student) {
    static uint8_t bytes[1 << 16];
    hpm_population *loaded = NULL;
    hpm_space *space = NULL;
    double h[DIMENSION], number;
    size_t size, needed;
    expect_status(hpm_student_report_cost(population, student, 3, 1), HPM_OK, "cost inside");
    expect_status(hpm_student_hyperparameters(population, student, h, DIMENSION), HPM_OK,
                  "hyperparameters inside");
    expect_status(hpm_population_size(population, &size), HPM_OK, "size inside");
    expect_status(hpm_population_count(population, "clones", &number), HPM_OK, "count inside");
    expect_status(hpm_population_space(population, &space), HPM_OK, "space inside");
    expect_status(hpm_space_destroy(space), HPM_OK, "destroying a space inside");
    expect_status(hpm_population_save(population, bytes, sizeof bytes, &needed), HPM_OK,
                  "save inside");
    expect_status(hpm_population_load(bytes, needed, &loaded), HPM_OK, "load inside");
    /* Another population may be run. */
    static client other;
    memset(&other, 0, sizeof other);
    expect_status(hpm_population_run(loaded, &whole, &other), HPM_OK, "another run inside");
    expect_status(hpm_population_destroy(loaded), HPM_OK, "destroying another inside");
}

static void stop(hpm_population *population, size_t student) {
    if (student == 2) expect_status(hpm_population_stop(population), HPM_OK, "stop inside");
}

static void test_calls_inside_callbacks(void) {
    static client client;
    double cost, share;
    memset(&client, 0, sizeof client);
    client.population = make("hpm");
    client.inside = call_what_is_busy;
    expect_status(hpm_population_run(client.population, &whole, &client), HPM_OK, "busy inside");
    must(hpm_population_destroy(client.population));

    memset(&client, 0, sizeof client);
    client.population = make("hpm");
    client.inside = call_what_is_allowed;
    expect_status(hpm_population_run(client.population, &whole, &client), HPM_OK, "calls inside");
    must(hpm_population_count(client.population, "training_cost", &cost));
    must(hpm_population_count(client.population, "hypergradient_share", &share));
    expect(cost == 3 * STUDENTS * REPORTS && share == 0.25, "costs %g, share %g", cost, share);
    must(hpm_population_destroy(client.population));

    memset(&client, 0, sizeof client);
    client.population = make("hpm");
    client.inside = stop;
    expect_status(hpm_population_run(client.population, &whole, &client), HPM_STOPPED,
                  "stop inside");
    expect(client.calls == 3, "%d callbacks until the stop, not 3", client.calls);
    must(hpm_population_destroy(client.population));
}

static void test_trainers_that_lack_callbacks(void) {
    static client client;
    static const struct {
        const char *algorithm;
        size_t size;
        hpm_status status;
    } sizes[] = {
        /* As compiled against an older header. */
        {"hypergradient", offsetof(hpm_trainer, evaluate), HPM_OK},
        {"hypergradient", offsetof(hpm_trainer, clone), HPM_OK},
        {"pbt", offsetof(hpm_trainer, restart), HPM_OK},
        {"pbt", offsetof(hpm_trainer, clone), HPM_ERROR_ARGUMENT},
        {"hpm-paper", offsetof(hpm_trainer, restart), HPM_OK},
        {"hpm-paper", offsetof(hpm_trainer, evaluate), HPM_ERROR_ARGUMENT},
        {"random", offsetof(hpm_trainer, restart), HPM_ERROR_ARGUMENT},
        {"hpm", offsetof(hpm_trainer, train), HPM_ERROR_ARGUMENT},
        {"hpm", 1, HPM_ERROR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        /* Behind the size stands what is not a callback. */
        unsigned char memory[sizeof(hpm_trainer)];
        memset(memory, 0xa5, sizeof memory);
        memcpy(memory, &whole, sizes[i].size);
        memcpy(memory, &sizes[i].size, sizeof sizes[i].size);
        hpm_trainer trainer;
        memcpy(&trainer, memory, sizeof trainer);
        memset(&client, 0, sizeof client);
        hpm_population *population = make(sizes[i].algorithm);
        expect_status(hpm_population_run(population, &trainer, &client), sizes[i].status,
                      sizes[i].algorithm);
        expect(sizes[i].status == HPM_OK || client.calls == 0, "%s: callbacks before the error",
               sizes[i].algorithm);
        must(hpm_population_destroy(population));
    }

    /* A program compiled against a newer header passes more than this library knows. */
    struct {
        hpm_trainer known;
        void *newer[4];
    } larger = {whole, {&client, &client, &client, &client}};
    larger.known.size = sizeof larger;
    memset(&client, 0, sizeof client);
    hpm_population *population = make("hpm");
    expect_status(hpm_population_run(population, &larger.known, &client), HPM_OK, "a newer struct");
    must(hpm_population_destroy(population));

    hpm_trainer lacking = whole;
    lacking.evaluate = NULL;
    memset(&client, 0, sizeof client);
    population = make("hpm-paper");
    expect_status(hpm_population_run(population, &lacking, &client), HPM_ERROR_ARGUMENT,
                  "no evaluate");
    expect(strstr(hpm_last_error(), "evaluate") != NULL, "'%s'", hpm_last_error());
    expect(client.calls == 0, "callbacks before the error");
    must(hpm_population_destroy(population));
}

static int32_t forget(void *context, size_t student, const double *h, size_t n, double *loss,
                      double *hypergradient, int32_t *has_hypergradient) {
    (void)context, (void)student, (void)h, (void)n, (void)loss, (void)hypergradient;
    (void)has_hypergradient;
    return 0;
}

/* A callback that forgets the loss is a training that failed, not a loss of 0. */
static void test_loss_that_is_forgotten(void) {
    const hpm_trainer trainer = {sizeof trainer, forget, NULL, clone, NULL};
    double count, loss;
    size_t student;
    hpm_population *population = make("hpm");
    expect_status(hpm_population_run(population, &trainer, NULL), HPM_OK, "no losses");
    must(hpm_population_count(population, "nonfinite_losses", &count));
    expect(count == STUDENTS * REPORTS, "%g losses that are not finite", count);
    expect_status(hpm_population_best(population, &student, &loss), HPM_ERROR_NO_RESULT,
                  "the best of none");
    must(hpm_population_destroy(population));
}

int main(void) {
    for (size_t i = 0; hpm_algorithm_name(i); i++) test_run_is_the_loop(hpm_algorithm_name(i));
    test_callback_that_fails("hpm");
    test_callback_that_fails("hpm-paper");
    test_callback_that_fails("random");
    test_calls_inside_callbacks();
    test_trainers_that_lack_callbacks();
    test_loss_that_is_forgotten();
    return finish();
}
