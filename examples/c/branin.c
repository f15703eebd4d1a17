/*
 * The least value of Branin's function, which is 0.397887 at three points, found with its gradient
 * by 20 students in 1,000 calls.
 *
 * A function has no weights, so there is nothing to copy when a student becomes a clone: the loop
 * is the one of a training program without the training.
 */
#include <hpm.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STUDENTS = 20, REPORTS = 50, DIMENSION = 2 };

static const double pi = 3.14159265358979323846;
static const double least = 0.39788735772973816;
static const double tolerance = 0.05;

static double branin(const double x[DIMENSION], double gradient[DIMENSION]) {
    const double a = 5.1 / (4 * pi * pi), b = 5 / pi, c = 10 * (1 - 1 / (8 * pi));
    const double residual = x[1] - a * x[0] * x[0] + b * x[0] - 6;
    gradient[0] = 2 * residual * (b - 2 * a * x[0]) - c * sin(x[0]);
    gradient[1] = 2 * residual;
    return residual * residual + c * cos(x[0]) + 10;
}

static void check(hpm_status status) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", hpm_status_name(status), hpm_last_error());
    exit(2);
}

static hpm_population *create_population(void) {
    hpm_space *space = NULL;
    check(hpm_space_create(&space));
    check(hpm_space_add_real(space, "x", -5, 10, HPM_SCALE_LINEAR, NAN));
    check(hpm_space_add_real(space, "y", 0, 15, HPM_SCALE_LINEAR, NAN));

    hpm_options *options = NULL;
    check(hpm_options_create(&options));
    check(hpm_options_set_integer(options, "population", STUDENTS));
    check(hpm_options_set_integer(options, "steps", REPORTS));
    check(hpm_options_set_integer(options, "seed", 0));

    hpm_population *population = NULL;
    check(hpm_population_create(space, options, &population));
    check(hpm_options_destroy(options));
    check(hpm_space_destroy(space));
    return population;
}

int main(void) {
    hpm_population *population = create_population();
    int calls = 0;
    for (int running = STUDENTS; running > 0;) {
        running = 0;
        for (size_t student = 0; student < STUDENTS; student++) {
            hpm_action action;
            double x[DIMENSION], gradient[DIMENSION];
            check(hpm_student_next(population, student, &action, NULL, x, DIMENSION));
            if (action == HPM_ACTION_STOP) continue;
            running++;
            if (action == HPM_ACTION_TRAIN) {
                const double value = branin(x, gradient);
                calls++;
                check(hpm_student_report(population, student, value, gradient, DIMENSION));
            } else if (action == HPM_ACTION_CLONE) {
                check(hpm_student_report(population, student, 0, NULL, 0));
            }
            /* HPM_ACTION_WAIT: the others report first. */
        }
    }

    double x[DIMENSION], value;
    check(hpm_population_best_hyperparameters(population, x, DIMENSION, &value));
    check(hpm_population_destroy(population));

    printf("best value %.6f at (%.4f, %.4f) after %d calls; the least is %.6f\n", value, x[0], x[1],
           calls, least);
    const int good = calls == STUDENTS * REPORTS && fabs(value - least) < tolerance;
    printf("%s: within %g of the least\n", good ? "passed" : "FAILED", tolerance);
    return good ? 0 : 1;
}
