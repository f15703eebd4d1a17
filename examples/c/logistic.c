/*
 * Logistic regression on the breast-cancer data while libhpm tunes it: an L2 penalty for each of
 * the 30 features, moved along its hypergradient, and the learning rate, which has none and is
 * mutated.
 *
 *     logistic [--check] [breast-cancer.csv]
 *
 * --check compares the hypergradient with finite differences instead.
 *
 * Training descends, by gradient steps with momentum,
 *
 *     L(w, b) = mean over the training set of -log p(label; w, b)  +  sum_j lambda_j w_j^2
 *     m' = momentum m + dL/dw,    w' = w - rate m'
 *
 * and dL/dw_j = (data term) + 2 lambda_j w_j. With w and m taken as given, the last step before a
 * report depends on lambda by
 *
 *     dw'_j/dlambda_j = -rate 2 w_j
 *
 * With V the loss on the validation set, the one-step hypergradient (T1-T2: Luketina et al.,
 * 'Scalable gradient-based tuning of continuous regularization hyperparameters', ICML 2016) is
 *
 *     dV/dlambda_j = dV/dw'_j (-rate 2 w_j)
 *
 * It leaves out how earlier steps brought w to where it is: cheap, and mostly right in sign, which
 * is what hyper-training by Adam needs.
 */
#include <hpm.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEATURES = 30,
    EXAMPLES = 569,
    TRAINING = 150,
    VALIDATION = 250,
    STUDENTS = 10,
    REPORTS = 50,
    STEPS = 20,
    /* The hyperparameters: the penalties, then the learning rate. */
    RATE = FEATURES,
    DIMENSION
};

static const double momentum = 0.9;
static const double initial_penalty = 1e-4;
static const double initial_rate = 0.1;

typedef struct {
    const double (*features)[FEATURES];
    const double *labels;
    size_t count;
} examples;

/* What a clone copies: weights with the bias as the last, and the optimizer's state. */
typedef struct {
    double weights[FEATURES + 1];
    double velocity[FEATURES + 1];
} model;

static double features[EXAMPLES][FEATURES];
static double labels[EXAMPLES];
static examples training, validation, test;

static void check(hpm_status status) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", hpm_status_name(status), hpm_last_error());
    exit(2);
}

static void read_examples(const char *path) {
    char line[1024];
    FILE *file = fopen(path, "r");
    int good = file && fgets(line, sizeof line, file);
    for (size_t i = 0; good && i < EXAMPLES; i++) {
        for (size_t j = 0; good && j < FEATURES; j++) {
            good = fscanf(file, "%lf,", &features[i][j]) == 1;
        }
        good = good && fscanf(file, "%lf", &labels[i]) == 1;
    }
    if (file) fclose(file);
    if (!good) {
        fprintf(stderr, "%s is no breast-cancer.csv\n", path);
        exit(2);
    }
}

/* Shuffles (the file's order is not random), splits, and standardises by the training set. */
static void prepare_examples(void) {
    uint64_t state = 1;
    for (size_t i = EXAMPLES - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const size_t other = (size_t)(state >> 33) % (i + 1);
        const double label = labels[i];
        double row[FEATURES];
        memcpy(row, features[i], sizeof row);
        memcpy(features[i], features[other], sizeof row);
        memcpy(features[other], row, sizeof row);
        labels[i] = labels[other];
        labels[other] = label;
    }
    for (size_t j = 0; j < FEATURES; j++) {
        const double count = TRAINING;
        double mean = 0, variance = 0;
        for (size_t i = 0; i < TRAINING; i++) mean += features[i][j] / count;
        for (size_t i = 0; i < TRAINING; i++) {
            variance += (features[i][j] - mean) * (features[i][j] - mean) / count;
        }
        for (size_t i = 0; i < EXAMPLES; i++) {
            features[i][j] = (features[i][j] - mean) / sqrt(variance);
        }
    }
    const size_t held_out = TRAINING + VALIDATION;
    training = (examples){(const double(*)[FEATURES])features, labels, TRAINING};
    validation = (examples){training.features + TRAINING, labels + TRAINING, VALIDATION};
    test = (examples){training.features + held_out, labels + held_out, EXAMPLES - held_out};
}

