/*
 * Calls every exported function of hpm.abi.json through libffi with arguments that are wrong in
 * every way that their type allows, one at a time and in pairs.
 *
 *     sweep include/hpm.abi.json
 *
 * Each bad call has to return a negative status of the documented kind, leave a sentence in
 * hpm_last_error that names the argument, and change no object: the bytes of every snapshot are
 * the same after it. Then the same objects have to take the good call. A function for which there
 * is no plan below fails, so that new exports can't be forgotten.
 */
#define _POSIX_C_SOURCE 200809L
#include <hpm.h>

#include <dlfcn.h>
#include <ffi.h>
#include <jansson.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../Clients/expect.h"

enum {
    MOST_PARAMETERS = 8,
    MOST_BAD = 128,
    STUDENTS = 5,
    DIMENSION = 8,
    TEACHER_DIMENSION = 3,
    REPORT_CAPACITY = 4096
};

typedef union {
    void *pointer;
    double real;
    size_t size;
    int64_t int64;
    int32_t int32;
    uint64_t uint64;
    uint32_t uint32;
    hpm_observer_callback observer;
    hpm_log_callback log;
    hpm_judge_callback judge;
    hpm_report_callback report;
} value;

/* --- The interface, as hpm.abi.json describes it --- */

typedef struct {
    const char *name, *type, *kind;
    bool nullable;
    ffi_type *ffi;
} parameter;

typedef struct {
    const char *name, *returns;
    parameter parameters[MOST_PARAMETERS];
    size_t count;
    void (*address)(void);
    ffi_cif cif;
    ffi_type *ffi[MOST_PARAMETERS];
} function;

static json_t *interface;

static const char *text_of(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) {
        printf("hpm.abi.json: no text at '%s'\n", key);
        exit(2);
    }
    return text;
}

/* The entry of an array whose member `name` is `name`; NULL if there is none. */
static json_t *entry(const char *array, const char *name) {
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(interface, array), index, item) {
        if (strcmp(text_of(item, "name"), name) == 0) return item;
    }
    return NULL;
}

static ffi_type *ffi_type_of(const char *type) {
    json_t *integer = entry("integers", type);
    if (integer) type = text_of(integer, "type");
    if (strcmp(type, "double") == 0) return &ffi_type_double;
    if (strcmp(type, "int32_t") == 0) return &ffi_type_sint32;
    if (strcmp(type, "int64_t") == 0) return &ffi_type_sint64;
    if (strcmp(type, "uint32_t") == 0) return &ffi_type_uint32;
    if (strcmp(type, "uint64_t") == 0) return &ffi_type_uint64;
    if (strcmp(type, "size_t") == 0) {
        return sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
    }
    if (strchr(type, '*') || entry("callbacks", type)) return &ffi_type_pointer;
    return NULL;
}

/* --- The objects that calls are made on --- */

static const char *const handle_types[] = {"hpm_space *", "hpm_options *", "hpm_population *",
                                           "hpm_teacher *", "hpm_vectors *", "hpm_problem *",
                                           "hpm_schedule *"};
enum { HANDLE_TYPES = sizeof handle_types / sizeof *handle_types };

typedef enum {
    FRESH,    /* nothing was asked of the population */
    ASKED,    /* every student has a training task */
    PARTLY,   /* ... and student 0 has reported */
    REPORTED, /* every student has reported once and has the next task */
    CLONING,  /* after the second reports the last student has to become a clone */
    STOPPED,
    CERTIFIED, /* run to the end, student 0 with a problem */
    CHECKED,  /* nothing was asked of the population, and the problem was checked */
    KEPT      /* a run of hpm_run_open, where every student has reported once */
} state;

typedef struct {
    hpm_space *space;
    hpm_options *options;
    hpm_population *population;
    hpm_teacher *teacher;
    hpm_vectors *vectors;
    hpm_problem *problem;
    /* Of one step. */
    hpm_schedule *schedule;
    /* Destroyed ones, in the same order. */
    void *dead[HANDLE_TYPES];
    /* A problem of another dimension, one without callbacks, one whose callbacks fail, and one
     * whose vectors have nothing but the operations that are always needed. */
    hpm_problem *other, *empty, *failing, *plain;
    /* Input arrays, each of its own size so that valgrind sees a step beyond it. */
    double *row, *matrix, *losses, *parent;
    uint8_t *snapshot;
    size_t snapshot_size;
    /* The inputs of a run like that of `population`, from its creation on. */
    uint8_t *log;
    size_t log_size;
    /* What `schedule` is saved as. */
    uint8_t *schedule_bytes;
    size_t schedule_size;
    const char **labels;
    /* Everything that a call was handed to write to. */
    void *written[MOST_PARAMETERS];
    /* What bad arguments point to. */
    void *kept[512];
    size_t kept_count;
} world;

static void must(hpm_status status) {
    if (status >= 0) return;
    printf("a call to set things up failed: %s: %s\n", hpm_status_name(status), hpm_last_error());
    printf("%d passed, %d failed\n", passed_count, failed_count + 1);
    exit(1);
}

static void *keep(world *w, size_t size) {
    if (w->kept_count == sizeof w->kept / sizeof *w->kept) exit(2);
    /* At least one byte, so that no array is NULL. */
    return w->kept[w->kept_count++] = calloc(1, size ? size : 1);
}

static void *copy(world *w, const void *bytes, size_t size) {
    return memcpy(keep(w, size), bytes, size);
}

static uint8_t *saved(hpm_population *population, size_t *size) {
    must(hpm_population_save(population, NULL, 0, size));
    uint8_t *bytes = malloc(*size);
    must(hpm_population_save(population, bytes, *size, size));
    return bytes;
}

static hpm_space *make_space(void) {
    const char *kinds[] = {"relu", "tanh", "gelu"};
    hpm_space *space = NULL;
    must(hpm_space_create(&space));
    must(hpm_space_add_real(space, "rate", 1e-4, 1, HPM_SCALE_LOG, 0.1));
    must(hpm_space_add_real(space, "noise", 0, 1, HPM_SCALE_LINEAR, 0.5));
    must(hpm_space_add_integer(space, "depth", 1, 9, HPM_SCALE_LINEAR, 2));
    must(hpm_space_add_choice(space, "kind", kinds, 3, 1));
    must(hpm_space_add_block(space, "weights", 4, 0.1, 0.9, HPM_SCALE_LOGIT, 0.5));
    return space;
}

static hpm_options *make_options(void) {
    hpm_options *options = NULL;
    must(hpm_options_create(&options));
    must(hpm_options_set_integer(options, "population", STUDENTS));
    must(hpm_options_set_integer(options, "steps", 3));
    must(hpm_options_set_integer(options, "interval", 2));
    return options;
}

/* --- Vectors and problems: f(w, h) = sum (1 + h) w^2 / 2, F(w, h) = sum (w - 1)^2 / 2 --- */

static int32_t vector_create(void *context, void **vector) {
    (void)context;
    *vector = calloc(DIMENSION, sizeof(double));
    return 0;
}

static void vector_destroy(void *context, void *vector) {
    (void)context;
    free(vector);
}

static int32_t vector_copy(void *context, const void *source, void *target) {
    (void)context;
    memcpy(target, source, DIMENSION * sizeof(double));
    return 0;
}

static int32_t vector_dot(void *context, const void *left, const void *right, double *result) {
    (void)context;
    const double *a = left, *b = right;
    *result = 0;
    for (size_t i = 0; i < DIMENSION; i++) *result += a[i] * b[i];
    return 0;
}

static int32_t vector_axpy(void *context, double factor, const void *source, void *target) {
    (void)context;
    const double *from = source;
    double *to = target;
    for (size_t i = 0; i < DIMENSION; i++) to[i] += factor * from[i];
    return 0;
}

static int32_t vector_scale(void *context, double factor, void *vector) {
    (void)context;
    double *numbers = vector;
    for (size_t i = 0; i < DIMENSION; i++) numbers[i] = factor == 0 ? 0 : factor * numbers[i];
    return 0;
}

static const hpm_vector_operations good_operations = {
    sizeof good_operations, vector_create, vector_destroy, vector_copy, vector_dot, vector_axpy,
    vector_scale, NULL, NULL, NULL, NULL, 0};

static int32_t outer_loss(void *context, const void *w, const void *h, double *loss) {
    (void)context, (void)h;
    const double *numbers = w;
    *loss = 0;
    for (size_t i = 0; i < DIMENSION; i++) *loss += (numbers[i] - 1) * (numbers[i] - 1) / 2;
    return 0;
}

static int32_t outer_gradient(void *context, const void *w, const void *h, void *dw, void *dh) {
    (void)context, (void)h, (void)dh;
    for (size_t i = 0; i < DIMENSION; i++) ((double *)dw)[i] = ((const double *)w)[i] - 1;
    return 0;
}

static int32_t inner_gradient(void *context, const void *w, const void *h, void *result) {
    (void)context;
    const double *numbers = w, *penalties = h;
    for (size_t i = 0; i < DIMENSION; i++) ((double *)result)[i] = (1 + penalties[i]) * numbers[i];
    return 0;
}

static int32_t hessian_product(void *context, const void *w, const void *h, const void *v,
                               void *result) {
    (void)w;
    return inner_gradient(context, v, h, result);
}

static int32_t cross_product(void *context, const void *w, const void *h, const void *v,
                             void *result) {
    (void)context, (void)h;
    const double *numbers = w, *direction = v;
    for (size_t i = 0; i < DIMENSION; i++) ((double *)result)[i] = numbers[i] * direction[i];
    return 0;
}

static int32_t outer_gradient_that_fails(void *context, const void *w, const void *h, void *dw,
                                         void *dh) {
    (void)context, (void)w, (void)h, (void)dw, (void)dh;
    return 42;
}

static const hpm_problem_callbacks good_callbacks = {
    sizeof good_callbacks, outer_loss, outer_gradient, NULL, inner_gradient, NULL, hessian_product,
    cross_product, NULL, NULL, NULL, NULL};

static hpm_problem *make_problem(hpm_vectors *vectors, const hpm_problem_callbacks *callbacks) {
    hpm_problem *problem = NULL;
    must(hpm_problem_create(vectors, vectors, callbacks, NULL, &problem));
    return problem;
}

