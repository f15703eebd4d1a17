/*
 * An L2 penalty for each of 30 features, tuned along exact hypergradients: the breast-cancer data,
 * a logistic regression, its derivatives by hand, and hpm_population_run().
 *
 *     hypergradient [breast-cancer.csv]
 *
 * With X the features and a column of ones, s = sigma(X w) and y the labels,
 *
 *     f(w, h) = mean log loss of the training set + sum_j h_j w_j^2,   no penalty on the last w
 *     df/dw   = X^T (s - y) / n + 2 h w
 *     Hv      = X^T (s (1 - s) X v) / n + 2 h v,     d(v . df/dw)/dh = 2 w v
 *
 * and F(w) is the mean log loss of the validation set. The library solves H q = dF/dw by conjugate
 * gradient and answers dF/dh = -d(q . df/dw)/dh.
 */
#include <hpm.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 30, WEIGHTS = 31, ROWS = 569, TRAINING = 150, VALIDATION = 250, STUDENTS = 6 };

typedef struct {
    int first, count;
} part;
static const part training = {0, TRAINING}, validation = {TRAINING, VALIDATION},
                  test = {TRAINING + VALIDATION, ROWS - TRAINING - VALIDATION};
static double x[ROWS][WEIGHTS], y[ROWS], weights[STUDENTS][WEIGHTS];

static void check(hpm_status status) {
    if (status == HPM_OK) return;
    fprintf(stderr, "%s: %s\n", hpm_status_name(status), hpm_last_error());
    exit(2);
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (int j = 0; j < WEIGHTS; j++) sum += a[j] * b[j];
    return sum;
}

/* Every 2nd row of the file, then the others: its order is not random. Standardised by the first
 * TRAINING rows. */
static void read_rows(const char *path) {
    FILE *file = fopen(path, "r");
    int good = file && fscanf(file, "%*[^\n]") == 0;
    for (int row = 0; good && row < ROWS; row++) {
        const int i = row % 2 == 0 ? row / 2 : (ROWS + row) / 2;
        for (int j = 0; good && j < FEATURES; j++) good = fscanf(file, "%lf,", &x[i][j]) == 1;
        good = good && fscanf(file, "%lf", &y[i]) == 1;
        x[i][FEATURES] = 1;
    }
    if (!good) {
        fprintf(stderr, "%s is no breast-cancer.csv\n", path);
        exit(2);
    }
    fclose(file);
    for (int j = 0; j < FEATURES; j++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < TRAINING; i++) mean += x[i][j] / TRAINING;
        for (int i = 0; i < TRAINING; i++) variance += pow(x[i][j] - mean, 2) / TRAINING;
        for (int i = 0; i < ROWS; i++) x[i][j] = (x[i][j] - mean) / sqrt(variance);
    }
}

/* The mean log loss of a part of the rows, and its gradient where one is asked for. */
static double mean_loss(part rows, const double *w, double *gradient) {
    double loss = 0;
    if (gradient) memset(gradient, 0, WEIGHTS * sizeof *gradient);
    for (int i = rows.first; i < rows.first + rows.count; i++) {
        const double score = dot(x[i], w), margin = y[i] > 0.5 ? score : -score;
        loss += ((margin < 0 ? -margin : 0) + log1p(exp(-fabs(margin)))) / rows.count;
        for (int j = 0; gradient && j < WEIGHTS; j++) {
            gradient[j] += (1 / (1 + exp(-score)) - y[i]) * x[i][j] / rows.count;
        }
    }
    return loss;
}

/* The problem's callbacks. Vectors of host memory are arrays of double. */

static int32_t outer_loss(void *context, const void *w, const void *h, double *loss) {
    (void)context, (void)h;
    *loss = mean_loss(validation, w, NULL);
    return 0;
}

static int32_t outer_gradient(void *context, const void *w, const void *h, void *dw, void *dh) {
    (void)context, (void)h, (void)dh;
    mean_loss(validation, w, dw);
    return 0;
}

static int32_t inner_loss(void *context, const void *w, const void *h, double *loss) {
    (void)context;
    const double *weight = w, *penalty = h;
    *loss = mean_loss(training, w, NULL);
    for (int j = 0; j < FEATURES; j++) *loss += penalty[j] * weight[j] * weight[j];
    return 0;
}

static int32_t inner_gradient(void *context, const void *w, const void *h, void *result) {
    (void)context;
    const double *weight = w, *penalty = h;
    double *gradient = result;
    mean_loss(training, w, gradient);
    for (int j = 0; j < FEATURES; j++) gradient[j] += 2 * penalty[j] * weight[j];
    return 0;
}