/* The mean loss and, where they are asked for, its gradient and the share of right answers. */
static double mean_loss(const examples *set, const double weights[FEATURES + 1],
                        double gradient[FEATURES + 1], double *accuracy) {
    double loss = 0, right = 0;
    if (gradient) memset(gradient, 0, (FEATURES + 1) * sizeof *gradient);
    for (size_t i = 0; i < set->count; i++) {
        double score = weights[FEATURES];
        for (size_t j = 0; j < FEATURES; j++) score += weights[j] * set->features[i][j];
        /* Signed so that large is right; log(1 + exp(-margin)) without overflow. */
        const double margin = set->labels[i] > 0.5 ? score : -score;
        loss += (margin < 0 ? -margin : 0) + log1p(exp(-fabs(margin)));
        right += margin > 0;
        if (!gradient) continue;
        const double error = (1 / (1 + exp(-score)) - set->labels[i]) / (double)set->count;
        for (size_t j = 0; j < FEATURES; j++) gradient[j] += error * set->features[i][j];
        gradient[FEATURES] += error;
    }
    if (accuracy) *accuracy = right / (double)set->count;
    return loss / (double)set->count;
}

static void step(model *student, const double h[DIMENSION]) {
    double gradient[FEATURES + 1];
    mean_loss(&training, student->weights, gradient, NULL);
    for (size_t j = 0; j < FEATURES; j++) gradient[j] += 2 * h[j] * student->weights[j];
    for (size_t j = 0; j <= FEATURES; j++) {
        student->velocity[j] = momentum * student->velocity[j] + gradient[j];
        student->weights[j] -= h[RATE] * student->velocity[j];
    }
}

/* The last step before a report; the validation loss after it, and its hypergradient. */
static double differentiated_step(model *student, const double h[DIMENSION],
                                  double hypergradient[DIMENSION]) {
    const model before = *student;
    double gradient[FEATURES + 1];
    step(student, h);
    const double loss = mean_loss(&validation, student->weights, gradient, NULL);
    for (size_t j = 0; j < FEATURES; j++) {
        hypergradient[j] = gradient[j] * -h[RATE] * 2 * before.weights[j];
    }
    hypergradient[RATE] = NAN;
    return loss;
}

static double train(model *student, const double h[DIMENSION], double hypergradient[DIMENSION]) {
    for (int i = 1; i < STEPS; i++) step(student, h);
    return differentiated_step(student, h, hypergradient);
}

static void set_initial(double h[DIMENSION]) {
    for (size_t j = 0; j < FEATURES; j++) h[j] = initial_penalty;
    h[RATE] = initial_rate;
}

/* The hypergradient against central differences through the same step. */
static int check_hypergradient(void) {
    const double width = 1e-4;
    model student = {{0}, {0}};
    double h[DIMENSION], hypergradient[DIMENSION], unused[DIMENSION], error = 0, largest = 0;
    set_initial(h);
    train(&student, h, unused);
    model after = student;
    differentiated_step(&after, h, hypergradient);
    for (size_t j = 0; j < FEATURES; j++) {
        const double penalty = h[j];
        model above = student, below = student;
        h[j] = penalty + width;
        const double upper = differentiated_step(&above, h, unused);
        h[j] = penalty - width;
        const double lower = differentiated_step(&below, h, unused);
        h[j] = penalty;
        error = fmax(error, fabs((upper - lower) / (2 * width) - hypergradient[j]));
        largest = fmax(largest, fabs(hypergradient[j]));
    }
    const int good = error < 1e-6 * largest;
    printf("%s: hypergradient within %.1e of finite differences, relative to its largest "
           "component\n", good ? "passed" : "FAILED", error / largest);
    return good ? 0 : 1;
}