static void make_problems(world *w) {
    hpm_problem_callbacks none = {0}, failing = good_callbacks;
    hpm_vectors *vectors = NULL;
    none.size = sizeof none;
    failing.outer_gradient = outer_gradient_that_fails;
    must(hpm_vectors_create_host(HPM_ELEMENT_DOUBLE, DIMENSION, &w->vectors));
    w->problem = make_problem(w->vectors, &good_callbacks);
    w->empty = make_problem(w->vectors, &none);
    w->failing = make_problem(w->vectors, &failing);
    must(hpm_vectors_create(&good_operations, NULL, DIMENSION, &vectors));
    w->plain = make_problem(vectors, &good_callbacks);
    must(hpm_vectors_destroy(vectors));
    must(hpm_vectors_create_host(HPM_ELEMENT_DOUBLE, DIMENSION - 1, &vectors));
    w->other = make_problem(vectors, &good_callbacks);
    must(hpm_vectors_destroy(vectors));
    w->dead[4] = vectors;
    w->dead[5] = make_problem(w->vectors, &good_callbacks);
    must(hpm_problem_destroy(w->dead[5]));
}

static void ask(hpm_population *population) {
    for (size_t student = 0; student < STUDENTS; student++) {
        hpm_action action;
        double h[DIMENSION];
        must(hpm_student_next(population, student, &action, NULL, h, DIMENSION));
    }
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    (void)context, (void)h, (void)n, (void)hypergradient, (void)has_hypergradient;
    *loss = (double)student;
    return 0;
}

static int32_t clone_student(void *context, size_t source, size_t student) {
    (void)context, (void)source, (void)student;
    return 0;
}

static const hpm_trainer good_trainer = {sizeof good_trainer, train, NULL, clone_student, NULL};

static int32_t see_nothing(void *context, const hpm_event *event) {
    (void)context, (void)event;
    return 0;
}

static int32_t see_no_report(void *context, size_t student, size_t number, double loss,
                             const double *hyperparameters, size_t n) {
    (void)context, (void)student, (void)number, (void)loss, (void)hyperparameters, (void)n;
    return 0;
}

static int32_t take_nothing(void *context, const uint8_t *bytes, size_t length) {
    (void)context, (void)bytes, (void)length;
    return 0;
}

static int32_t judge(void *context, const size_t *students, const double *shares, size_t count,
                     double *loss) {
    (void)context, (void)students, (void)shares, (void)count;
    *loss = 0;
    return 0;
}

static int32_t append(void *context, const uint8_t *bytes, size_t length) {
    world *w = context;
    w->log = realloc(w->log, w->log_size + length);
    memcpy(w->log + w->log_size, bytes, length);
    w->log_size += length;
    return 0;
}

/* What a population of the world's space and options is told until all have reported once. */
static void make_log(world *w) {
    hpm_population *population = NULL;
    must(hpm_population_create(w->space, w->options, &population));
    must(hpm_population_log(population, append, w));
    ask(population);
    for (size_t student = 0; student < STUDENTS; student++) {
        must(hpm_student_report(population, student, (double)student, NULL, 0));
    }
    must(hpm_population_destroy(population));
}

static hpm_population *make_run(world *w) {
    hpm_population *population = NULL;
    must(hpm_run_open(":memory:", w->space, w->options, &population));
    return population;
}

static void make_schedules(world *w) {
    hpm_population *population = make_run(w);
    ask(population);
    for (size_t student = 0; student < STUDENTS; student++) {
        must(hpm_student_report(population, student, (double)student, NULL, 0));
    }
    hpm_schedule *dead = NULL;
    must(hpm_schedule_export(population, 0, &w->schedule));
    must(hpm_schedule_export(population, 1, &dead));
    must(hpm_schedule_destroy(dead));
    w->dead[6] = dead;
    must(hpm_schedule_save(w->schedule, NULL, 0, &w->schedule_size));
    w->schedule_bytes = keep(w, w->schedule_size);
    must(hpm_schedule_save(w->schedule, w->schedule_bytes, w->schedule_size, &w->schedule_size));
    must(hpm_population_destroy(population));
}

static void make_world(world *w, state state) {
    static const double row[DIMENSION] = {0.1, 0.5, 2, 1, 0.5, 0.5, 0.5, 0.5};
    static const char *labels[] = {"small", "large", "none", NULL};
    memset(w, 0, sizeof *w);
    w->space = make_space();
    w->options = make_options();
    if (state == KEPT) {
        w->population = make_run(w);
    } else {
        must(hpm_population_create(w->space, w->options, &w->population));
    }
    must(hpm_teacher_create(TEACHER_DIMENSION, NULL, &w->teacher));
    make_problems(w);
    make_schedules(w);

    hpm_population *population = NULL;
    hpm_teacher *teacher = NULL;
    w->dead[0] = make_space();
    w->dead[1] = make_options();
    must(hpm_population_create(w->space, w->options, &population));
    must(hpm_teacher_create(TEACHER_DIMENSION, NULL, &teacher));
    w->snapshot = saved(population, &w->snapshot_size);
    w->dead[2] = population;
    w->dead[3] = teacher;
    must(hpm_space_destroy(w->dead[0]));
    must(hpm_options_destroy(w->dead[1]));
    must(hpm_population_destroy(population));
    must(hpm_teacher_destroy(teacher));

    w->row = copy(w, row, sizeof row);
    w->matrix = keep(w, STUDENTS * sizeof row);
    for (size_t k = 0; k < STUDENTS; k++) memcpy(w->matrix + k * DIMENSION, row, sizeof row);
    w->losses = copy(w, row, STUDENTS * sizeof *row);
    w->parent = copy(w, row, TEACHER_DIMENSION * sizeof *row);
    w->labels = copy(w, labels, sizeof labels);
    make_log(w);

    if (state == STOPPED) must(hpm_population_stop(w->population));
    if (state == CERTIFIED) {
        must(hpm_student_set_problem(w->population, 0, w->problem, w->row));
        must(hpm_population_run(w->population, &good_trainer, NULL));
    }
    size_t needed;
    if (state == CHECKED) {
        must(hpm_problem_check(w->problem, NULL, w->row, w->row, NULL, 0, &needed));
    } else {
        hpm_problem_check(NULL, NULL, NULL, NULL, NULL, 0, &needed); /* no findings of one before */
    }
    if (state == FRESH || state == STOPPED || state == CERTIFIED || state == CHECKED) return;
    ask(w->population);
    const size_t reports = state == PARTLY ? 1 : state >= REPORTED ? STUDENTS : 0;
    for (int round = 0; round < (state == CLONING ? 2 : 1); round++) {
        for (size_t student = 0; student < reports; student++) {
            must(hpm_student_report(w->population, student, (double)student, row, DIMENSION));
        }
        if (state >= REPORTED) ask(w->population);
    }
}

/* Handles that the good call destroyed are errors by now, and that's fine. */
static void destroy_world(world *w) {
    hpm_space_destroy(w->space);
    hpm_options_destroy(w->options);
    hpm_population_destroy(w->population);
    hpm_teacher_destroy(w->teacher);
    hpm_vectors_destroy(w->vectors);
    hpm_problem_destroy(w->problem);
    hpm_schedule_destroy(w->schedule);
    hpm_problem_destroy(w->other);
    hpm_problem_destroy(w->empty);
    hpm_problem_destroy(w->failing);
    hpm_problem_destroy(w->plain);
    for (size_t i = 0; i < w->kept_count; i++) free(w->kept[i]);
    for (size_t i = 0; i < MOST_PARAMETERS; i++) free(w->written[i]);
    free(w->snapshot);
    free(w->log);
}

/* All that the objects hold. Space and options show in the snapshot of a population made of them,
 * the teacher in what it answers, vectors and problem in a hypergradient. */
static uint8_t *fingerprint(const world *w, size_t *size) {
    hpm_population *population = NULL;
    must(hpm_population_create(w->space, w->options, &population));
    size_t first_size, second_size;
    uint8_t *first = saved(w->population, &first_size), *second = saved(population, &second_size);
    must(hpm_population_destroy(population));
    double child[TEACHER_DIMENSION];
    must(hpm_teacher_mutate(w->teacher, w->parent, child, TEACHER_DIMENSION));
    double derivatives[2][DIMENSION];
    hpm_problem *problem = make_problem(w->vectors, &good_callbacks);
    must(hpm_problem_hypergradient(w->problem, NULL, w->row, w->row, derivatives[0], NULL));
    must(hpm_problem_hypergradient(problem, NULL, w->row, w->row, derivatives[1], NULL));
    must(hpm_problem_destroy(problem));
    *size = first_size + second_size + sizeof child + sizeof derivatives;
    uint8_t *bytes = malloc(*size);
    memcpy(bytes, first, first_size);
    memcpy(bytes + first_size, second, second_size);
    memcpy(bytes + first_size + second_size, child, sizeof child);
    memcpy(bytes + first_size + second_size + sizeof child, derivatives, sizeof derivatives);
    free(first);
    free(second);
    return bytes;
}

/* --- What a parameter takes: a good value, and bad ones --- */

typedef enum {
    BY_TYPE, /* handles, enumerations, single outputs */
    /* Texts. */
    NEW_NAME, OLD_NAME, CHOICE_NAME, INTEGER_KEY, REAL_KEY, WORD_KEY, WORD_VALUE, COUNTER,
    OPTION_KEY, PATH, METRIC_NAME,
    /* Numbers. */
    LOW, HIGH, REAL_INITIAL, INTEGER_INITIAL, CHOICE_INITIAL, INTEGER_VALUE, REAL_VALUE, COST, LOSS,
    /* Indices and lengths. */
    PARAMETER_INDEX, LABEL_INDEX, STUDENT, CLONED_STUDENT, REPORT, LABEL_COUNT, BLOCK_COUNT, LEAST_N, STRIDE_N,
    EXACT_N, GRADIENT_N, TEACHER_N, NEW_DIMENSION, STUDENT_COUNT, BYTES_LENGTH, NAME_CAPACITY,
    LABEL_CAPACITY, BYTES_CAPACITY, HOST_COUNT, VECTOR_DIMENSION, LINES_CAPACITY, FINDING_INDEX,
    SCHEDULE_CAPACITY, SCHEDULE_LENGTH, STEP, OVERRIDES,
    OPTION_CAPACITY, BLEND_CAPACITY, TICKET, KINDS, OBSERVER, LOG_LENGTH, JOINING_COUNT, STEPS,
    /* Input arrays. */
    LABELS, ROW, GRADIENT, GRADIENTS, LOSSES, PARENT, CHILD_GRADIENT, BYTES, TRAINER, OPERATIONS,
    CALLBACKS, VECTOR, STUDENT_VECTOR, LOG_BYTES, SCHEDULE_BYTES,
    /* Callbacks. */
    OBSERVER_CALLBACK, LOG_CALLBACK, JUDGE_CALLBACK, REPORT_CALLBACK,
    /* Handles, and living ones that do not do. */
    PROBLEM_TO_SOLVE, PROBLEM_TO_CHECK, PROBLEM_OF_STUDENT,
    /* Output arrays. */
    ROW_OUT, MATRIX_OUT, STUDENTS_OUT, CHILD_OUT, NAME_OUT, LABEL_OUT, BYTES_OUT, VECTOR_OUT,
    CERTIFICATE_OUT, LINES_OUT, FINDING_OUT, OPTION_OUT, BLEND_OUT, SCHEDULE_OUT,
    CONTEXT
} role;