static int32_t hessian_product(void *context, const void *w, const void *h, const void *v,
                               void *result) {
    (void)context;
    const double *penalty = h, *direction = v;
    double *product = result;
    for (int j = 0; j < WEIGHTS; j++) product[j] = j < FEATURES ? 2 * penalty[j] * direction[j] : 0;
    for (int i = 0; i < TRAINING; i++) {
        const double s = 1 / (1 + exp(-dot(x[i], w)));
        const double factor = s * (1 - s) * dot(x[i], v) / TRAINING;
        for (int j = 0; j < WEIGHTS; j++) product[j] += factor * x[i][j];
    }
    return 0;
}

static int32_t cross_product(void *context, const void *w, const void *h, const void *v,
                             void *result) {
    (void)context, (void)h;
    const double *weight = w, *direction = v;
    for (int j = 0; j < FEATURES; j++) ((double *)result)[j] = 2 * weight[j] * direction[j];
    return 0;
}

/* The population's: training goes on from the student's weights; it returns no hypergradient. */

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    double gradient[WEIGHTS];
    (void)n, (void)hypergradient, (void)has_hypergradient;
    for (int i = 0; i < 200; i++) {
        inner_gradient(context, weights[student], h, gradient);
        for (int j = 0; j < WEIGHTS; j++) weights[student][j] -= 0.2 * gradient[j];
    }
    *loss = mean_loss(validation, weights[student], NULL);
    return 0;
}

static int32_t clone(void *context, size_t source, size_t student) {
    (void)context;
    memcpy(weights[student], weights[source], sizeof weights[student]);
    return 0;
}

int main(int count, char **arguments) {
    const hpm_problem_callbacks callbacks = {
        sizeof callbacks, outer_loss, outer_gradient, inner_loss, inner_gradient, NULL,
        hessian_product, cross_product, NULL, NULL, NULL, NULL};
    const hpm_trainer trainer = {sizeof trainer, train, NULL, clone, NULL};
    hpm_vectors *parameters, *hyperparameters;
    hpm_problem *problem;
    hpm_space *space;
    hpm_options *options;
    hpm_population *population;
    read_rows(count > 1 ? arguments[1] : "examples/c/breast-cancer.csv");

    check(hpm_vectors_create_host(HPM_ELEMENT_DOUBLE, WEIGHTS, &parameters));
    check(hpm_vectors_create_host(HPM_ELEMENT_DOUBLE, FEATURES, &hyperparameters));
    check(hpm_problem_create(parameters, hyperparameters, &callbacks, NULL, &problem));
    check(hpm_space_create(&space));
    check(hpm_space_add_block(space, "penalty", FEATURES, 1e-4, 1, HPM_SCALE_LOG, 1e-4));
    check(hpm_options_create(&options));
    check(hpm_options_set_integer(options, "population", STUDENTS));
    check(hpm_options_set_integer(options, "steps", 40));
    check(hpm_options_set_string(options, "estimator", "conjugate-gradient"));
    check(hpm_options_set_integer(options, "estimator_iterations", 40));
    check(hpm_population_create(space, options, &population));

    /* Once, at any place: are the derivatives those of the losses? Untuned, for comparison. */
    double h[FEATURES], loss, share;
    char lines[4096];
    size_t needed, best;
    for (int j = 0; j < FEATURES; j++) h[j] = 1e-4;
    for (int i = 0; i < 40; i++) train(NULL, 0, h, FEATURES, &loss, NULL, NULL);
    const double untuned = mean_loss(test, weights[0], NULL);
    check(hpm_problem_check(problem, options, weights[0], h, lines, sizeof lines, &needed));
    printf("%s\n", lines);
    memset(weights, 0, sizeof weights);

    for (size_t student = 0; student < STUDENTS; student++) {
        check(hpm_student_set_problem(population, student, problem, weights[student]));
    }
    check(hpm_population_run(population, &trainer, NULL));

    hpm_certificate certificate = {.size = sizeof certificate};
    check(hpm_population_best(population, &best, &loss));
    check(hpm_population_count(population, "hypergradient_share", &share));
    check(hpm_student_certificate(population, best, &certificate));
    printf("last hypergradient of the best student: status %d, %u iterations, relative residual "
           "%.1e, smallest curvature %.1e, %u Hessian products\n", (int)certificate.status,
           (unsigned)certificate.iterations, certificate.relative_residual,
           certificate.smallest_curvature, (unsigned)certificate.hessian_products);
    const double tuned = mean_loss(test, weights[best], NULL);
    const int good = tuned < untuned && certificate.status <= HPM_CERTIFICATE_ITERATION_LIMIT;
    printf("%s: test loss %.4f untuned, %.4f tuned; validation loss %.4f; hypergradients took "
           "%.0f%% of the time\n", good ? "passed" : "FAILED", untuned, tuned, loss, 100 * share);

    check(hpm_population_destroy(population));
    check(hpm_options_destroy(options));
    check(hpm_space_destroy(space));
    check(hpm_problem_destroy(problem));
    check(hpm_vectors_destroy(hyperparameters));
    check(hpm_vectors_destroy(parameters));
    return good ? 0 : 1;
}
