/* hpm_population_blend: which means a judge is asked for, what it may do there, and buffers. */
#include "client.h"

enum { STUDENTS = 5 };

typedef struct {
    hpm_population *population;
    double losses[STUDENTS];
    size_t calls, last;
    /* The call of this number returns `result`; 0: none does. */
    size_t fails_at;
    int32_t result;
    /* Called inside. */
    void (*inside)(hpm_population *population);
} client;

/* Student 4 becomes a clone of student 0 after two reports and is the best after the third; the
 * others are as they started. */
static hpm_population *make(const char *direction) {
    const char *const more[] = {"interval", "2", "truncation", "0.2", "direction", direction, NULL};
    hpm_population *population = make_population("pbt", "5", "0", more);
    static const double losses[3][STUDENTS] = {{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, {2, 3, 4, NAN, 1}};
    const double sign = strcmp(direction, "maximize") == 0 ? -1 : 1;
    for (size_t round = 0; round < 3; round++) {
        hpm_action action;
        double h[DIMENSION];
        for (size_t student = 0; student < STUDENTS; student++) {
            must(hpm_student_next(population, student, &action, NULL, h, DIMENSION));
            expect(action == HPM_ACTION_TRAIN, "student %zu has %d", student, (int)action);
            must(hpm_student_report(population, student, sign * losses[round][student], NULL, 0));
        }
        if (round != 1) continue;
        must(hpm_student_next(population, 4, &action, NULL, h, DIMENSION));
        expect(action == HPM_ACTION_CLONE, "the last one is to become a clone");
        must(hpm_student_report(population, 4, 0, NULL, 0));
    }
    return population;
}

static int32_t judge(void *context, const size_t *students, const double *shares, size_t count,
                     double *loss) {
    client *self = context;
    double sum = 0;
    expect(isnan(*loss), "the loss comes filled");
    for (size_t i = 0; i < count; i++) {
        sum += shares[i];
        expect(students[i] < STUDENTS && shares[i] == 1 / (double)count, "student %zu",
               students[i]);
    }
    expect(count >= 2 && fabs(sum - 1) < 1e-12, "%zu shares with the sum %g", count, sum);
    self->last = students[count - 1];
    if (self->inside) self->inside(self->population);
    if (++self->calls == self->fails_at) return self->result;
    *loss = self->losses[self->last];
    return 0;
}

static void test_judged(const char *direction) {
    const double sign = strcmp(direction, "maximize") == 0 ? -1 : 1;
    static const struct {
        double loss;
        size_t count;
    } cases[] = {{0.5, 2}, {1, 1}, {1.5, 1}, {NAN, 1}, {INFINITY, 1}, {-INFINITY, 1}};
    hpm_population *population = make(direction);
    const bytes before = saved(population);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        client client = {0};
        client.losses[0] = sign * cases[i].loss;
        size_t students[2] = {9, 9}, count = 9;
        double shares[2] = {9, 9};
        expect_status(hpm_population_blend(population, judge, &client, students, shares, 2, &count),
                      HPM_OK, direction);
        /* The best one alone is not judged, and the other three are no kin. */
        expect(client.calls == 1 && client.last == 0, "%zu calls", client.calls);
        expect(count == cases[i].count && students[0] == 4 && shares[0] == 1 / (double)count,
               "%s, %g: %zu students, %zu", direction, cases[i].loss, count, students[0]);
        expect(students[1] == (count == 1 ? 9 : 0) && shares[1] == (count == 1 ? 9 : 0.5),
               "%s, %g: the second is %zu", direction, cases[i].loss, students[1]);
    }
    size_t students[2], count;
    double shares[2];
    /* Of four students with a finite loss 4 and 0 are the better half. */
    expect_status(hpm_population_blend(population, NULL, NULL, students, shares, 2, &count), HPM_OK,
                  "without a judge");
    expect(count == 2 && students[0] == 4 && students[1] == 0 && shares[0] == 0.5 &&
               shares[1] == 0.5,
           "%zu students without a judge", count);
    expect(unchanged(population, before), "the population has changed");
    must(hpm_population_destroy(population));
}