/* `status` 0: any that is negative. `words`: what the sentence may name, split by '|': the
 * argument, or what the caller knows it by, as the name of an option. */
typedef struct {
    value value;
    hpm_status status;
    const char *words;
    char description[64];
} bad;

typedef struct {
    bad values[MOST_BAD];
    size_t count;
    const char *words;
} bad_list;

static void add(bad_list *list, value value, hpm_status status, const char *format, ...) {
    if (list->count == MOST_BAD) exit(2);
    bad *item = &list->values[list->count++];
    item->value = value;
    item->status = status;
    item->words = list->words;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item->description, sizeof item->description, format, arguments);
    va_end(arguments);
}

static void add_pointer(bad_list *list, const void *pointer, hpm_status status,
                        const char *description) {
    add(list, (value){.pointer = (void *)pointer}, status, "%s", description);
}

static void add_text(bad_list *list, const char *text) {
    add(list, (value){.pointer = (void *)text}, HPM_ERROR_ARGUMENT, "'%.20s'", text);
}

static void add_real(bad_list *list, double real) {
    add(list, (value){.real = real}, HPM_ERROR_ARGUMENT, "%g", real);
}

static void add_size(bad_list *list, size_t size, hpm_status status) {
    add(list, (value){.size = size}, status, "%zu", size);
}

static void add_int64(bad_list *list, int64_t number) {
    add(list, (value){.int64 = number}, HPM_ERROR_ARGUMENT, "%lld", (long long)number);
}

static void add_not_finite(bad_list *list) {
    add_real(list, NAN);
    add_real(list, INFINITY);
    add_real(list, -INFINITY);
}

/* Empty, and bytes that are no UTF-8: never a lead byte, a sequence cut short, an overlong form, a
 * surrogate, beyond the last code point. */
static void add_texts(bad_list *list, const char *unknown) {
    static const char *texts[] = {"", "\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80",
                                  "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) add_text(list, texts[i]);
    add_text(list, unknown);
}

static void add_indices(bad_list *list, size_t count) {
    add_size(list, count, HPM_ERROR_ARGUMENT);
    add_size(list, count + 1, HPM_ERROR_ARGUMENT);
    add_size(list, SIZE_MAX / 2 + 1, HPM_ERROR_ARGUMENT);
    add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
}

static void add_lengths(bad_list *list, size_t length) {
    add_size(list, 0, HPM_ERROR_ARGUMENT);
    add_size(list, length - 1, HPM_ERROR_ARGUMENT);
    add_size(list, length + 1, HPM_ERROR_ARGUMENT);
    add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
}

static void add_trainers(world *w, bad_list *list) {
    hpm_trainer *trainer = copy(w, &good_trainer, sizeof good_trainer);
    trainer->size = 0;
    add_pointer(list, trainer, HPM_ERROR_ARGUMENT, "size 0");
    /* No more memory than the size that it states. */
    trainer = keep(w, sizeof trainer->size);
    memcpy(trainer, &(size_t){sizeof(size_t)}, sizeof(size_t));
    add_pointer(list, trainer, HPM_ERROR_ARGUMENT, "size without a callback");
    trainer = keep(w, offsetof(hpm_trainer, clone));
    memcpy(trainer, &good_trainer, offsetof(hpm_trainer, clone));
    memcpy(trainer, &(size_t){offsetof(hpm_trainer, clone)}, sizeof(size_t));
    add_pointer(list, trainer, HPM_ERROR_ARGUMENT, "size that ends before clone");
    trainer = copy(w, &good_trainer, sizeof good_trainer);
    trainer->train = NULL;
    add_pointer(list, trainer, HPM_ERROR_ARGUMENT, "train NULL");
    trainer = copy(w, &good_trainer, sizeof good_trainer);
    trainer->clone = NULL;
    add_pointer(list, trainer, HPM_ERROR_ARGUMENT, "clone NULL");
}

/* Structs that state a size which can't be theirs, in no more memory than they state. */
static void add_struct_sizes(world *w, bad_list *list, const void *good, size_t size) {
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t), size - 1, size + 1,
                            SIZE_MAX / 2, SIZE_MAX - 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t least = sizes[i] < size ? sizes[i] : size;
        const size_t bytes = least < sizeof(size_t) ? sizeof(size_t) : least;
        void *pointer = copy(w, good, bytes);
        memcpy(pointer, &sizes[i], sizeof *sizes);
        add(list, (value){.pointer = pointer}, HPM_ERROR_ARGUMENT, "size %zu", sizes[i]);
    }
}

static void add_operations(world *w, bad_list *list) {
    static const struct {
        const char *name;
        size_t offset;
    } needed[] = {{"create", offsetof(hpm_vector_operations, create)},
                  {"destroy", offsetof(hpm_vector_operations, destroy)},
                  {"copy", offsetof(hpm_vector_operations, copy)},
                  {"dot", offsetof(hpm_vector_operations, dot)},
                  {"axpy", offsetof(hpm_vector_operations, axpy)},
                  {"scale", offsetof(hpm_vector_operations, scale)}};
    add_struct_sizes(w, list, &good_operations, sizeof good_operations);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        list->words = needed[i].name;
        unsigned char *operations = copy(w, &good_operations, sizeof good_operations);
        memset(operations + needed[i].offset, 0, sizeof(hpm_vector_copy_callback));
        add(list, (value){.pointer = operations}, HPM_ERROR_ARGUMENT, "%s NULL", needed[i].name);
        if (i == 0) continue;
        operations = copy(w, &good_operations, needed[i].offset);
        memcpy(operations, &needed[i].offset, sizeof(size_t));
        add(list, (value){.pointer = operations}, HPM_ERROR_ARGUMENT, "size that ends before %s",
            needed[i].name);
    }
}

static void add_labels(world *w, bad_list *list) {
    static const struct {
        const char *last, *description;
    } cases[] = {{NULL, "one NULL"}, {"", "one empty"}, {"\xff", "one not UTF-8"},
                 {"small", "two alike"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char **labels = copy(w, w->labels, 4 * sizeof *labels);
        labels[2] = cases[i].last;
        add_pointer(list, labels, HPM_ERROR_ARGUMENT, cases[i].description);
    }
}

static void add_rows(world *w, bad_list *list, const double *good, size_t n, size_t at,
                     const double *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double *row = copy(w, good, n * sizeof *row);
        row[at] = numbers[i];
        add(list, (value){.pointer = row}, HPM_ERROR_ARGUMENT, "%g at %zu", numbers[i], at);
    }
}