static hpm_population *create_population(void) {
    hpm_space *space = NULL;
    check(hpm_space_create(&space));
    check(hpm_space_add_block(space, "penalty", FEATURES, 1e-5, 0.1, HPM_SCALE_LOG,
                              initial_penalty));
    check(hpm_space_add_real(space, "learning_rate", 1e-3, 1, HPM_SCALE_LOG, initial_rate));

    hpm_options *options = NULL;
    check(hpm_options_create(&options));
    check(hpm_options_set_integer(options, "population", STUDENTS));
    check(hpm_options_set_integer(options, "steps", REPORTS));

    hpm_population *population = NULL;
    check(hpm_population_create(space, options, &population));
    check(hpm_options_destroy(options));
    check(hpm_space_destroy(space));
    return population;
}

/* Trains all students to the end; the model of the best. */
static model tune(void) {
    static model students[STUDENTS];
    hpm_population *population = create_population();
    for (int running = STUDENTS; running > 0;) {
        running = 0;
        for (size_t student = 0; student < STUDENTS; student++) {
            hpm_action action;
            size_t source;
            double h[DIMENSION], hypergradient[DIMENSION];
            check(hpm_student_next(population, student, &action, &source, h, DIMENSION));
            if (action == HPM_ACTION_STOP) continue;
            running++;
            if (action == HPM_ACTION_TRAIN) {
                const double loss = train(&students[student], h, hypergradient);
                check(hpm_student_report(population, student, loss, hypergradient, DIMENSION));
            } else if (action == HPM_ACTION_CLONE) {
                students[student] = students[source];
                check(hpm_student_report(population, student, 0, NULL, 0));
            }
            /* HPM_ACTION_WAIT: the others report first. */
        }
    }

    size_t best;
    double loss, clones, h[DIMENSION];
    check(hpm_population_best(population, &best, &loss));
    check(hpm_population_count(population, "clones", &clones));
    check(hpm_student_hyperparameters(population, best, h, DIMENSION));
    double least = h[0], most = h[0];
    for (size_t j = 0; j < FEATURES; j++) {
        least = fmin(least, h[j]);
        most = fmax(most, h[j]);
    }
    printf("best of %d students: number %u; %.0f clones; its penalties: %.1e to %.1e, learning "
           "rate %.3f\n", STUDENTS, (unsigned)best, clones, least, most, h[RATE]);
    check(hpm_population_destroy(population));
    return students[best];
}

/* The same training with the initial hyperparameters. */
static model train_untuned(void) {
    model student = {{0}, {0}};
    double h[DIMENSION], unused[DIMENSION];
    set_initial(h);
    for (int i = 0; i < REPORTS; i++) train(&student, h, unused);
    return student;
}

typedef struct {
    double validation_loss, test_loss, test_accuracy;
} score;

static score print_score(const char *name, const model *student) {
    double accuracy;
    score result;
    result.validation_loss = mean_loss(&validation, student->weights, NULL, &accuracy);
    result.test_loss = mean_loss(&test, student->weights, NULL, &result.test_accuracy);
    printf("%-10s %10.4f %10.4f %10.4f %10.4f\n", name, result.validation_loss, accuracy,
           result.test_loss, result.test_accuracy);
    return result;
}

int main(int count, char **arguments) {
    const int checking = count > 1 && strcmp(arguments[1], "--check") == 0;
    const char *path = count > 1 + checking ? arguments[1 + checking]
                                            : "examples/c/breast-cancer.csv";
    read_examples(path);
    prepare_examples();
    if (checking) return check_hypergradient();

    const model tuned = tune(), untuned = train_untuned();
    printf("%-10s %10s %10s %10s %10s\n", "", "validation", "accuracy", "test", "accuracy");
    const score before = print_score("untuned", &untuned), after = print_score("tuned", &tuned);

    const int good = after.validation_loss < before.validation_loss &&
                     after.test_loss < before.test_loss && after.test_accuracy > 0.93;
    printf("%s: lower validation and test loss than untuned, test accuracy above 0.93\n",
           good ? "passed" : "FAILED");
    return good ? 0 : 1;
}