static void test_buffers(void) {
    hpm_population *population = make("minimize");
    client client = {0};
    size_t students[2] = {9, 9}, count = 9;
    double shares[2] = {9, 9};
    for (int judged = 0; judged < 2; judged++) {
        const hpm_judge_callback callback = judged ? judge : NULL;
        count = 9;
        expect_status(hpm_population_blend(population, callback, &client, NULL, NULL, 0, &count),
                      HPM_OK, "the count alone");
        expect(count == 2, "room for %zu", count);
        for (size_t capacity = 0; capacity < 2; capacity++) {
            count = 9;
            expect_status(hpm_population_blend(population, callback, &client, students, shares,
                                               capacity, &count),
                          HPM_ERROR_CAPACITY, "no room");
            expect(count == 2, "needed: %zu", count);
        }
        expect_status(hpm_population_blend(population, callback, &client, NULL, shares, 2, &count),
                      HPM_ERROR_ARGUMENT, "no students");
        expect_status(
            hpm_population_blend(population, callback, &client, students, NULL, 2, &count),
            HPM_ERROR_ARGUMENT, "no shares");
        expect_status(hpm_population_blend(population, callback, &client, NULL, NULL, 2, &count),
                      HPM_ERROR_ARGUMENT, "a capacity of nothing");
        expect_status(
            hpm_population_blend(population, callback, &client, students, shares, 2, NULL),
            HPM_ERROR_ARGUMENT, "no count");
    }
    expect(client.calls == 0 && students[0] == 9 && shares[1] == 9, "%zu calls of errors",
           client.calls);
    must(hpm_population_destroy(population));
    expect_status(hpm_population_blend(population, NULL, NULL, students, shares, 2, &count),
                  HPM_ERROR_HANDLE, "a destroyed population");
    population = make_population("pbt", "5", "0", NULL);
    expect_status(hpm_population_blend(population, judge, &client, NULL, NULL, 0, &count),
                  HPM_ERROR_NO_RESULT, "before any report");
    must(hpm_population_destroy(population));
}

static void test_judge_that_fails(void) {
    static const int32_t results[] = {1, -1, 42, INT32_MIN, INT32_MAX};
    hpm_population *population = make("minimize");
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        client client = {0};
        client.fails_at = 1;
        client.result = results[i];
        size_t students[2] = {9, 9}, count = 9;
        double shares[2] = {9, 9};
        expect_status(hpm_population_blend(population, judge, &client, students, shares, 2, &count),
                      HPM_ERROR_CALLBACK, "a judge that fails");
        expect(hpm_last_callback_status() == results[i] && strstr(hpm_last_error(), "judge"),
               "%d: '%s'", (int)hpm_last_callback_status(), hpm_last_error());
        expect(count == 9 && students[0] == 9 && shares[0] == 9, "something was written");
    }
    must(hpm_population_destroy(population));
}

static void change(hpm_population *population) {
    hpm_action action;
    double h[DIMENSION], loss;
    size_t best, count;
    expect_status(hpm_population_best(population, &best, &loss), HPM_OK, "best inside");
    expect_status(hpm_population_blend(population, NULL, NULL, NULL, NULL, 0, &count), HPM_OK,
                  "blend inside");
    expect_status(hpm_student_next(population, 2, &action, NULL, h, DIMENSION), HPM_OK,
                  "next inside");
    expect_status(hpm_student_report(population, 2, -9, NULL, 0), HPM_OK, "report inside");
    expect_status(hpm_student_retire(population, 4), HPM_OK, "retire inside");
}

static void destroy(hpm_population *population) {
    expect_status(hpm_population_destroy(population), HPM_OK, "destroy inside");
}

/* What a judge does to the population is not seen by the call. */
static void test_calls_inside(void) {
    void (*const all[])(hpm_population *) = {change, destroy};
    for (size_t i = 0; i < 2; i++) {
        client client = {0};
        client.population = make("minimize");
        client.inside = all[i];
        size_t students[2], count;
        double shares[2];
        expect_status(
            hpm_population_blend(client.population, judge, &client, students, shares, 2, &count),
            HPM_OK, "calls inside");
        expect(count == 2 && students[0] == 4 && students[1] == 0, "%zu students", count);
        expect_status(hpm_population_destroy(client.population), i ? HPM_ERROR_HANDLE : HPM_OK,
                      "destroy after");
    }
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    client *self = context;
    size_t students[STUDENTS], count;
    double shares[STUDENTS];
    (void)h, (void)n, (void)hypergradient, (void)has_hypergradient;
    *loss = (double)student;
    const hpm_status status =
        hpm_population_blend(self->population, NULL, NULL, students, shares, STUDENTS, &count);
    expect(status == HPM_OK || status == HPM_ERROR_NO_RESULT, "blend in a run: %d", (int)status);
    self->calls += status == HPM_OK;
    return 0;
}

static int32_t clone(void *context, size_t source, size_t student) {
    (void)context, (void)source, (void)student;
    return 0;
}

static void test_inside_a_run(void) {
    const hpm_trainer trainer = {sizeof trainer, train, NULL, clone, NULL};
    client client = {0};
    client.population = make_population("pbt", "5", "9", NULL);
    expect_status(hpm_population_run(client.population, &trainer, &client), HPM_OK, "a run");
    /* Before the first report there is none. */
    expect(client.calls == 9 * STUDENTS - 1, "%zu means in a run", client.calls);
    must(hpm_population_destroy(client.population));
}

int main(void) {
    test_judged("minimize");
    test_judged("maximize");
    test_buffers();
    test_judge_that_fails();
    test_calls_inside();
    test_inside_a_run();
    return finish();
}