/* One bit flipped in each of many places, and bytes that never were a snapshot. */
static void add_snapshots(world *w, bad_list *list) {
    for (size_t i = 0; i < 64; i++) {
        const size_t bit = i < 32 ? i * 8 : 8 * (w->snapshot_size - 1) * (i - 32) / 31 + i % 8;
        uint8_t *bytes = copy(w, w->snapshot, w->snapshot_size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        add(list, (value){.pointer = bytes}, HPM_ERROR_SNAPSHOT, "bit %zu flipped", bit);
    }
    add_pointer(list, keep(w, w->snapshot_size), HPM_ERROR_SNAPSHOT, "zeros");
    uint8_t *bytes = keep(w, w->snapshot_size);
    memset(bytes, 0xff, w->snapshot_size);
    add_pointer(list, bytes, HPM_ERROR_SNAPSHOT, "ones");
}

/* One bit flipped in each of many places of a log, its lengths included. */
static void add_logs(world *w, bad_list *list) {
    for (size_t i = 0; i < 64; i++) {
        const size_t bit = i < 32 ? i * 8 : 8 * (w->log_size - 1) * (i - 32) / 31 + i % 8;
        uint8_t *bytes = copy(w, w->log, w->log_size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        add(list, (value){.pointer = bytes}, HPM_ERROR_SNAPSHOT, "bit %zu flipped", bit);
    }
    add_pointer(list, keep(w, w->log_size), HPM_ERROR_SNAPSHOT, "zeros");
    uint8_t *bytes = keep(w, w->log_size);
    memset(bytes, 0xff, w->log_size);
    add_pointer(list, bytes, HPM_ERROR_SNAPSHOT, "ones");
}

static void *live(const world *w, const char *type) {
    if (strcmp(type, "hpm_space *") == 0) return w->space;
    if (strcmp(type, "hpm_options *") == 0) return w->options;
    if (strcmp(type, "hpm_population *") == 0) return w->population;
    if (strcmp(type, "hpm_teacher *") == 0) return w->teacher;
    if (strcmp(type, "hpm_vectors *") == 0) return w->vectors;
    if (strcmp(type, "hpm_problem *") == 0) return w->problem;
    if (strcmp(type, "hpm_schedule *") == 0) return w->schedule;
    return NULL;
}

static void add_handles(world *w, bad_list *list, const char *type) {
    static const uintptr_t numbers[] = {1, 2, 3, 8, 4096, UINTPTR_MAX / 2, UINTPTR_MAX - 1,
                                        UINTPTR_MAX};
    for (size_t i = 0; i < HANDLE_TYPES; i++) {
        add_pointer(list, w->dead[i], HPM_ERROR_HANDLE, "a destroyed handle");
        if (strcmp(handle_types[i], type) == 0) continue;
        add_pointer(list, live(w, handle_types[i]), HPM_ERROR_HANDLE, handle_types[i]);
    }
    add_pointer(list, w->row, HPM_ERROR_HANDLE, "a pointer to memory");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        add(list, (value){.pointer = (void *)numbers[i]}, HPM_ERROR_HANDLE, "%#zx",
            (size_t)numbers[i]);
    }
    const uintptr_t handle = (uintptr_t)live(w, type);
    for (size_t bit = 0; bit < 8 * sizeof handle; bit++) {
        const uintptr_t flipped = handle ^ (uintptr_t)1 << bit;
        /* Which may be NULL, or another's. */
        bool known = flipped == 0;
        for (size_t i = 0; i < HANDLE_TYPES; i++) {
            known = known || (void *)flipped == live(w, handle_types[i]);
        }
        void *const problems[] = {w->other, w->empty, w->failing, w->plain};
        for (size_t i = 0; i < 4; i++) known = known || (void *)flipped == problems[i];
        if (known) continue;
        add(list, (value){.pointer = (void *)flipped}, HPM_ERROR_HANDLE, "bit %zu flipped", bit);
    }
}

/* Beside NULL, which follows from the description. */
static void bad_values(world *w, const parameter *p, role role, bad_list *list) {
    list->count = 0;
    list->words = p->name;
    if (strchr(p->type, '*') && !p->nullable) {
        const bool is_handle = strcmp(p->kind, "handle") == 0;
        add_pointer(list, NULL, is_handle ? HPM_ERROR_HANDLE : HPM_ERROR_ARGUMENT, "NULL");
    }
    switch (role) {
    case BY_TYPE:
        if (strcmp(p->kind, "handle") == 0) {
            add_handles(w, list, p->type);
        } else if (entry("integers", p->type)) {
            const json_t *constants = json_object_get(entry("integers", p->type), "constants");
            const int32_t count = (int32_t)json_array_size(constants);
            const int32_t numbers[] = {-1, count, INT32_MAX, INT32_MIN};
            for (size_t i = 0; i < 4; i++) {
                add(list, (value){.int32 = numbers[i]}, HPM_ERROR_ARGUMENT, "%d", (int)numbers[i]);
            }
        }
        break;
    case NEW_NAME:
        list->words = "name|named";
        add_texts(list, "rate");
        add_text(list, "weights");
        break;
    case CHOICE_NAME:
        list->words = "name|named|rate";
        add_text(list, "rate");
        add_texts(list, "unknown");
        break;
    case INTEGER_KEY:
        list->words = "key|option|algorithm";
        add_text(list, "algorithm");
        add_texts(list, "unknown");
        break;
    case REAL_KEY:
        list->words = "key|option|algorithm|population";
        add_text(list, "algorithm");
        add_text(list, "population");
        add_texts(list, "unknown");
        break;
    case OLD_NAME:
    case WORD_KEY:
    case WORD_VALUE:
    case COUNTER:
    case OPTION_KEY:
        if (role == OPTION_KEY) list->words = "key|option";
        if (role == OLD_NAME) list->words = "name|named";
        if (role == WORD_KEY) list->words = "key|option";
        if (role == WORD_VALUE) list->words = "value|algorithm";
        add_texts(list, "unknown");
        break;
    case PATH:
        add_texts(list, "");
        list->words = "path|folder";
        add(list, (value){.pointer = "/nowhere/run.db"}, HPM_ERROR_STORAGE, "no folder");
        add(list, (value){.pointer = "/"}, HPM_ERROR_STORAGE, "a folder");
        break;
    case METRIC_NAME:
        add_texts(list, "");
        break;
    case LOW:
    case HIGH:
        add_not_finite(list);
        list->words = "low|high";
        add_real(list, role == LOW ? 8 : 1);
        add_real(list, role == LOW ? 9 : 0);
        break;
    case REAL_INITIAL:
    case INTEGER_INITIAL:
        add_real(list, INFINITY);
        add_real(list, -INFINITY);
        add_real(list, 0.5);
        add_real(list, 8.5);
        if (role == INTEGER_INITIAL) add_real(list, 2.5);
        break;
    case CHOICE_INITIAL:
        add_int64(list, -2);
        add_int64(list, 3);
        add_int64(list, INT64_MIN);
        add_int64(list, INT64_MAX);
        break;
    case INTEGER_VALUE:
        list->words = "value|interval";
        add_int64(list, 0);
        add_int64(list, -2);
        add_int64(list, INT64_MIN);
        break;
    case REAL_VALUE:
        list->words = "value|truncation";
        add_not_finite(list);
        add_real(list, -0.1);
        add_real(list, 0.6);
        break;
    case COST:
        add_not_finite(list);
        add_real(list, -1);
        add_real(list, 1.1e100);
        break;
    case PARAMETER_INDEX:
        add_indices(list, 5);
        break;
    case LABEL_INDEX:
        add_indices(list, 3);
        break;
    case STUDENT:
    case CLONED_STUDENT:
        add_indices(list, STUDENTS);
        break;
    case REPORT:
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_indices(list, 2);
        break;
    case LABEL_COUNT:
        /* The fourth label is NULL. */
        list->words = "labels|count";
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, 1, HPM_ERROR_ARGUMENT);
        add_size(list, 4, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX / 2, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        break;
    case BLOCK_COUNT:
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX / 2, HPM_ERROR_MEMORY);
        add_size(list, SIZE_MAX / 2 + 1, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        break;
    case STRIDE_N:
        /* Rows that no address space holds. */
        add_size(list, SIZE_MAX / STUDENTS / 8 + 1, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX / 2, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, DIMENSION - 1, HPM_ERROR_ARGUMENT);
        break;
    case LEAST_N:
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, DIMENSION - 1, HPM_ERROR_ARGUMENT);
        break;
    case EXACT_N:
        add_lengths(list, DIMENSION);
        break;
    case GRADIENT_N:
        list->words = "n|hypergradient|hypergradients";
        add_lengths(list, DIMENSION);
        break;
    case TEACHER_N:
        add_lengths(list, TEACHER_DIMENSION);
        break;
    case NEW_DIMENSION:
        list->words = "dimension|hyperparameters";
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX / 16, 0);
        add_size(list, SIZE_MAX / 2, 0);
        add_size(list, SIZE_MAX, 0);
        break;
    case STUDENT_COUNT:
        add_lengths(list, STUDENTS);
        break;
    case BYTES_LENGTH:
        list->words = "bytes|length|snapshot";
        add_size(list, 0, HPM_ERROR_SNAPSHOT);
        add_size(list, 1, HPM_ERROR_SNAPSHOT);
        add_size(list, w->snapshot_size / 2, HPM_ERROR_SNAPSHOT);
        add_size(list, w->snapshot_size - 1, HPM_ERROR_SNAPSHOT);
        add_size(list, SIZE_MAX, 0);
        break;
    case NAME_CAPACITY:
    case LABEL_CAPACITY:
        add_size(list, 0, HPM_ERROR_CAPACITY);
        add_size(list, 4, HPM_ERROR_CAPACITY);
        break;
    case BYTES_CAPACITY:
        add_size(list, 0, HPM_ERROR_CAPACITY);
        add_size(list, w->snapshot_size - 1, HPM_ERROR_CAPACITY);
        break;
    case HOST_COUNT:
        list->words = "count|vector";
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, (size_t)1 << 50, HPM_ERROR_MEMORY);
        add_size(list, SIZE_MAX / 16, HPM_ERROR_MEMORY);
        add_size(list, SIZE_MAX / 8 + 2, HPM_ERROR_MEMORY);
        add_size(list, SIZE_MAX / 2, HPM_ERROR_MEMORY);
        add_size(list, SIZE_MAX / 2 + 1, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        break;
    case VECTOR_DIMENSION:
        add_size(list, SIZE_MAX / 2 + 1, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        break;
    case LINES_CAPACITY:
        add_size(list, 0, HPM_ERROR_CAPACITY);
        add_size(list, 1, HPM_ERROR_CAPACITY);
        add_size(list, 16, HPM_ERROR_CAPACITY);
        break;
    case SCHEDULE_CAPACITY:
        add_size(list, 0, HPM_ERROR_CAPACITY);
        add_size(list, w->schedule_size - 1, HPM_ERROR_CAPACITY);
        break;
    case SCHEDULE_LENGTH:
        list->words = "bytes|length|schedule";
        add_size(list, 0, HPM_ERROR_SNAPSHOT);
        add_size(list, 1, HPM_ERROR_SNAPSHOT);
        add_size(list, w->schedule_size / 2, HPM_ERROR_SNAPSHOT);
        add_size(list, w->schedule_size - 1, HPM_ERROR_SNAPSHOT);
        add_size(list, SIZE_MAX, 0);
        break;
    case STEP:
        add_indices(list, 1);
        break;
    case OVERRIDES: {
        const int32_t overrides[] = {-1, 8, INT32_MAX, INT32_MIN};
        for (size_t i = 0; i < 4; i++) {
            add(list, (value){.int32 = overrides[i]}, HPM_ERROR_ARGUMENT, "%d", (int)overrides[i]);
        }
        break;
    }
    case SCHEDULE_BYTES:
        list->words = "bytes|schedule";
        for (size_t i = 0; i < 64; i++) {
            const size_t bit = i < 32 ? i * 8 : 8 * (w->schedule_size - 1) * (i - 32) / 31 + i % 8;
            uint8_t *bytes = copy(w, w->schedule_bytes, w->schedule_size);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            add(list, (value){.pointer = bytes}, HPM_ERROR_SNAPSHOT, "bit %zu flipped", bit);
        }
        add_pointer(list, keep(w, w->schedule_size), HPM_ERROR_SNAPSHOT, "zeros");
        break;
    case REPORT_CALLBACK:
        add(list, (value){.report = NULL}, HPM_ERROR_ARGUMENT, "NULL");
        break;
    case LABELS:
        list->words = "labels|label";
        add_labels(w, list);
        break;
    case ROW:
        list->words = "hyperparameters|rate|depth|kind|weights";
        add_rows(w, list, w->row, DIMENSION, 0, (double[]){NAN, INFINITY, 0, 1.01}, 4);
        add_rows(w, list, w->row, DIMENSION, 2, (double[]){NAN, 0, 2.5, 10}, 4);
        add_rows(w, list, w->row, DIMENSION, 3, (double[]){NAN, -1, 0.5, 3}, 4);
        add_rows(w, list, w->row, DIMENSION, 7, (double[]){NAN, -INFINITY, 0.05, 0.95}, 4);
        break;
    case GRADIENT:
    case GRADIENTS:
        list->words = "n|hypergradient|hypergradients";
        add_pointer(list, NULL, HPM_ERROR_ARGUMENT, "NULL with a length");
        break;
    case PARENT:
        add_rows(w, list, w->parent, TEACHER_DIMENSION, 2, (double[]){NAN, INFINITY, -INFINITY}, 3);
        break;
    case BYTES:
        list->words = "bytes|snapshot";
        add_snapshots(w, list);
        break;
    case TRAINER:
        add_trainers(w, list);
        break;
    case OPERATIONS:
        add_operations(w, list);
        break;
    case CALLBACKS:
        add_struct_sizes(w, list, &good_callbacks, sizeof good_callbacks);
        break;
    case CERTIFICATE_OUT:
        add_struct_sizes(w, list, &(hpm_certificate){0}, sizeof(hpm_certificate));
        break;
    case OPTION_CAPACITY:
        add_size(list, 0, HPM_ERROR_CAPACITY);
        add_size(list, 3, HPM_ERROR_CAPACITY);
        break;
    case TICKET: {
        /* None, another student's, and ones that were never given. */
        hpm_action action;
        uint64_t other;
        double h[DIMENSION];
        must(hpm_student_next_ticket(w->population, 1, &action, NULL, &other, h, DIMENSION));
        const uint64_t tickets[] = {0, other, (uint64_t)1 << 40, UINT64_MAX};
        for (size_t i = 0; i < 4; i++) {
            add(list, (value){.uint64 = tickets[i]}, HPM_ERROR_ARGUMENT, "%llu",
                (unsigned long long)tickets[i]);
        }
        break;
    }
    case KINDS: {
        const uint32_t kinds[] = {0, HPM_EVENT_ALL + 1, UINT32_MAX};
        for (size_t i = 0; i < 3; i++) {
            add(list, (value){.uint32 = kinds[i]}, HPM_ERROR_ARGUMENT, "%u", (unsigned)kinds[i]);
        }
        break;
    }
    case OBSERVER:
        add_size(list, 1000, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        break;
    case OBSERVER_CALLBACK:
        add(list, (value){.observer = NULL}, HPM_ERROR_ARGUMENT, "NULL");
        break;
    case JOINING_COUNT:
        list->words = "count|students|population";
        add_size(list, 0, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX / 2, 0);
        add_size(list, SIZE_MAX, 0);
        break;
    case STEPS:
        add_size(list, 1, HPM_ERROR_ARGUMENT);
        add_size(list, 2, HPM_ERROR_ARGUMENT);
        add_size(list, SIZE_MAX, HPM_ERROR_ARGUMENT);
        break;
    case LOG_BYTES:
        list->words = "bytes|log|input|inputs";
        add_logs(w, list);
        break;
    case LOG_LENGTH:
        list->words = "bytes|length";
        add_size(list, SIZE_MAX, 0);
        break;
    case FINDING_INDEX:
        add_indices(list, hpm_last_finding_count());
        break;
    case FINDING_OUT:
        add_struct_sizes(w, list, &(hpm_finding){0}, sizeof(hpm_finding));
        break;
    case PROBLEM_TO_SOLVE:
        add_handles(w, list, p->type);
        list->words = "outer_gradient|inner_gradient";
        add_pointer(list, w->empty, HPM_ERROR_UNSUPPORTED, "a problem without callbacks");
        add_pointer(list, w->failing, HPM_ERROR_CALLBACK, "a problem whose callback fails");
        break;
    case PROBLEM_TO_CHECK:
        add_handles(w, list, p->type);
        list->words = "outer_gradient";
        add_pointer(list, w->failing, HPM_ERROR_CALLBACK, "a problem whose callback fails");
        list->words = "random";
        add_pointer(list, w->plain, HPM_ERROR_UNSUPPORTED, "a problem of vectors without random");
        break;
    case PROBLEM_OF_STUDENT:
        add_handles(w, list, p->type);
        add_pointer(list, w->other, HPM_ERROR_ARGUMENT, "a problem of another dimension");
        add_pointer(list, NULL, HPM_ERROR_ARGUMENT, "NULL with w");
        list->words = "outer_gradient|write";
        add_pointer(list, w->empty, HPM_ERROR_UNSUPPORTED, "a problem without callbacks");
        add_pointer(list, w->plain, HPM_ERROR_UNSUPPORTED, "a problem of vectors without write");
        break;
    case STUDENT_VECTOR:
        add_pointer(list, NULL, HPM_ERROR_ARGUMENT, "NULL with a problem");
        break;
    case VECTOR_OUT:
        add_pointer(list, w->row, HPM_ERROR_ARGUMENT, "h");
        break;
    case BLEND_OUT:
        list->words = "students|shares";
        add_pointer(list, NULL, HPM_ERROR_ARGUMENT, "NULL alone");
        break;
    case BLEND_CAPACITY:
        add_size(list, 0, HPM_ERROR_CAPACITY);
        break;
    case LINES_OUT:
    case OPTION_OUT:
    case NAME_OUT:
    case LABEL_OUT:
    case BYTES_OUT:
    case SCHEDULE_OUT:
        list->words = "out|bytes|capacity";
        add_pointer(list, NULL, HPM_ERROR_ARGUMENT, "NULL with a capacity");
        break;
    case LOSS:
    case LOSSES:
    case CHILD_GRADIENT:
    case ROW_OUT:
    case MATRIX_OUT:
    case STUDENTS_OUT:
    case CHILD_OUT:
    case CONTEXT:
    case VECTOR:
    case LOG_CALLBACK:
    case JUDGE_CALLBACK:
        break;
    }
}

static value good_value(world *w, const parameter *p, role role, size_t position) {
    size_t size = 0;
    switch (role) {
    case BY_TYPE:
        if (strcmp(p->kind, "handle") == 0) return (value){.pointer = live(w, p->type)};
        if (strcmp(p->kind, "integer") == 0) return (value){.int32 = 0};
        size = sizeof(double);
        break;
    case NEW_NAME: return (value){.pointer = "new"};
    case OLD_NAME: return (value){.pointer = "depth"};
    case CHOICE_NAME: return (value){.pointer = "kind"};
    case INTEGER_KEY: return (value){.pointer = "interval"};
    case REAL_KEY: return (value){.pointer = "truncation"};
    case WORD_KEY: return (value){.pointer = "algorithm"};
    case WORD_VALUE: return (value){.pointer = "pbt"};
    case COUNTER: return (value){.pointer = "clones"};
    case OPTION_KEY: return (value){.pointer = "algorithm"};
    case PATH: return (value){.pointer = ":memory:"};
    case METRIC_NAME: return (value){.pointer = "accuracy"};
    case SCHEDULE_CAPACITY:
    case SCHEDULE_LENGTH: return (value){.size = w->schedule_size};
    case SCHEDULE_BYTES: return (value){.pointer = w->schedule_bytes};
    case STEP: return (value){.size = 0};
    case OVERRIDES: return (value){.int32 = HPM_OVERRIDE_STEPS};
    case REPORT_CALLBACK: return (value){.report = see_no_report};
    case LOW: return (value){.real = 1};
    case HIGH: return (value){.real = 8};
    case REAL_INITIAL: return (value){.real = 2.5};
    case INTEGER_INITIAL: return (value){.real = 2};
    case CHOICE_INITIAL: return (value){.int64 = 2};
    case INTEGER_VALUE: return (value){.int64 = 3};
    case REAL_VALUE: return (value){.real = 0.25};
    case COST: return (value){.real = 2};
    case LOSS: return (value){.real = 1};
    case PARAMETER_INDEX:
    case STUDENT: return (value){.size = 0};
    case CLONED_STUDENT: return (value){.size = STUDENTS - 1};
    case LABEL_INDEX:
    case FINDING_INDEX: return (value){.size = 0};
    case REPORT: return (value){.size = 1};
    case LABEL_COUNT: return (value){.size = 3};
    case BLOCK_COUNT: return (value){.size = 4};
    case STRIDE_N:
    case LEAST_N:
    case EXACT_N:
    case GRADIENT_N: return (value){.size = DIMENSION};
    case TEACHER_N:
    case NEW_DIMENSION: return (value){.size = TEACHER_DIMENSION};
    case BLEND_CAPACITY:
    case STUDENT_COUNT: return (value){.size = STUDENTS};
    case BYTES_LENGTH:
    case BYTES_CAPACITY: return (value){.size = w->snapshot_size};
    /* "rate" and "relu". */
    case NAME_CAPACITY:
    case LABEL_CAPACITY: return (value){.size = 5};
    case LABELS: return (value){.pointer = w->labels};
    case ROW:
    case GRADIENT: return (value){.pointer = w->row};
    case GRADIENTS: return (value){.pointer = w->matrix};
    case LOSSES: return (value){.pointer = w->losses};
    case PARENT:
    case CHILD_GRADIENT: return (value){.pointer = w->parent};
    case BYTES: return (value){.pointer = w->snapshot};
    case TRAINER: return (value){.pointer = (void *)&good_trainer};
    case CONTEXT: return (value){.pointer = NULL};
    case HOST_COUNT:
    case VECTOR_DIMENSION: return (value){.size = DIMENSION};
    case LINES_CAPACITY: return (value){.size = REPORT_CAPACITY};
    /* "hpm". */
    case OPTION_CAPACITY: return (value){.size = 4};
    case TICKET: {
        hpm_action action;
        value ticket = {0};
        double h[DIMENSION];
        must(hpm_student_next_ticket(w->population, 0, &action, NULL, &ticket.uint64, h,
                                     DIMENSION));
        return ticket;
    }
    case KINDS: return (value){.uint32 = HPM_EVENT_ALL};
    case OBSERVER: {
        value observer = {0};
        must(hpm_population_observe(w->population, HPM_EVENT_ALL, see_nothing, NULL,
                                    &observer.size));
        return observer;
    }
    case OBSERVER_CALLBACK: return (value){.observer = see_nothing};
    case LOG_CALLBACK: return (value){.log = take_nothing};
    case JUDGE_CALLBACK: return (value){.judge = judge};
    case JOINING_COUNT: return (value){.size = 2};
    case STEPS: return (value){.size = 6};
    case LOG_BYTES: return (value){.pointer = w->log};
    case LOG_LENGTH: return (value){.size = w->log_size};
    case OPERATIONS: return (value){.pointer = (void *)&good_operations};
    case CALLBACKS: return (value){.pointer = (void *)&good_callbacks};
    case VECTOR:
    case STUDENT_VECTOR: return (value){.pointer = w->row};
    case PROBLEM_TO_SOLVE:
    case PROBLEM_TO_CHECK:
    case PROBLEM_OF_STUDENT: return (value){.pointer = w->problem};
    case VECTOR_OUT:
    case ROW_OUT: size = DIMENSION * sizeof(double); break;
    case MATRIX_OUT: size = STUDENTS * DIMENSION * sizeof(double); break;
    case STUDENTS_OUT:
    case BLEND_OUT: size = STUDENTS * sizeof(size_t); break;
    case CHILD_OUT: size = TEACHER_DIMENSION * sizeof(double); break;
    case NAME_OUT:
    case LABEL_OUT: size = 5; break;
    case OPTION_OUT: size = 4; break;
    case BYTES_OUT: size = w->snapshot_size; break;
    case SCHEDULE_OUT: size = w->schedule_size; break;
    case LINES_OUT: size = REPORT_CAPACITY; break;
    case CERTIFICATE_OUT: size = sizeof(hpm_certificate); break;
    case FINDING_OUT: size = sizeof(hpm_finding); break;
    }
    if (!w->written[position]) w->written[position] = calloc(1, size);
    if (role == CERTIFICATE_OUT || role == FINDING_OUT) memcpy(w->written[position], &size, sizeof size);
    return (value){.pointer = w->written[position]};
}

/* --- The plans --- */

static const struct plan {
    const char *function;
    state state;
    role roles[MOST_PARAMETERS];
} plans[] = {
    {"hpm_space_create", FRESH, {BY_TYPE}},
    {"hpm_space_destroy", FRESH, {BY_TYPE}},
    {"hpm_space_add_real", FRESH, {BY_TYPE, NEW_NAME, LOW, HIGH, BY_TYPE, REAL_INITIAL}},
    {"hpm_space_add_integer", FRESH, {BY_TYPE, NEW_NAME, LOW, HIGH, BY_TYPE, INTEGER_INITIAL}},
    {"hpm_space_add_choice", FRESH, {BY_TYPE, NEW_NAME, LABELS, LABEL_COUNT, CHOICE_INITIAL}},
    {"hpm_space_add_block", FRESH,
     {BY_TYPE, NEW_NAME, BLOCK_COUNT, LOW, HIGH, BY_TYPE, REAL_INITIAL}},
    {"hpm_space_set_update", FRESH, {BY_TYPE, OLD_NAME, BY_TYPE}},
    {"hpm_space_set_role", FRESH, {BY_TYPE, OLD_NAME, BY_TYPE}},
    {"hpm_space_role", FRESH, {BY_TYPE, OLD_NAME, BY_TYPE}},
    {"hpm_space_dimension", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_space_offset", FRESH, {BY_TYPE, OLD_NAME, BY_TYPE, BY_TYPE}},
    {"hpm_space_count", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_space_name", FRESH, {BY_TYPE, PARAMETER_INDEX, NAME_OUT, NAME_CAPACITY, BY_TYPE}},
    {"hpm_space_describe", FRESH, {BY_TYPE, OLD_NAME}},
    {"hpm_space_label", FRESH,
     {BY_TYPE, CHOICE_NAME, LABEL_INDEX, LABEL_OUT, LABEL_CAPACITY, BY_TYPE}},
    {"hpm_options_create", FRESH, {BY_TYPE}},
    {"hpm_options_destroy", FRESH, {BY_TYPE}},
    {"hpm_options_set_integer", FRESH, {BY_TYPE, INTEGER_KEY, INTEGER_VALUE}},
    {"hpm_options_set_real", FRESH, {BY_TYPE, REAL_KEY, REAL_VALUE}},
    {"hpm_options_set_string", FRESH, {BY_TYPE, WORD_KEY, WORD_VALUE}},
    {"hpm_population_create", FRESH, {BY_TYPE, BY_TYPE, BY_TYPE}},
    {"hpm_population_destroy", FRESH, {BY_TYPE}},
    {"hpm_population_size", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_population_dimension", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_population_space", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_population_next_all", FRESH,
     {BY_TYPE, STUDENTS_OUT, STUDENTS_OUT, MATRIX_OUT, STUDENT_COUNT, STRIDE_N}},
    {"hpm_population_report_all", ASKED,
     {BY_TYPE, LOSSES, GRADIENTS, STUDENT_COUNT, GRADIENT_N}},
    {"hpm_population_count", FRESH, {BY_TYPE, COUNTER, BY_TYPE}},
    {"hpm_population_best", REPORTED, {BY_TYPE, BY_TYPE, BY_TYPE}},
    {"hpm_population_best_hyperparameters", REPORTED, {BY_TYPE, ROW_OUT, LEAST_N, BY_TYPE}},
    {"hpm_population_blend", REPORTED,
     {BY_TYPE, JUDGE_CALLBACK, CONTEXT, BLEND_OUT, BLEND_OUT, BLEND_CAPACITY, BY_TYPE}},
    {"hpm_population_stop", FRESH, {BY_TYPE}},
    {"hpm_population_actions", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_population_option", FRESH,
     {BY_TYPE, OPTION_KEY, OPTION_OUT, OPTION_CAPACITY, BY_TYPE}},
    {"hpm_population_grow", ASKED, {BY_TYPE, JOINING_COUNT, BY_TYPE}},
    {"hpm_population_set_steps", ASKED, {BY_TYPE, STEPS}},
    {"hpm_population_observe", FRESH, {BY_TYPE, KINDS, OBSERVER_CALLBACK, CONTEXT, BY_TYPE}},
    {"hpm_population_unobserve", FRESH, {BY_TYPE, OBSERVER}},
    {"hpm_population_log", FRESH, {BY_TYPE, LOG_CALLBACK, CONTEXT}},
    {"hpm_population_replay", FRESH, {BY_TYPE, LOG_BYTES, LOG_LENGTH, BY_TYPE}},
    {"hpm_population_run", FRESH, {BY_TYPE, TRAINER, CONTEXT}},
    {"hpm_population_save", FRESH, {BY_TYPE, BYTES_OUT, BYTES_CAPACITY, BY_TYPE}},
    {"hpm_population_load", FRESH, {BYTES, BYTES_LENGTH, BY_TYPE}},
    {"hpm_student_next", FRESH, {BY_TYPE, STUDENT, BY_TYPE, BY_TYPE, ROW_OUT, LEAST_N}},
    {"hpm_student_report", ASKED, {BY_TYPE, STUDENT, LOSS, GRADIENT, GRADIENT_N}},
    {"hpm_student_next_ticket", FRESH,
     {BY_TYPE, STUDENT, BY_TYPE, BY_TYPE, BY_TYPE, ROW_OUT, LEAST_N}},
    {"hpm_student_report_ticket", ASKED,
     {BY_TYPE, STUDENT, TICKET, LOSS, GRADIENT, GRADIENT_N}},
    {"hpm_student_reports", FRESH, {BY_TYPE, STUDENT, BY_TYPE}},
    {"hpm_student_wants_hypergradient", FRESH, {BY_TYPE, STUDENT, BY_TYPE}},
    {"hpm_student_age", FRESH, {BY_TYPE, STUDENT, BY_TYPE}},
    {"hpm_student_release", ASKED, {BY_TYPE, STUDENT}},
    {"hpm_student_retire", FRESH, {BY_TYPE, STUDENT}},
    {"hpm_student_report_cost", ASKED, {BY_TYPE, STUDENT, COST, COST}},
    {"hpm_student_hyperparameters", FRESH, {BY_TYPE, STUDENT, ROW_OUT, LEAST_N}},
    {"hpm_student_set_initial", FRESH, {BY_TYPE, STUDENT, ROW, EXACT_N}},
    {"hpm_student_ancestor", REPORTED, {BY_TYPE, STUDENT, REPORT, BY_TYPE}},
    {"hpm_student_ancestor_report", REPORTED, {BY_TYPE, STUDENT, REPORT, BY_TYPE}},
    {"hpm_student_source_report", CLONING, {BY_TYPE, CLONED_STUDENT, BY_TYPE}},
    {"hpm_checkpoint_releasable", FRESH, {BY_TYPE, STUDENT, REPORT, BY_TYPE}},
    {"hpm_student_set_problem", FRESH, {BY_TYPE, STUDENT, PROBLEM_OF_STUDENT, STUDENT_VECTOR}},
    {"hpm_student_certificate", CERTIFIED, {BY_TYPE, STUDENT, CERTIFICATE_OUT}},
    {"hpm_vectors_create", FRESH, {OPERATIONS, CONTEXT, VECTOR_DIMENSION, BY_TYPE}},
    {"hpm_vectors_create_host", FRESH, {BY_TYPE, HOST_COUNT, BY_TYPE}},
    {"hpm_vectors_destroy", FRESH, {BY_TYPE}},
    {"hpm_problem_create", FRESH, {BY_TYPE, BY_TYPE, CALLBACKS, CONTEXT, BY_TYPE}},
    {"hpm_problem_destroy", FRESH, {BY_TYPE}},
    {"hpm_problem_hypergradient", FRESH,
     {PROBLEM_TO_SOLVE, BY_TYPE, VECTOR, VECTOR, VECTOR_OUT, CERTIFICATE_OUT}},
    {"hpm_problem_check", FRESH,
     {PROBLEM_TO_CHECK, BY_TYPE, VECTOR, VECTOR, LINES_OUT, LINES_CAPACITY, BY_TYPE}},
    {"hpm_last_finding", CHECKED, {FINDING_INDEX, FINDING_OUT}},
    {"hpm_teacher_create", FRESH, {NEW_DIMENSION, BY_TYPE, BY_TYPE}},
    {"hpm_teacher_destroy", FRESH, {BY_TYPE}},
    {"hpm_teacher_mutate", FRESH, {BY_TYPE, PARENT, CHILD_OUT, TEACHER_N}},
    {"hpm_teacher_learn", FRESH, {BY_TYPE, PARENT, CHILD_GRADIENT, TEACHER_N}},
    {"hpm_run_open", FRESH, {PATH, BY_TYPE, BY_TYPE, BY_TYPE}},
    {"hpm_run_open_overriding", FRESH, {PATH, BY_TYPE, BY_TYPE, OVERRIDES, BY_TYPE}},
    {"hpm_run_set_durability", KEPT, {BY_TYPE, BY_TYPE}},
    {"hpm_run_log_metric", KEPT, {BY_TYPE, STUDENT, METRIC_NAME, LOSS}},
    {"hpm_run_reports", KEPT, {BY_TYPE, REPORT_CALLBACK, CONTEXT}},
    {"hpm_schedule_export", KEPT, {BY_TYPE, STUDENT, BY_TYPE}},
    {"hpm_schedule_destroy", FRESH, {BY_TYPE}},
    {"hpm_schedule_length", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_schedule_space", FRESH, {BY_TYPE, BY_TYPE}},
    {"hpm_schedule_at", FRESH, {BY_TYPE, STEP, ROW_OUT, LEAST_N, BY_TYPE, BY_TYPE, BY_TYPE}},
    {"hpm_schedule_save", FRESH, {BY_TYPE, SCHEDULE_OUT, SCHEDULE_CAPACITY, BY_TYPE}},
    {"hpm_schedule_load", FRESH, {SCHEDULE_BYTES, SCHEDULE_LENGTH, BY_TYPE}},
};

/* Calls that are wrong by two arguments together, or by their order. */
static const struct extra {
    const char *function, *description;
    state state;
    hpm_status status;
    const char *words;
    struct {
        size_t at;
        value value;
    } changes[2];
    size_t count;
} extras[] = {
    {"hpm_run_set_durability", "a run in no file", FRESH, HPM_ERROR_UNSUPPORTED, "file", {{0}}, 0},
    {"hpm_run_log_metric", "a run in no file", FRESH, HPM_ERROR_UNSUPPORTED, "file", {{0}}, 0},
    {"hpm_run_reports", "a run in no file", FRESH, HPM_ERROR_UNSUPPORTED, "file", {{0}}, 0},
    {"hpm_schedule_export", "a run in no file", FRESH, HPM_ERROR_UNSUPPORTED, "file", {{0}}, 0},
    {"hpm_run_open", "no file and no space", FRESH, HPM_ERROR_ARGUMENT, "space",
     {{1, {.pointer = NULL}}}, 1},
    {"hpm_space_add_real", "a logarithm of 0", FRESH, HPM_ERROR_ARGUMENT, "low",
     {{4, {.int32 = HPM_SCALE_LOG}}, {2, {.real = 0}}}, 2},
    {"hpm_space_add_real", "a logarithm of -1", FRESH, HPM_ERROR_ARGUMENT, "low",
     {{4, {.int32 = HPM_SCALE_LOG}}, {2, {.real = -1}}}, 2},
    {"hpm_space_add_real", "a logit of 8", FRESH, HPM_ERROR_ARGUMENT, "high|low",
     {{4, {.int32 = HPM_SCALE_LOGIT}}}, 1},
    {"hpm_space_add_block", "a logarithm of 0", FRESH, HPM_ERROR_ARGUMENT, "low",
     {{5, {.int32 = HPM_SCALE_LOG}}, {3, {.real = 0}}}, 2},
    {"hpm_space_add_block", "a range that overflows", FRESH, HPM_ERROR_ARGUMENT, "low|high",
     {{3, {.real = -1.7e308}}, {4, {.real = 1.7e308}}}, 2},
    {"hpm_space_add_real", "a range that overflows", FRESH, HPM_ERROR_ARGUMENT, "low|high",
     {{2, {.real = -1.7e308}}, {3, {.real = 1.7e308}}}, 2},
    {"hpm_space_add_integer", "a bound that is not whole", FRESH, HPM_ERROR_ARGUMENT, "low",
     {{2, {.real = 1.5}}}, 1},
    {"hpm_space_add_integer", "a bound that is not whole", FRESH, HPM_ERROR_ARGUMENT, "high",
     {{3, {.real = 7.5}}}, 1},
    {"hpm_space_add_integer", "a bound beyond 2^53", FRESH, HPM_ERROR_ARGUMENT, "high",
     {{3, {.real = 1e16}}}, 1},
    {"hpm_space_add_integer", "a logit", FRESH, HPM_ERROR_ARGUMENT, "scale",
     {{4, {.int32 = HPM_SCALE_LOGIT}}}, 1},
    {"hpm_space_set_update", "a hypergradient of an integer", FRESH, HPM_ERROR_ARGUMENT,
     "update|depth", {{2, {.int32 = HPM_UPDATE_HYPERGRADIENT}}}, 1},
    {"hpm_space_set_update", "both on a choice", FRESH, HPM_ERROR_ARGUMENT, "update|kind",
     {{1, {.pointer = "kind"}}, {2, {.int32 = HPM_UPDATE_BOTH}}}, 2},
    {"hpm_space_set_role", "a learning rate that is an integer", FRESH, HPM_ERROR_ARGUMENT,
     "learning rate|depth", {{2, {.int32 = HPM_ROLE_LEARNING_RATE}}}, 1},
    {"hpm_options_set_integer", "a text for a number", FRESH, HPM_ERROR_ARGUMENT, "direction",
     {{1, {.pointer = "direction"}}}, 1},
    {"hpm_options_set_integer", "no students", FRESH, HPM_ERROR_ARGUMENT, "value|population",
     {{1, {.pointer = "population"}}, {2, {.int64 = 0}}}, 2},
    {"hpm_options_set_integer", "a negative seed", FRESH, HPM_ERROR_ARGUMENT, "value|seed",
     {{1, {.pointer = "seed"}}, {2, {.int64 = -1}}}, 2},
    {"hpm_options_set_integer", "a share above 1", FRESH, HPM_ERROR_ARGUMENT,
     "value|teacher_share", {{1, {.pointer = "teacher_share"}}, {2, {.int64 = 2}}}, 2},
    {"hpm_options_set_string", "letters for a number", FRESH, HPM_ERROR_ARGUMENT,
     "value|population", {{1, {.pointer = "population"}}, {2, {.pointer = "many"}}}, 2},
    {"hpm_options_set_string", "a number too long", FRESH, HPM_ERROR_ARGUMENT, "value|population",
     {{1, {.pointer = "population"}}, {2, {.pointer = "99999999999999999999"}}}, 2},
    {"hpm_options_set_string", "a number that is NaN", FRESH, HPM_ERROR_ARGUMENT,
     "value|truncation", {{1, {.pointer = "truncation"}}, {2, {.pointer = "nan"}}}, 2},
    {"hpm_options_set_string", "a number beyond double", FRESH, HPM_ERROR_ARGUMENT,
     "value|hyper_learning_rate",
     {{1, {.pointer = "hyper_learning_rate"}}, {2, {.pointer = "1e999"}}}, 2},
    {"hpm_population_best", "before any report", FRESH, HPM_ERROR_NO_RESULT, NULL, {{0}}, 0},
    {"hpm_population_blend", "before any report", FRESH, HPM_ERROR_NO_RESULT, NULL, {{0}}, 0},
    {"hpm_population_blend", "no arrays and a capacity", REPORTED, HPM_ERROR_ARGUMENT, "students",
     {{3, {.pointer = NULL}}, {4, {.pointer = NULL}}}, 2},
    {"hpm_population_best_hyperparameters", "before any report", FRESH, HPM_ERROR_NO_RESULT, NULL,
     {{0}}, 0},
    {"hpm_student_report", "before next", FRESH, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_report", "a second time", PARTLY, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_report", "when stopped", STOPPED, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_report_cost", "before next", FRESH, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_report_cost", "after the report", PARTLY, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_report_cost", "when stopped", STOPPED, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_set_initial", "after next", ASKED, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_set_initial", "after a report", PARTLY, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_ancestor", "before any report", FRESH, HPM_ERROR_ARGUMENT, "report", {{0}}, 0},
    {"hpm_student_source_report", "of a student that trains", FRESH, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_ancestor", "before all reports", PARTLY, HPM_ERROR_ARGUMENT, "report", {{0}}, 0},
    {"hpm_student_certificate", "before there is one", FRESH, HPM_ERROR_NO_RESULT, "student",
     {{0}}, 0},
    {"hpm_student_certificate", "of a student without a problem", CERTIFIED, HPM_ERROR_NO_RESULT,
     "student", {{1, {.size = 1}}}, 1},
    {"hpm_last_finding", "without a check", FRESH, HPM_ERROR_NO_RESULT, "finding", {{0}}, 0},
    {"hpm_student_ancestor_report", "before any report", FRESH, HPM_ERROR_ARGUMENT, "report",
     {{0}}, 0},
    {"hpm_student_release", "before next", FRESH, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_student_release", "after the report", PARTLY, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_population_replay", "of another state", PARTLY, HPM_ERROR_ARGUMENT, "does not begin", {{0}}, 0},
    {"hpm_population_report_all", "before next", FRESH, HPM_ERROR_ORDER, "student", {{0}}, 0},
    {"hpm_population_report_all", "when stopped", STOPPED, HPM_ERROR_ORDER, "student", {{0}}, 0},
};

/* --- Calls --- */

static ffi_arg call(function *f, value *arguments) {
    void *addresses[MOST_PARAMETERS];
    ffi_arg result = 0;
    for (size_t i = 0; i < f->count; i++) addresses[i] = &arguments[i];
    ffi_call(&f->cif, f->address, &result, addresses);
    return result;
}

static bool is_word_of(const char *sentence, const char *word, size_t length) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    for (const char *at = sentence; *at; at++) {
        if (strncmp(at, word, length) != 0) continue;
        const bool begins = at == sentence || !strchr(letters, at[-1]);
        if (begins && (!at[length] || !strchr(letters, at[length]))) return true;
    }
    return false;
}

static bool names_one(const char *sentence, const char *words) {
    while (words) {
        const char *end = strchr(words, '|');
        const size_t length = end ? (size_t)(end - words) : strlen(words);
        if (is_word_of(sentence, words, length)) return true;
        words = end ? end + 1 : NULL;
    }
    return false;
}

static bool is_utf8(const char *text) {
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

static void expect_failure(world *w, function *f, value *arguments, hpm_status status,
                           const char *words, const char *description) {
    size_t size_before, size_after;
    double unused;
    uint8_t *before = fingerprint(w, &size_before);
    /* A sentence that no other call makes, so that a new one shows. */
    hpm_population_count(w->population, "the sentence of the call before", &unused);

    const hpm_status got = (hpm_status)call(f, arguments);
    char sentence[4096];
    snprintf(sentence, sizeof sentence, "%s", hpm_last_error());
    uint8_t *after = fingerprint(w, &size_after);

    const char *fault = NULL;
    if (got >= 0) {
        fault = "no error";
    } else if (status != 0 && got != status) {
        fault = "another status";
    } else if (strstr(sentence, "the sentence of the call before")) {
        fault = "no sentence";
    } else if (strlen(sentence) < 8 || !strchr(sentence, ' ') || !is_utf8(sentence)) {
        fault = "no proper sentence";
    } else if (words && !names_one(sentence, words)) {
        fault = "a sentence that does not name the argument";
    } else if (size_before != size_after || memcmp(before, after, size_after) != 0) {
        fault = "a changed state";
    }
    expect(!fault, "%s(%s): %s; %s: \"%s\"", f->name, description, fault ? fault : "",
           hpm_status_name(got), sentence);
    free(before);
    free(after);
}

static void good_arguments(world *w, const function *f, const role *roles, value *arguments) {
    for (size_t i = 0; i < f->count; i++) {
        arguments[i] = good_value(w, &f->parameters[i], roles[i], i);
    }
}

/* Objects that a good call made are the caller's. */
static void destroy_made(const function *f, const value *arguments) {
    for (size_t i = 0; i < f->count; i++) {
        const char *type = f->parameters[i].type;
        void *made = strstr(type, " **") ? *(void **)arguments[i].pointer : NULL;
        if (strstr(type, "const")) continue;
        if (strstr(type, "hpm_space **")) must(hpm_space_destroy(made));
        if (strstr(type, "hpm_options **")) must(hpm_options_destroy(made));
        if (strstr(type, "hpm_population **")) must(hpm_population_destroy(made));
        if (strstr(type, "hpm_teacher **")) must(hpm_teacher_destroy(made));
        if (strstr(type, "hpm_vectors **")) must(hpm_vectors_destroy(made));
        if (strstr(type, "hpm_problem **")) must(hpm_problem_destroy(made));
    }
}

static void sweep(function *f, const struct plan *plan) {
    static bad_list lists[MOST_PARAMETERS];
    world w;
    value good[MOST_PARAMETERS], arguments[MOST_PARAMETERS];
    char description[256];
    make_world(&w, plan->state);
    good_arguments(&w, f, plan->roles, good);
    for (size_t i = 0; i < f->count; i++) {
        bad_values(&w, &f->parameters[i], plan->roles[i], &lists[i]);
    }

    for (size_t i = 0; i < f->count; i++) {
        for (size_t a = 0; a < lists[i].count; a++) {
            const bad *first = &lists[i].values[a];
            memcpy(arguments, good, sizeof good);
            arguments[i] = first->value;
            snprintf(description, sizeof description, "%s = %s", f->parameters[i].name,
                     first->description);
            expect_failure(&w, f, arguments, first->status, first->words, description);
            /* In pairs: a few of each, since some make one another good (NULL with length 0). */
            for (size_t j = i + 1; j < f->count && a < 4; j++) {
                for (size_t b = 0; b < lists[j].count && b < 4; b++) {
                    const bad *second = &lists[j].values[b];
                    if (first->value.pointer == NULL && second->value.size == 0) continue;
                    arguments[j] = second->value;
                    snprintf(description, sizeof description, "%s = %s, %s = %s",
                             f->parameters[i].name, first->description, f->parameters[j].name,
                             second->description);
                    expect_failure(&w, f, arguments, 0, NULL, description);
                    arguments[j] = good[j];
                }
            }
        }
    }

    const hpm_status status = (hpm_status)call(f, good);
    expect(status >= 0, "%s with good arguments: %s: %s", f->name, hpm_status_name(status),
           hpm_last_error());
    if (status >= 0) destroy_made(f, good);
    destroy_world(&w);
}

static void sweep_extra(function *f, const role *roles, const struct extra *extra) {
    world w;
    value arguments[MOST_PARAMETERS];
    make_world(&w, extra->state);
    good_arguments(&w, f, roles, arguments);
    for (size_t i = 0; i < extra->count; i++) {
        arguments[extra->changes[i].at] = extra->changes[i].value;
    }
    expect_failure(&w, f, arguments, extra->status, extra->words, extra->description);
    destroy_world(&w);
}

static void expect_text(function *f, value argument, const char *text) {
    const char *got = (const char *)(uintptr_t)call(f, &argument);
    expect(got && strcmp(got, text) == 0, "%s: '%s', not '%s'", f->name, got ? got : "NULL", text);
}

/* Names by index: each once, `least` of them, NULL beyond the last. */
static void sweep_names(function *f, size_t least, const char *first) {
    size_t count = 0;
    expect_text(f, (value){.size = 0}, first);
    for (;; count++) {
        value index = {.size = count};
        const char *name = (const char *)(uintptr_t)call(f, &index);
        if (!name) break;
        expect(*name && is_utf8(name), "%s: '%s'", f->name, name);
        for (size_t other = 0; other < count; other++) {
            index.size = other;
            expect(strcmp(name, (const char *)(uintptr_t)call(f, &index)) != 0, "%s: '%s' twice",
                   f->name, name);
        }
    }
    expect(count >= least, "%s: %zu names, not %zu", f->name, count, least);
    const size_t beyond[] = {count + 1, SIZE_MAX / 2 + 1, SIZE_MAX};
    for (size_t i = 0; i < 3; i++) {
        value index = {.size = beyond[i]};
        expect(!call(f, &index), "%s: a name at %zu", f->name, beyond[i]);
    }
}

/* Functions that can't fail: they answer something, whatever the state. */
static bool sweep_infallible(function *f) {
    if (strcmp(f->name, "hpm_version") == 0) {
        expect_text(f, (value){0}, text_of(interface, "version"));
        expect_text(f, (value){0}, HPM_VERSION);
    } else if (strcmp(f->name, "hpm_abi_version") == 0) {
        expect(call(f, NULL) == 0, "hpm_abi_version is not 0");
    } else if (strcmp(f->name, "hpm_status_name") == 0) {
        size_t index;
        json_t *constant;
        json_array_foreach(json_object_get(entry("integers", "hpm_status"), "constants"), index,
                           constant) {
            const json_int_t number = json_integer_value(json_object_get(constant, "value"));
            expect_text(f, (value){.int32 = (int32_t)number}, text_of(constant, "name"));
        }
        const int32_t unknown[] = {-1000, 1000, INT32_MIN, INT32_MAX};
        for (size_t i = 0; i < 4; i++) expect_text(f, (value){.int32 = unknown[i]}, "HPM_UNKNOWN");
    } else if (strcmp(f->name, "hpm_algorithm_name") == 0) {
        sweep_names(f, 13, "hpm");
    } else if (strcmp(f->name, "hpm_option_name") == 0) {
        sweep_names(f, 30, "algorithm");
    } else if (strcmp(f->name, "hpm_last_error") == 0) {
        expect(hpm_space_create(NULL) < 0, "no error where out is NULL");
        expect_text(f, (value){0}, hpm_last_error());
    } else if (strcmp(f->name, "hpm_last_callback_status") == 0) {
        expect(call(f, NULL) == 0, "hpm_last_callback_status is not 0 before any callback");
    } else if (strcmp(f->name, "hpm_last_finding_count") == 0) {
        world w;
        make_world(&w, FRESH);
        expect(call(f, NULL) == 0, "findings without a check");
        destroy_world(&w);
        make_world(&w, CHECKED);
        expect(call(f, NULL) >= 4, "%d findings of five callbacks", (int)call(f, NULL));
        destroy_world(&w);
    } else if (strcmp(f->name, "hpm_last_missing_callback") == 0) {
        world w;
        make_world(&w, FRESH);
        double result[DIMENSION];
        hpm_problem_hypergradient(w.empty, NULL, w.row, w.row, result, NULL);
        expect_text(f, (value){0}, "outer_gradient");
        expect(hpm_space_create(NULL) < 0, "no error where out is NULL");
        expect_text(f, (value){0}, "");
        destroy_world(&w);
    } else {
        return false;
    }
    return true;
}

static bool read_function(function *f, json_t *description, void *library) {
    memset(f, 0, sizeof *f);
    f->name = text_of(description, "name");
    f->returns = text_of(description, "returns");
    /* C has no conversion from an object's pointer to a function's. */
    void *address = dlsym(library, f->name);
    memcpy(&f->address, &address, sizeof address);
    const json_t *parameters = json_object_get(description, "parameters");
    f->count = json_array_size(parameters);
    if (!f->address || f->count > MOST_PARAMETERS) return false;
    for (size_t i = 0; i < f->count; i++) {
        json_t *item = json_array_get(parameters, i);
        parameter *p = &f->parameters[i];
        p->name = text_of(item, "name");
        p->type = text_of(item, "type");
        p->kind = text_of(item, "kind");
        p->nullable = json_is_true(json_object_get(item, "nullable"));
        f->ffi[i] = ffi_type_of(p->type);
        if (!f->ffi[i]) return false;
    }
    ffi_type *returns = ffi_type_of(f->returns);
    return returns && ffi_prep_cif(&f->cif, FFI_DEFAULT_ABI, (unsigned)f->count, returns, f->ffi) ==
                          FFI_OK;
}

int main(int count, char **arguments) {
    json_error_t error;
    interface = count == 2 ? json_load_file(arguments[1], 0, &error) : NULL;
    if (!interface) {
        printf("usage: sweep hpm.abi.json\n%s\n", count == 2 ? error.text : "");
        return 2;
    }

    /* The library that this program is linked with. */
    void *library = dlopen("libhpm.so.0", RTLD_NOW);
    size_t index;
    json_t *description;
    json_array_foreach(json_object_get(interface, "functions"), index, description) {
        function f;
        const bool readable = read_function(&f, description, library);
        expect(readable, "%s is not exported, or has types that the sweep does not know", f.name);
        if (!readable) continue;
        const struct plan *plan = NULL;
        for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
            if (strcmp(plans[i].function, f.name) == 0) plan = &plans[i];
        }
        if (strcmp(f.returns, "hpm_status") != 0) {
            expect(sweep_infallible(&f), "%s: the sweep has no plan for it", f.name);
            continue;
        }
        expect(plan != NULL, "%s: the sweep has no plan for it", f.name);
        if (!plan) continue;
        sweep(&f, plan);
        for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
            if (strcmp(extras[i].function, f.name) == 0) sweep_extra(&f, plan->roles, &extras[i]);
        }
    }
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        expect(entry("functions", plans[i].function) != NULL, "%s has a plan, but is not exported",
               plans[i].function);
    }
    json_decref(interface);
    return finish();
}
