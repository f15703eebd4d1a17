/*
 * hpm.h: the C interface of libhpm 0.1.0
 *
 * libhpm tunes hyperparameters while models train.
 *
 * A population of students (models in training, each with its own hyperparameters) trains inside
 * your program. Each student reports its validation loss and, if it can, its hypergradient: the
 * derivative of the validation loss with respect to its hyperparameters. The library moves
 * hyperparameters along hypergradients, replaces the weakest students by clones of the strongest,
 * and mutates the clones. It never owns your weights, data, devices or threads.
 *
 * The whole interface in a training loop is two calls:
 *
 *     for (size_t k = 0;; k = (k + 1) % students) {
 *         hpm_student_next(population, k, &action, &source, h, n);
 *         if (action == HPM_ACTION_STOP) break;
 *         if (action == HPM_ACTION_WAIT) continue;
 *         if (action == HPM_ACTION_TRAIN) loss = train(k, h, hypergradient);
 *         if (action == HPM_ACTION_CLONE) copy_weights(source, k);
 *         hpm_student_report(population, k, loss, hypergradient, n);
 *     }
 *
 * Algorithms with a teacher also ask for HPM_ACTION_EVALUATE, `random` and `bayesian` with trials
 * for HPM_ACTION_RESTART.
 *
 * Outcomes. Every function that can fail returns an hpm_status: 0 is success, a negative number a
 * failure, a positive number a success that needs a word. After a failure hpm_last_error() is a
 * sentence that names the argument, the value and what is allowed, and the state of every object is
 * what it was before the call.
 *
 * Handles (`hpm_space *` and the like) are tokens, never followed as pointers: NULL, a destroyed
 * handle or one of another type is HPM_ERROR_HANDLE, not undefined behaviour. All functions may be
 * called from any thread; calls on one handle are serialised inside.
 *
 * Arrays are the caller's: their length is passed in elements, inputs are copied before the call
 * returns, nothing is kept.
 *
 * Hyperparameters cross the interface in natural units as `double`, blocks flattened, in the order
 * in which they were added to the space; integers are whole doubles, choices are indices.
 *
 * The method is that of Tao, Li, Ding, Zhang, Zhou and Fu, 'Learning to Mutate with Hypergradient
 * Guided Population', NeurIPS 2020 (HPM).
 *
 * Generated from the Swift sources by `make generate`: edit those instead.
 */
#ifndef HPM_H
#define HPM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version macros -------------------------------------------------------------------------- */

#define HPM_VERSION "0.1.0"
#define HPM_VERSION_MAJOR 0  /* The first component of the version. */
#define HPM_VERSION_MINOR 1  /* The second component of the version. */
#define HPM_VERSION_PATCH 0  /* The third component of the version. */
#define HPM_ABI_VERSION 0    /* The version of the binary interface that this header describes;
                                compare hpm_abi_version(). */

/* ---- Handles --------------------------------------------------------------------------------- */

/* A search space: the hyperparameters that a population tunes, with their bounds and scales. */
typedef struct hpm_space hpm_space;

/*
 * The options of a population or a teacher, each with a default.
 *
 * key                      default             values               meaning
 * -----------------------  ------------------  -------------------  ---------------------------------
 * algorithm                hpm                 hpm, hpm-paper,      what tunes: docs/algorithms.md
 *                                              hpm-no-teacher,
 *                                              clone-step,
 *                                              mutation-only, pbt,
 *                                              hypergradient,
 *                                              random, bayesian,
 *                                              pb2, mf-pbt,
 *                                              reinforced, memetic
 * population               8                   -1, or 1 or more     students; `memetic` has 4; -1:
 *                                                                   the algorithm's default
 * seed                     0                   0 or more            of everything random
 * steps                    0                   0 or more            training reports of each student,
 *                                                                   after which `next` answers STOP;
 *                                                                   0: until stopped
 * schedule                 synchronous         synchronous,         whether students wait for one
 *                                              asynchronous         another between rounds;
 *                                                                   `asynchronous`: nobody waits,
 *                                                                   each report is applied when it
 *                                                                   arrives
 * interval                 -1                  -1, or 1 or more     training reports between
 *                                                                   exploits; -1: a tenth of `steps`,
 *                                                                   from 1 to 5; 5 where `steps` is 0
 * burn_in                  0                   0 or more            training reports before the first
 *                                                                   exploit, which comes at the next
 *                                                                   multiple of `interval`
 * hypergradient_interval   1                   1 or more            a student's training reports
 *                                                                   between those for which
 *                                                                   hpm_student_wants_hypergradient()
 *                                                                   says yes, the first one counted
 * cool_down                0.3                 0 to 1               share of `steps`, at the end,
 *                                                                   over which what a student trains
 *                                                                   with of parameters with the role
 *                                                                   HPM_ROLE_LEARNING_RATE falls to
 *                                                                   0, linearly; 0: never. Not where
 *                                                                   hyperparameters are judged as
 *                                                                   they are: `memetic`, and runs of
 *                                                                   several trials
 * truncation               0.2                 0 to 0.5             share of the students that an
 *                                                                   exploit replaces: max(1,
 *                                                                   floor(truncation x population)),
 *                                                                   and all whose loss is not finite;
 *                                                                   0: no exploit. `mf-pbt` replaces
 *                                                                   quarters of a sub-population and
 *                                                                   reads 0 alone
 * sub_populations          -1                  -1, or 1 to          of `mf-pbt`; -1: 4, fewer where
 *                                              population / 2       each would have fewer than 4
 *                                                                   students
 * frequency_ratio          2                   1 or more            of `mf-pbt`: sub-population i
 *                                                                   (from 0) evolves every interval x
 *                                                                   ratio^i reports
 * trial                    0                   0 or more            training reports of one trial of
 *                                                                   `random` and `bayesian`; 0: the
 *                                                                   whole run
 * hyper_optimizer          adam                adam, sgd            of hyper-training; the default of
 *                                                                   `hpm-paper` is `sgd`; with `sgd`
 *                                                                   the students of `hpm` are not
 *                                                                   pooled
 * hyper_learning_rate      0.06                0 or more            step of hyper-training in latent
 *                                                                   units (`hpm-paper`: in natural
 *                                                                   units); by default 0.06 times the
 *                                                                   square root of
 *                                                                   `hypergradient_interval`, with
 *                                                                   `sgd` 0.1
 * teacher                  none                none, attention,     what mutates the guided
 *                                              perceptron, linear   parameters of a clone;
 *                                                                   `attention` for `hpm-paper`,
 *                                                                   `mutation-only` and
 *                                                                   hpm_teacher_create(). `linear`
 *                                                                   takes dimension^2 weights
 * teacher_units            16                  1 or more            width of `attention` and
 *                                                                   `perceptron`
 * teacher_squashing        tanh                tanh, logistic,      of a teacher's changes: tanh(z),
 *                                              clipped, none        1 / (1 + exp(-z)) - 1/2,
 *                                                                   min(max(z, -1), 1), z
 * teacher_activation       softmax             softmax, sigmoid,    of the units of `attention` and
 *                                              tanh, relu, none     `perceptron`; `tanh` for
 *                                                                   `perceptron`
 * teacher_learning_rate    0.1                 0 to 1e6             factor of its gradients; also of
 *                                                                   those of `reinforced`
 * teacher_evaluations      -1                  -1 or more           evaluations that train it at each
 *                                                                   exploit, one of each of the worst
 *                                                                   students, so at most
 *                                                                   `population`; -1: half of it; 0:
 *                                                                   none, it learns from the next
 *                                                                   ordinary report of each student
 *                                                                   that it mutated, costs nothing
 *                                                                   and lets nobody wait. With the
 *                                                                   asynchronous schedule each clone
 *                                                                   asks for its share of them, and
 *                                                                   no more are ever queued
 * mutation_scale           0.2                 0 to 1               mutation of what no teacher
 *                                                                   moves: factors of 1 - scale and 1
 *                                                                   + scale; for `hpm` 0.1, of a
 *                                                                   Gaussian in latent units (without
 *                                                                   hypergradients factors of 1 ± 2
 *                                                                   scale, at most 1 ± 0.5); for
 *                                                                   `reinforced` 0.1, of that
 *                                                                   Gaussian at first; `pb2` has no
 *                                                                   scale; 0: none
 * teacher_share            1                   0 to 1               upper bound of the teacher's
 *                                                                   share of the budget
 * direction                minimize            minimize, maximize   what is done with the reported
 *                                                                   loss
 * estimator                conjugate-gradient  conjugate-gradient,  of hypergradients:
 *                                              neumann, nystrom,    docs/hypergradients.md
 *                                              one-step, reverse,
 *                                              forward,
 *                                              finite-differences,
 *                                              spsa, best-response
 * estimator_iterations     20                  1 or more            iterations of
 *                                                                   `conjugate-gradient`, terms of
 *                                                                   `neumann`, rank of `nystrom`,
 *                                                                   steps of `reverse` and `forward`,
 *                                                                   samples of `spsa`
 * estimator_learning_rate  0.1                 above 0              of `one-step` and `neumann`
 * estimator_tolerance      1e-6                0 to 1               relative residual at which a
 *                                                                   linear solve has converged
 * estimator_damping        0                   0 or more            added to the Hessian; above 0 for
 *                                                                   `nystrom`, where it is 1e-3 by
 *                                                                   default
 * estimator_checkpoints    0                   0 or more            states that `reverse` keeps in
 *                                                                   memory; 0: all
 * estimator_step           1e-4                above 0              of `finite-differences` and
 *                                                                   `spsa`, in units of the
 *                                                                   hyperparameters
 * difference_step          0                   0 or more            relative step of differences that
 *                                                                   stand in for missing products; 0:
 *                                                                   6e-6, for float host vectors 5e-3
 * check_tolerance          0                   0 to 1               relative difference from which on
 *                                                                   a callback is wrong; 0: 1e-4, for
 *                                                                   float host vectors 1e-2
 */
typedef struct hpm_options hpm_options;

/* A population of students and the algorithm that tunes them. */
typedef struct hpm_population hpm_population;

/*
 * A teacher on its own, for programs that have their own population: a network that maps the
 * hyperparameters h of a parent to those of a mutated child, h' = (1 + c) h (HPM), and learns from
 * the hypergradient at the child. Of option `teacher`:
 *
 * teacher     c
 * ----------  -----------------------------
 * attention   squash(W a), a = act(V h)
 * perceptron  squash(W a), a = act(V h + b)
 * linear      squash(W h + b)
 *
 * squash is `teacher_squashing` (tanh), act is `teacher_activation` (softmax, of a perceptron
 * tanh).
 */
typedef struct hpm_teacher hpm_teacher;

/* The hyperparameters that trained a student's weights, report by report: a schedule. */
typedef struct hpm_schedule hpm_schedule;

/*
 * A bilevel problem: an outer loss F(w, h) of the parameters w and the hyperparameters h, and what
 * made w: the minimum of an inner loss f(w, h), or steps w' = step(w, h) of an optimizer. It is
 * described by callbacks on vectors of your own.
 */
typedef struct hpm_problem hpm_problem;

/*
 * A space of vectors that the user owns: how the library works on vectors of which it knows nothing
 * but a pointer. Host memory is ready-made; GPU tensors and sharded arrays come by callbacks.
 */
typedef struct hpm_vectors hpm_vectors;

/* ---- Constants ------------------------------------------------------------------------------- */

/* The outcome of a call. Numbers are pinned: new ones are appended, none is reused. */
typedef int32_t hpm_status;
enum {
    HPM_OK = 0,                   /* Success. */
    HPM_STOPPED = 1,              /* hpm_population_run() ended because hpm_population_stop() was
                                     called. */
    HPM_UNCHANGED = 2,            /* hpm_teacher_learn(): the gradient held no finite component
                                     other than 0; nothing was learned. */
    HPM_FAILED_ESTIMATE = 3,      /* hpm_problem_hypergradient(): there is no estimate; the
                                     certificate and hpm_last_error() say why. */
    HPM_WRONG_DERIVATIVE = 4,     /* hpm_problem_check(): a callback is wrong, or two contradict
                                     each other. */
    HPM_WARNING = 5,              /* The call succeeded; hpm_last_error() says what the caller
                                     may not expect. */
    HPM_STALE = 6,                /* hpm_student_report_ticket(): the ticket was answered before
                                     or is superseded; nothing has changed. */
    HPM_PARTIAL = 7,              /* hpm_population_replay(): the bytes end inside an input; all
                                     whole ones were applied. */
    HPM_OBSERVER = 8,             /* The call succeeded, but an observer returned non-zero:
                                     hpm_last_callback_status() is what it returned. */
    HPM_ERROR_ARGUMENT = -1,      /* An argument has a value that is not allowed. */
    HPM_ERROR_HANDLE = -2,        /* A handle is NULL, destroyed, of another type, or was never
                                     made by this library. */
    HPM_ERROR_MEMORY = -3,        /* The object does not fit into memory; nothing was allocated. */
    HPM_ERROR_ORDER = -4,         /* The call is out of order, such as a report before its
                                     `next`. */
    HPM_ERROR_BUSY = -5,          /* The population is inside hpm_population_run(), which drives
                                     it alone, or the call comes from its own log or observer. */
    HPM_ERROR_CALLBACK = -6,      /* A callback returned non-zero: hpm_last_callback_status() is
                                     what it returned. */
    HPM_ERROR_NO_RESULT = -7,     /* There is nothing to return yet: no student has a finite
                                     loss. */
    HPM_ERROR_SNAPSHOT = -8,      /* Bytes that are no snapshot, a damaged or truncated one, or
                                     one of an unknown version. */
    HPM_ERROR_CAPACITY = -9,      /* The caller's buffer is too small; the size that is needed
                                     was written. */
    HPM_ERROR_UNSUPPORTED = -10,  /* The algorithm, or this version of the library, can't do
                                     this. */
    HPM_ERROR_STORAGE = -11       /* A run's file can't be read or written: the disk is full,
                                     another process has it, it is damaged or no run's. */
};

/* How a bounded parameter is mapped to the latent coordinate u in [0, 1] in which it is moved. */
typedef int32_t hpm_scale;
enum {
    HPM_SCALE_LINEAR = 0,  /* low + u (high - low). */
    HPM_SCALE_LOG = 1,     /* low (high / low)^u; low must be above 0. For values that span
                              orders of magnitude. */
    HPM_SCALE_LOGIT = 2    /* The logistic function of a linear map; bounds inside (0, 1). For
                              rates close to 0 or 1. */
};

/* Who may move a hyperparameter, where the algorithm has such moves. */
typedef int32_t hpm_update;
enum {
    HPM_UPDATE_AUTO = 0,           /* The algorithm decides (the default). */
    HPM_UPDATE_MUTATE = 1,         /* Mutation alone moves it. */
    HPM_UPDATE_HYPERGRADIENT = 2,  /* Hyper-training alone moves it, along its hypergradient. */
    HPM_UPDATE_BOTH = 3,           /* Both move it. */
    HPM_UPDATE_FIXED = 4           /* Nothing does: it keeps its starting value, `initial` for
                                      student 0, a drawn one for the others. */
};

/* What a hyperparameter is to the training, where that is something an algorithm can use. */
typedef int32_t hpm_role;
enum {
    /* Anything (the default). */
    HPM_ROLE_OTHER = 0,
    /* A learning rate of the weights: over the last part of a run whose option `steps` says how
       long it is, students are given less and less of it (option `cool_down`). */
    HPM_ROLE_LEARNING_RATE = 1
};

/* What a hyperparameter is. */
typedef int32_t hpm_kind;
enum {
    HPM_KIND_REAL = 0,     /* A real number: hpm_space_add_real(). */
    HPM_KIND_INTEGER = 1,  /* A whole number: hpm_space_add_integer(). */
    HPM_KIND_CHOICE = 2,   /* One of several labels: hpm_space_add_choice(). */
    HPM_KIND_BLOCK = 3     /* Real numbers that share bounds and scale: hpm_space_add_block(). */
};

/* What a student is to do next. */
typedef int32_t hpm_action;
enum {
    /* Train the student one interval with the hyperparameters; report its validation loss and,
       if you can, its hypergradient. */
    HPM_ACTION_TRAIN = 0,
    /* Copy the weights and the optimizer state of student `source` into this one; report (loss
       and hypergradient are ignored). With the synchronous schedule `source` does not train
       until then, so live weights may be copied; with the asynchronous one
       hpm_student_source_report() says which checkpoint of it is meant. */
    HPM_ACTION_CLONE = 1,
    /* On a copy of `source` that is thrown away: loss and hypergradient at the hyperparameters,
       as at the end of a training interval (weights frozen, or the last differentiated steps
       alone); report. It never enters the ranking. With the synchronous schedule `source` is the
       student itself; with the asynchronous one it may be another, as of the checkpoint of
       hpm_student_source_report(). */
    HPM_ACTION_EVALUATE = 2,
    /* A new trial: initialise the student's weights anew; report (the loss is ignored). */
    HPM_ACTION_RESTART = 3,
    /* Nothing to do for this student until others report. Ask again after that; no report. Never
       with the asynchronous schedule. */
    HPM_ACTION_WAIT = 4,
    /* Done, for this student; no report. Reports of tasks that are still out are accepted. */
    HPM_ACTION_STOP = 5
};

/* Which failures of the host an answered report survives. */
typedef int32_t hpm_durability;
enum {
    HPM_DURABILITY_NONE = 0,     /* None: a crash of the process may lose the latest reports, one
                                    of the machine may damage the file. */
    HPM_DURABILITY_PROCESS = 1,  /* A crash of the process; one of the machine may lose the
                                    latest reports. The default. */
    HPM_DURABILITY_POWER = 2     /* A crash of the machine: each report waits for the disk. */
};

/* What of a run may be other than its file has it: kinds are added up. */
typedef int32_t hpm_override;
enum {
    /* Nothing. */
    HPM_OVERRIDE_NONE = 0,
    /* More `steps`, or 0, no end: as hpm_population_set_steps(). */
    HPM_OVERRIDE_STEPS = 1,
    /* Another `population`: more students, which are drawn, as by hpm_population_grow(), or
       fewer: the worst are retired, as by hpm_student_retire(). */
    HPM_OVERRIDE_POPULATION = 2,
    /* Other bounds of hyperparameters, in which every student's values lie: they stay what they
       are, and move between the new bounds. Not under `random`, `bayesian`, `pb2` and `memetic`,
       nor while clones are to be made. */
    HPM_OVERRIDE_BOUNDS = 4
};

/* Where students that join a population come from. */
typedef int32_t hpm_origin;
enum {
    HPM_ORIGIN_DRAWN = 0,  /* Hyperparameters drawn as at the start; weights of their own. */
    HPM_ORIGIN_CLONE = 1   /* Clones of the best students. */
};

/* A kind of event: one bit, so that kinds can be asked for together. */
typedef int32_t hpm_event_kind;
enum {
    /* A student reported on training: `loss` and its costs. */
    HPM_EVENT_TRAINED = 1,
    /* A hyper-step moved a student: `part`, and what changed. */
    HPM_EVENT_MOVED = 2,
    /* A student is to become a clone of `source` with the hyperparameters of `parent`; `rank`
       and `source_rank` are their places at the exploit, from 0, the best. */
    HPM_EVENT_CLONED = 4,
    /* A clone was mutated: `part`, and what changed. */
    HPM_EVENT_MUTATED = 8,
    /* A copy of `source` was evaluated by `student`: `loss` and its costs. */
    HPM_EVENT_EVALUATED = 16,
    /* A teacher or a policy (`part`) learned from an evaluation or a report of `student`. */
    HPM_EVENT_TAUGHT = 32,
    /* A student begins a new trial. */
    HPM_EVENT_RESTARTED = 64,
    /* A student has made all its reports, or the population was asked to stop (an event for each
       student). */
    HPM_EVENT_STOPPED = 128,
    /* All kinds. */
    HPM_EVENT_ALL = 255
};

/* How an estimate ended. */
typedef int32_t hpm_certificate_status;
enum {
    /* The linear system was solved to the tolerance, or the estimator solves none and ran to its
       end. */
    HPM_CERTIFICATE_CONVERGED = 0,
    /* The tolerance was not reached, for want of iterations or of precision: an estimate with
       the residual that is given, which is 1 or less. */
    HPM_CERTIFICATE_ITERATION_LIMIT = 1,
    /* A direction of negative curvature was met: there is no minimum to differentiate. No
       estimate. */
    HPM_CERTIFICATE_INDEFINITE = 2,
    /* A direction without curvature was met: the minimum is not unique. No estimate. */
    HPM_CERTIFICATE_SINGULAR = 3,
    /* A callback gave a number that is NaN or infinite. No estimate. */
    HPM_CERTIFICATE_NONFINITE = 4,
    /* A linear solve ended with a relative residual above 1, which is worse than no solve (q = 0
       has 1). `neumann`: `estimator_learning_rate` is above 2 / the largest curvature.
       `nystrom`: curvature lies outside of the sketch, so that `estimator_iterations` is too
       small or `estimator_damping` is. `conjugate-gradient`, whose error falls while its
       residual may grow, is given up above 100: the Hessian is nearly singular, or
       `estimator_iterations` too small. No estimate. */
    HPM_CERTIFICATE_DIVERGED = 5,
    /* The call that was to write the certificate ended with an error: its status and
       hpm_last_error() say which. No estimate; every other member is 0, or NaN where it is a
       number without a value. */
    HPM_CERTIFICATE_ERROR = 6
};

/* What a check says of a callback. */
typedef int32_t hpm_finding_verdict;
enum {
    HPM_FINDING_RIGHT = 0,       /* It passed the test. */
    HPM_FINDING_WRONG = 1,       /* It is wrong. */
    HPM_FINDING_DISAGREES = 2,   /* It contradicts another callback, and nothing tells which of
                                    the two is wrong. */
    HPM_FINDING_NOT_CHECKED = 3  /* The test could not be made, or told nothing: the callback may
                                    be right or wrong. */
};

/*
 * What a check's verdict rests on. Those from HPM_REASON_MISSING_REFERENCE on are why a callback
 * was not checked.
 */
typedef int32_t hpm_finding_reason;
enum {
    /* It was compared with another callback, or with itself by its symmetry. */
    HPM_REASON_COMPARISON = 0,
    /* It was asked again with the same input: right where it gives the same and no more can be
       tested of it, wrong where it does not. */
    HPM_REASON_REPETITION = 1,
    /* It gives numbers that are not finite, or leaves some unwritten. */
    HPM_REASON_NOT_FINITE = 2,
    /* The problem does not have the other callback. */
    HPM_REASON_MISSING_REFERENCE = 3,
    /* The other callback is wrong itself. */
    HPM_REASON_WRONG_REFERENCE = 4,
    /* The other callback agrees with it, and disagrees with a third. */
    HPM_REASON_DISPUTED_REFERENCE = 5,
    /* Differences of the other callback are not finite at this place. */
    HPM_REASON_REFERENCE_NOT_FINITE = 6,
    /* What was to be compared is beyond the range of the numbers at this place. */
    HPM_REASON_TOO_LARGE = 7,
    /* At this place a wrong number could hide in the rounding of the differences. */
    HPM_REASON_ROUNDING = 8,
    /* Differences of the other callback depend on the length of their step at this place, as
       where kinks of rectified units are crossed. */
    HPM_REASON_KINKS = 9,
    /* Symmetry or the adjoint identity holds, as it would for any multiple of what the callback
       gives, and nothing else was there to test it by. */
    HPM_REASON_IDENTITY = 10
};

/* The number type of ready-made host vectors. */
typedef int32_t hpm_element;
enum {
    HPM_ELEMENT_DOUBLE = 0,  /* double. */
    HPM_ELEMENT_FLOAT = 1    /* float; sums are made in double. */
};

/* What `randomize` draws. */
typedef int32_t hpm_distribution;
enum {
    HPM_DISTRIBUTION_NORMAL = 0,     /* Standard normal. */
    HPM_DISTRIBUTION_RADEMACHER = 1  /* 1 or -1. */
};

/* ---- Callbacks and structs ------------------------------------------------------------------- */

/*
 * Trains a student, or evaluates a copy of it: see HPM_ACTION_TRAIN and HPM_ACTION_EVALUATE.
 *
 *   context            What was handed to hpm_population_run().
 *   student            Which student, from 0.
 *   hyperparameters    Array of `n` values in natural units, to train or evaluate with.
 *   n                  The space's dimension.
 *   loss               Receives the validation loss.
 *   hypergradient      Array of `n` that receives the hypergradient in natural units; it holds NaN,
 *                      'no derivative', in every component.
 *   has_hypergradient  Holds 0; set it to 1 where `hypergradient` was written.
 *
 * Returns 0; anything else aborts the run.
 */
typedef int32_t (*hpm_train_callback)(void *context, size_t student, const double *hyperparameters,
                                      size_t n, double *loss, double *hypergradient,
                                      int32_t *has_hypergradient);

/*
 * Copies weights and optimizer state of `source` into `student`: see HPM_ACTION_CLONE.
 *
 *   context  What was handed to hpm_population_run().
 *   source   The student to copy.
 *   student  The student that becomes its clone.
 *
 * Returns 0; anything else aborts the run.
 */
typedef int32_t (*hpm_clone_callback)(void *context, size_t source, size_t student);

/*
 * Initialises a student's weights anew: see HPM_ACTION_RESTART.
 *
 *   context  What was handed to hpm_population_run().
 *   student  Which student, from 0.
 *
 * Returns 0; anything else aborts the run.
 */
typedef int32_t (*hpm_restart_callback)(void *context, size_t student);

/* The callbacks with which hpm_population_run() drives your trainer. */
typedef struct hpm_trainer {
    size_t size;                   /* sizeof(hpm_trainer): tells the library which members your
                                      program knows. */
    hpm_train_callback train;      /* Trains a student. */
    hpm_train_callback evaluate;   /* Evaluates a copy of a student; NULL where the algorithm has
                                      no teacher that asks for it. */
    hpm_clone_callback clone;      /* Copies a student; NULL where the algorithm never clones
                                      (`random`, `bayesian`, `hypergradient`, `memetic`). */
    hpm_restart_callback restart;  /* Restarts a student; NULL where the algorithm starts no
                                      trials (all but `random` and `bayesian`). */
} hpm_trainer;

/*
 * Judges a mean of weights: see hpm_population_blend().
 *
 *   context   What was handed to hpm_population_blend().
 *   students  Array of `count` students, each once; valid until the callback returns.
 *   shares    Array of `count` shares, which sum to 1: the weights are the sum of share x weights
 *             of the student.
 *   count     The number of students, 2 or more.
 *   loss      Receives the validation loss of the model with these weights, measured as the
 *             students' own are; it holds NaN. A loss that is not finite is never better.
 *
 * Returns 0; anything else ends the call.
 */
typedef int32_t (*hpm_judge_callback)(void *context, const size_t *students, const double *shares,
                                      size_t count, double *loss);

/*
 * Sees a training report of a run.
 *
 *   context          What was handed to hpm_run_reports().
 *   student          Which student, from 0.
 *   number           Which of the student's training reports it was, from 1.
 *   loss             As it was reported.
 *   hyperparameters  Array of `n` values in natural units, as the student trained with them; valid
 *                    during the call.
 *   n                The space's dimension.
 *
 * Returns 0; anything else ends the call, which returns HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_report_callback)(void *context, size_t student, size_t number, double loss,
                                       const double *hyperparameters, size_t n);

/*
 * Something that happened in a population. Pointers are valid during the call that hands it over.
 */
typedef struct hpm_event {
    size_t size;                /* sizeof(hpm_event) of the library, which may have more members
                                   than your header. */
    hpm_event_kind kind;        /* One of the kinds. */
    size_t student;             /* Whom it happened to. */
    size_t report;              /* The training reports that the student had made. */
    size_t source;              /* Of CLONED and EVALUATED whose weights are copied, else the
                                   student itself. */
    size_t parent;              /* Of CLONED whose hyperparameters are taken, else the student
                                   itself. */
    size_t rank;                /* Of CLONED, else 0. */
    size_t source_rank;         /* Of CLONED, else 0. */
    double loss;                /* As it was reported, of TRAINED and EVALUATED, else NaN. */
    double training_cost;       /* Of TRAINED and EVALUATED, in the units of
                                   hpm_student_report_cost(), else 0. */
    double hypergradient_cost;  /* Likewise. */
    const char *part;           /* Of MOVED, MUTATED and TAUGHT which part of the algorithm did
                                   it, else NULL. */
    size_t count;               /* How many hyperparameters changed, of MOVED and MUTATED, else
                                   0. */
    const size_t *indices;      /* Array of `count`: which, ascending. NULL where `count` is 0. */
    const double *from;         /* Array of `count`: what they were, in natural units. NULL where
                                   `count` is 0. */
    const double *to;           /* Array of `count`: what they are. NULL where `count` is 0. */
} hpm_event;

/*
 * Sees an event.
 *
 *   context  What was handed to hpm_population_observe().
 *   event    A hpm_event; valid during the call.
 *
 * Returns 0; anything else: the call that caused the event returns HPM_OBSERVER, though it
 *   succeeded, and this observer sees no more of its events. hpm_population_run() ends with
 *   HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_observer_callback)(void *context, const hpm_event *event);

/*
 * Takes inputs of a population, to be replayed.
 *
 *   context  What was handed to hpm_population_log().
 *   bytes    Array of `length` bytes: one or more whole inputs; valid during the call.
 *   length   Its size in bytes.
 *
 * Returns 0; anything else refuses the call that brought them with HPM_ERROR_CALLBACK, and nothing
 *   has changed.
 */
typedef int32_t (*hpm_log_callback)(void *context, const uint8_t *bytes, size_t length);

/*
 * A loss at (w, h): F for `outer_loss`, f for `inner_loss`.
 *
 *   context  What was handed to hpm_problem_create().
 *   w        The parameters.
 *   h        The hyperparameters.
 *   loss     Receives the loss.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_loss_callback)(void *context, const void *w, const void *h, double *loss);

/*
 * The gradients of the outer loss F.
 *
 *   context  What was handed to hpm_problem_create().
 *   w        The parameters.
 *   h        The hyperparameters.
 *   dw       Receives dF/dw.
 *   dh       Receives the partial derivative dF/dh. It holds zeros: leave it where F does not
 *            depend on h directly.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_outer_gradient_callback)(void *context, const void *w, const void *h,
                                               void *dw, void *dh);

/*
 * A gradient of the inner loss f: df/dw for `inner_gradient`, df/dh for `inner_hyper_gradient`.
 *
 *   context  What was handed to hpm_problem_create().
 *   w        The parameters.
 *   h        The hyperparameters.
 *   result   Receives the gradient.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_inner_gradient_callback)(void *context, const void *w, const void *h,
                                               void *result);

/*
 * A product with second derivatives of the inner loss f: (d2f/dw2) v for `hessian_product`, a
 * vector of parameters; d(v . df/dw)/dh for `cross_product`, a vector of hyperparameters.
 *
 *   context  What was handed to hpm_problem_create().
 *   w        The parameters.
 *   h        The hyperparameters.
 *   v        A vector of parameters.
 *   result   Receives the product.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_product_callback)(void *context, const void *w, const void *h, const void *v,
                                        void *result);

/*
 * One step of the optimizer.
 *
 *   context  What was handed to hpm_problem_create().
 *   index    Which of the unrolled steps, from 0; asked again it has to give the same.
 *   w        The parameters before the step.
 *   h        The hyperparameters.
 *   result   Receives the parameters after the step.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_step_callback)(void *context, size_t index, const void *w, const void *h,
                                     void *result);

/*
 * The step's product with tangents (JVP).
 *
 *   context  What was handed to hpm_problem_create().
 *   index    Which of the unrolled steps, from 0.
 *   w        The parameters before the step.
 *   h        The hyperparameters.
 *   dw       A direction of the parameters.
 *   dh       A direction of the hyperparameters.
 *   result   Receives (dw'/dw) dw + (dw'/dh) dh.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_step_forward_callback)(void *context, size_t index, const void *w,
                                             const void *h, const void *dw, const void *dh,
                                             void *result);

/*
 * The step's products with a cotangent (VJP).
 *
 *   context  What was handed to hpm_problem_create().
 *   index    Which of the unrolled steps, from 0.
 *   w        The parameters before the step.
 *   h        The hyperparameters.
 *   v        A vector of parameters.
 *   dw       Receives (dw'/dw)^T v.
 *   dh       Receives (dw'/dh)^T v. Both outputs have to be written, zeros where there is no
 *            dependence: they hold NaN before the call.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_step_backward_callback)(void *context, size_t index, const void *w,
                                              const void *h, const void *v, void *dw, void *dh);

/*
 * The outer loss that training with h leads to, for losses without derivatives.
 *
 *   context  What was handed to hpm_problem_create().
 *   h        The hyperparameters.
 *   loss     Receives the loss.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_response_callback)(void *context, const void *h, double *loss);

/*
 * The callbacks of a problem. Set those that you have; an estimator that needs another one makes it
 * by differences where it can, and else is HPM_ERROR_UNSUPPORTED, with a sentence that names it.
 *
 * estimator                             needs
 * ------------------------------------  -----------------------------------------------------------
 * conjugate-gradient, neumann, nystrom  `outer_gradient`; `hessian_product` or `inner_gradient`;
 *                                       `cross_product` or `inner_hyper_gradient`
 * one-step                              `outer_gradient`; `cross_product` or `inner_hyper_gradient`
 * reverse                               outer_gradient, step, step_backward
 * forward                               `outer_gradient`, `step`; better with `step_forward`
 * finite-differences, spsa              response
 * best-response                         outer_gradient
 */
typedef struct hpm_problem_callbacks {
    /* sizeof(hpm_problem_callbacks): tells the library which members your program knows. */
    size_t size;
    /* For hpm_problem_check() alone. */
    hpm_loss_callback outer_loss;
    hpm_outer_gradient_callback outer_gradient;
    /* For hpm_problem_check() alone. */
    hpm_loss_callback inner_loss;
    hpm_inner_gradient_callback inner_gradient;
    hpm_inner_gradient_callback inner_hyper_gradient;
    hpm_product_callback hessian_product;
    hpm_product_callback cross_product;
    hpm_step_callback step;
    hpm_step_forward_callback step_forward;
    hpm_step_backward_callback step_backward;
    hpm_response_callback response;
} hpm_problem_callbacks;

/* What an estimator says of its own result. */
typedef struct hpm_certificate {
    size_t size;                      /* Set it to sizeof(hpm_certificate) before the call: no
                                         member beyond it is written. */
    hpm_certificate_status status;
    int32_t reserved;                 /* Always 0. */
    uint64_t iterations;              /* Of the linear solve, or steps that were unrolled, or
                                         samples; 0 of `best-response`. */
    double relative_residual;         /* The norm of dF/dw - (H + damping) q over that of dF/dw;
                                         NaN where no linear system is solved. */
    double smallest_curvature;        /* The smallest v.Hv / v.v met; NaN where there was none. */
    double seconds;                   /* Seconds that the estimate took, callbacks included. */
    uint64_t losses;                  /* Calls of `outer_loss` and `response`. */
    uint64_t outer_gradients;
    uint64_t inner_gradients;         /* Calls of `inner_gradient`. */
    uint64_t inner_hyper_gradients;
    uint64_t hessian_products;        /* Calls of `hessian_product`. A product that is made by
                                         differences counts as its gradients. */
    uint64_t cross_products;          /* Calls of `cross_product`. */
    uint64_t steps;
    uint64_t step_products;           /* Calls of `step_forward` and `step_backward`. */
    uint64_t parameter_vectors;       /* Vectors of parameters that were made. */
    uint64_t hyperparameter_vectors;  /* Vectors of hyperparameters that were made. */
} hpm_certificate;

/*
 * What one test of hpm_problem_check() found of one callback. The texts are the library's: they
 * stay valid until the thread's next hpm_problem_check() returns, or the thread's end.
 */
typedef struct hpm_finding {
    /* Set it to sizeof(hpm_finding) before the call: no member beyond it is written. */
    size_t size;
    hpm_finding_verdict verdict;
    hpm_finding_reason reason;
    /* The callback's name, as in hpm_problem_callbacks. */
    const char *callback;
    /* The name of the callback that it was compared with, or would have been; NULL where it was
       judged by itself. */
    const char *other;
    /* The relative difference of what was compared; infinite where the callback gives numbers
       that are not finite; NaN where nothing was compared. */
    double error;
    /* The error from which on a callback is wrong: `check_tolerance`, or, where it was asked
       again, what sums in another order explain. */
    double tolerance;
    /* The line of the check's report, without a newline. */
    const char *sentence;
} hpm_finding;

/*
 * Makes a vector of zeros.
 *
 *   context  What was handed to hpm_vectors_create().
 *   vector   Receives the vector.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_create_callback)(void *context, void **vector);

/*
 * Frees a vector that `create` made.
 *
 *   context  What was handed to hpm_vectors_create().
 *   vector   The vector.
 */
typedef void (*hpm_vector_destroy_callback)(void *context, void *vector);

/*
 * target = source.
 *
 *   context  What was handed to hpm_vectors_create().
 *   source   A vector.
 *   target   Another vector.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_copy_callback)(void *context, const void *source, void *target);

/*
 * The inner product, added up in double precision whatever the components are: sums in single
 * precision overflow beyond lengths of 1e19 and are 0 below 1e-23.
 *
 *   context  What was handed to hpm_vectors_create().
 *   left     A vector.
 *   right    A vector, perhaps the same.
 *   result   Receives the sum of the products of components.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_dot_callback)(void *context, const void *left, const void *right,
                                           double *result);

/*
 * target = target + factor source.
 *
 *   context  What was handed to hpm_vectors_create().
 *   factor   A number.
 *   source   A vector.
 *   target   Another vector.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_axpy_callback)(void *context, double factor, const void *source,
                                            void *target);

/*
 * vector = factor vector. A factor of 0 makes zeros, also of components that are NaN.
 *
 *   context  What was handed to hpm_vectors_create().
 *   factor   A number.
 *   vector   A vector.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_scale_callback)(void *context, double factor, void *vector);

/*
 * Fills a vector with independent numbers of mean 0 and variance 1, equal for equal seeds.
 *
 *   context       What was handed to hpm_vectors_create().
 *   seed          The seed.
 *   distribution  HPM_DISTRIBUTION_NORMAL or HPM_DISTRIBUTION_RADEMACHER.
 *   vector        The vector.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_random_callback)(void *context, uint64_t seed,
                                              hpm_distribution distribution, void *vector);

/*
 * Makes a vector the unit vector of an index.
 *
 *   context  What was handed to hpm_vectors_create().
 *   index    Below the dimension.
 *   vector   The vector.
 *
 * Returns 0; anything else ends the estimate with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_unit_callback)(void *context, size_t index, void *vector);

/*
 * Copies numbers from host memory into a vector of hyperparameters.
 *
 *   context  What was handed to hpm_vectors_create().
 *   numbers  Array of `n` numbers.
 *   n        The dimension.
 *   vector   The vector.
 *
 * Returns 0; anything else ends the run with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_write_callback)(void *context, const double *numbers, size_t n,
                                             void *vector);

/*
 * Copies a vector of hyperparameters to host memory.
 *
 *   context  What was handed to hpm_vectors_create().
 *   vector   The vector.
 *   numbers  Array of `n` that receives its numbers.
 *   n        The dimension.
 *
 * Returns 0; anything else ends the run with HPM_ERROR_CALLBACK.
 */
typedef int32_t (*hpm_vector_read_callback)(void *context, const void *vector, double *numbers,
                                            size_t n);

/*
 * The operations of a space of vectors. They work in place; the library calls them in the thread of
 * its caller, one at a time. The first six are needed, the others where their comment says so.
 */
typedef struct hpm_vector_operations {
    /* sizeof(hpm_vector_operations): tells the library which members your program knows. */
    size_t size;
    hpm_vector_create_callback create;
    hpm_vector_destroy_callback destroy;
    hpm_vector_copy_callback copy;
    hpm_vector_dot_callback dot;
    hpm_vector_axpy_callback axpy;
    hpm_vector_scale_callback scale;
    /* For `nystrom` (of parameters), `spsa` (of hyperparameters) and hpm_problem_check() (of
       both). */
    hpm_vector_random_callback random;
    /* Of hyperparameters, for `forward` and `finite-differences`. */
    hpm_vector_unit_callback unit;
    /* Of hyperparameters, for hpm_student_set_problem(); with `read` also for `spsa`, which then
       divides by the steps as rounding leaves them. */
    hpm_vector_write_callback write;
    /* As `write`. */
    hpm_vector_read_callback read;
    /* The spacing of the components' numbers at 1: 2^-52 for double, 2^-23 for float, 2^-10 for
       half and 2^-7 for bfloat16. By it a direction without curvature is told from rounding, and
       steps of differences and tolerances of hpm_problem_check() are chosen. 0 to 0.25; 0, and
       anything below 2^-52: that of double. */
    double precision;
} hpm_vector_operations;

/* ---- Functions: Version ---------------------------------------------------------------------- */

/*
 * The version of the library that is running, such as "0.1.0"; HPM_VERSION is the header's.
 *
 * Returns a NUL-terminated string that is never freed.
 * Thread safety: Any thread. Since 0.1.
 */
const char *hpm_version(void);

/*
 * The version of the binary interface: programs built for one number run with any library of the
 * same number. It is also the number in the name `libhpm.so.0`.
 *
 * Returns 0.
 * Thread safety: Any thread. Since 0.1.
 */
int32_t hpm_abi_version(void);

/* ---- Functions: Status ----------------------------------------------------------------------- */

/*
 * The name of a status, such as "HPM_ERROR_ARGUMENT".
 *
 *   status  Any number.
 *
 * Returns a NUL-terminated string that is never freed; "HPM_UNKNOWN" for a number that is none.
 * Thread safety: Any thread. Since 0.1.
 */
const char *hpm_status_name(hpm_status status);

/*
 * The sentence of the last call that failed on this thread: it names the argument, the value that
 * was passed and what is allowed. A success leaves it as it is, unless its status says that the
 * sentence is about it, as HPM_WARNING does.
 *
 * Returns a NUL-terminated UTF-8 string, empty if no call failed on this thread. It belongs to the
 *   library and stays valid until the next failure on this thread or the thread's end.
 * Thread safety: Each thread has its own. Since 0.1.
 */
const char *hpm_last_error(void);

/*
 * What the callback returned that ended the last call of this thread with HPM_ERROR_CALLBACK
 * (hpm_population_run(), hpm_population_blend(), hpm_problem_hypergradient(), hpm_problem_check(),
 * and what a log refuses), or that made it HPM_OBSERVER: of several observers the first.
 *
 * Returns the callback's non-zero result as it was; 0 if no callback failed on this thread.
 * Thread safety: Each thread has its own. Since 0.1.
 */
int32_t hpm_last_callback_status(void);

/* ---- Functions: Space ------------------------------------------------------------------------ */

/*
 * Creates a search space without parameters.
 *
 *   out  Receives the space.
 *
 * Returns HPM_OK, or HPM_ERROR_ARGUMENT where `out` is NULL.
 * Ownership: The caller's, until hpm_space_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_create(hpm_space **out);

/*
 * Destroys a space. Populations that were made from it keep their copy.
 *
 *   space  The space; NULL does nothing.
 *
 * Returns HPM_OK, or HPM_ERROR_HANDLE where it is no living space.
 * Thread safety: Any thread; a call that is under way on the handle ends unharmed.
 * Complexity: O(parameters). Since 0.1.
 */
hpm_status hpm_space_destroy(hpm_space *space);

/*
 * Adds a real hyperparameter.
 *
 *   space    The space.
 *   name     UTF-8, not empty, not taken; copied.
 *   low      The lower bound, in natural units, finite. Above 0 for HPM_SCALE_LOG and
 *            HPM_SCALE_LOGIT.
 *   high     The upper bound, finite, above `low`. Below 1 for HPM_SCALE_LOGIT.
 *   scale    HPM_SCALE_LINEAR, HPM_SCALE_LOG or HPM_SCALE_LOGIT.
 *   initial  Where student 0 starts, within the bounds; NaN: drawn, as for all other students
 *            (hpm_student_set_initial() sets any student's).
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1), amortised. Since 0.1.
 */
hpm_status hpm_space_add_real(hpm_space *space, const char *name, double low, double high,
                              hpm_scale scale, double initial);

/*
 * Adds an integer hyperparameter. It is mutated, never moved along a hypergradient.
 *
 *   space    The space.
 *   name     UTF-8, not empty, not taken; copied.
 *   low      The smallest value: whole, no further from 0 than 2^53. At least 1 for HPM_SCALE_LOG.
 *   high     The largest value, likewise, above `low`.
 *   scale    HPM_SCALE_LINEAR or HPM_SCALE_LOG.
 *   initial  Where student 0 starts, whole and within the bounds; NaN: drawn.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1), amortised. Since 0.1.
 */
hpm_status hpm_space_add_integer(hpm_space *space, const char *name, double low, double high,
                                 hpm_scale scale, double initial);

/*
 * Adds a choice among labels. Its value is the index of a label. It is mutated, never moved along a
 * hypergradient.
 *
 *   space    The space.
 *   name     UTF-8, not empty, not taken; copied.
 *   labels   Array of `count` strings, UTF-8, not empty, no two alike; copied.
 *   count    The number of labels, at least 2.
 *   initial  The index where student 0 starts, below `count`; -1: drawn.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(count). Since 0.1.
 */
hpm_status hpm_space_add_choice(hpm_space *space, const char *name, const char *const *labels,
                                size_t count, int64_t initial);

/*
 * Adds a block: `count` real hyperparameters that share bounds and scale, such as a weight for each
 * training example. They take `count` places in the hyperparameter arrays.
 *
 *   space    The space.
 *   name     UTF-8, not empty, not taken; copied. The block's one name.
 *   count    The number of parameters, at least 1.
 *   low      As for hpm_space_add_real().
 *   high     As for hpm_space_add_real().
 *   scale    As for hpm_space_add_real().
 *   initial  Where all of them start at student 0, within the bounds; NaN: each is drawn.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_MEMORY (a dimension beyond any memory) or
 *   HPM_ERROR_HANDLE.
 * Thread safety: Any thread.
 * Complexity: O(1), amortised: a block takes no memory for each parameter until a population is
 *   made.
 * Since 0.1.
 */
hpm_status hpm_space_add_block(hpm_space *space, const char *name, size_t count, double low,
                               double high, hpm_scale scale, double initial);

/*
 * Says who may move a parameter or block.
 *
 *   space   The space.
 *   name    A name that was added.
 *   update  HPM_UPDATE_AUTO, _MUTATE, _HYPERGRADIENT, _BOTH or _FIXED. An integer or a choice can't
 *           have _HYPERGRADIENT or _BOTH.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_set_update(hpm_space *space, const char *name, hpm_update update);

/*
 * Says what a parameter or block is to the training.
 *
 * What hpm_student_next() answers for training and evaluations is then the learning rate after the
 * cool-down: times a factor that falls linearly from 1 over the last share `cool_down` of `steps`,
 * and never below the lower bound. What the population holds, mutates and answers elsewhere stays
 * as it is. A hypergradient is that at the value that was given.
 *
 *   space  The space.
 *   name   A name that was added.
 *   role   HPM_ROLE_OTHER or HPM_ROLE_LEARNING_RATE; the second of a real parameter or block alone
 *          that is never negative.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_set_role(hpm_space *space, const char *name, hpm_role role);

/*
 * What a parameter or block is to the training.
 *
 *   space  The space.
 *   name   A name that was added.
 *   role   Receives the role.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_role(hpm_space *space, const char *name, hpm_role *role);

/*
 * The number of hyperparameters, each member of a block counted: the length of the arrays of
 * hyperparameters and hypergradients.
 *
 *   space  The space.
 *   out    Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_dimension(hpm_space *space, size_t *out);

/*
 * Where a parameter or block lies in the arrays of hyperparameters.
 *
 *   space   The space.
 *   name    A name that was added.
 *   offset  Receives the index of its first value.
 *   count   Receives the number of its values: 1, or the block's count.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_offset(hpm_space *space, const char *name, size_t *offset, size_t *count);

/*
 * The number of names in a space: parameters, a block counted once.
 *
 *   space  The space.
 *   out    Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_count(hpm_space *space, size_t *out);

/*
 * The name of a parameter or block, in the order in which they were added.
 *
 *   space     The space.
 *   index     Below the number that hpm_space_count() answers.
 *   out       Array of `capacity` bytes that receives the name, NUL-terminated. NULL: the size
 *             alone.
 *   capacity  Its size in bytes; 0 where `out` is NULL.
 *   needed    Receives the size in bytes that the name takes, the NUL counted.
 *
 * Returns HPM_OK, HPM_ERROR_CAPACITY, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(length of the name). Since 0.1.
 */
hpm_status hpm_space_name(hpm_space *space, size_t index, char *out, size_t capacity,
                          size_t *needed);

/*
 * What a parameter or block is: what it was added with.
 *
 *   space    The space.
 *   name     A name that was added.
 *   kind     Receives the kind. May be NULL.
 *   low      Receives the lower bound; 0 for a choice. May be NULL.
 *   high     Receives the upper bound; the last index for a choice. May be NULL.
 *   scale    Receives the scale; HPM_SCALE_LINEAR for a choice. May be NULL.
 *   initial  Receives where student 0 starts; NaN: drawn. May be NULL.
 *   update   Receives who may move it. May be NULL.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_space_describe(hpm_space *space, const char *name, hpm_kind *kind, double *low,
                              double *high, hpm_scale *scale, double *initial, hpm_update *update);

/*
 * The label of a choice.
 *
 *   space     The space.
 *   name      The name of a choice.
 *   index     Which label, from 0.
 *   out       Array of `capacity` bytes that receives the label, NUL-terminated. NULL: the size
 *             alone. May be NULL.
 *   capacity  Its size in bytes; 0 where `out` is NULL.
 *   needed    Receives the size in bytes that the label takes, the NUL counted.
 *
 * Returns HPM_OK, HPM_ERROR_CAPACITY, HPM_ERROR_ARGUMENT (also where the parameter is no choice, or
 *   has no such label) or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(length of the label). Since 0.1.
 */
hpm_status hpm_space_label(hpm_space *space, const char *name, size_t index, char *out,
                           size_t capacity, size_t *needed);

/* ---- Functions: Options ---------------------------------------------------------------------- */

/*
 * Creates options, all at their defaults.
 *
 *   out  Receives the options.
 *
 * Returns HPM_OK, or HPM_ERROR_ARGUMENT where `out` is NULL.
 * Ownership: The caller's, until hpm_options_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_options_create(hpm_options **out);

/*
 * Destroys options. Populations that were made with them keep their copy.
 *
 *   options  The options; NULL does nothing.
 *
 * Returns HPM_OK, or HPM_ERROR_HANDLE where they are no living options.
 * Thread safety: Any thread; a call that is under way on the handle ends unharmed.
 * Complexity: O(1). Since 0.1.
 */
hpm_status hpm_options_destroy(hpm_options *options);

/*
 * Sets an option to a whole number: one of the integer options, or a real one.
 *
 *   options  The options.
 *   key      A key of the table at hpm_options.
 *   value    The value.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (an unknown key or a value that is not allowed: the sentence
 *   lists what is) or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_options_set_integer(hpm_options *options, const char *key, int64_t value);

/*
 * Sets a real option.
 *
 *   options  The options.
 *   key      A key of the table at hpm_options.
 *   value    The value, finite.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (an unknown key, one of another type, or a value that is not
 *   allowed: the sentence lists what is) or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_options_set_real(hpm_options *options, const char *key, double value);

/*
 * Sets an option from text: a word for those that take one, decimal text for the numbers.
 *
 *   options  The options.
 *   key      A key of the table at hpm_options.
 *   value    The text, UTF-8; copied.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (an unknown key or a value that is not allowed: the sentence
 *   lists what is) or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_options_set_string(hpm_options *options, const char *key, const char *value);

/*
 * The names of the options, one after the other.
 *
 *   index  From 0.
 *
 * Returns a NUL-terminated string that is never freed; NULL past the last.
 * Thread safety: Any thread. Since 0.1.
 */
const char *hpm_option_name(size_t index);

/*
 * The names of the algorithms, one after the other.
 *
 *   index  From 0.
 *
 * Returns a NUL-terminated string that is never freed; NULL past the last.
 * Thread safety: Any thread. Since 0.1.
 */
const char *hpm_algorithm_name(size_t index);

/* ---- Functions: Population ------------------------------------------------------------------- */

/*
 * Creates a population. Student 0 starts at the parameters' `initial` values, everything else is
 * drawn uniformly in latent coordinates; equal seeds give equal starts under every algorithm.
 *
 *   space    At least one parameter; copied.
 *   options  Copied. NULL: all defaults.
 *   out      Receives the population.
 *
 * Returns HPM_OK; HPM_WARNING, where hpm_last_error() names what you may not expect: an option that
 *   the algorithm does not read, a run that will hardly exploit; HPM_ERROR_ARGUMENT (a space
 *   without parameters; with the algorithm `memetic` an integer or a choice that is not fixed; with
 *   `mf-pbt` `sub_populations` above population / 2), HPM_ERROR_MEMORY or HPM_ERROR_HANDLE.
 * Ownership: The caller's, until hpm_population_destroy().
 * Thread safety: Any thread.
 * Complexity: O(population x dimension) time and memory: at most 128 bytes for each student and
 *   dimension (`memetic`: 512, and 960 for each dimension), 5120 for each dimension of `bayesian`
 *   and `pb2`, and of a teacher 16 for each unit and dimension (`perceptron`: 24; `linear`: 16 x
 *   dimension^2). Algorithms that never clone make no teacher.
 * Since 0.1.
 */
hpm_status hpm_population_create(hpm_space *space, hpm_options *options, hpm_population **out);

/*
 * Destroys a population, and closes the file of its run, if it has one.
 *
 *   population  The population; NULL does nothing.
 *
 * Returns HPM_OK, HPM_ERROR_HANDLE where it is no living population, or HPM_ERROR_BUSY while
 *   hpm_population_run() drives it and inside its log or observers.
 * Thread safety: Any thread; a call that is under way on the handle ends first.
 * Complexity: O(population x dimension). Since 0.1.
 */
hpm_status hpm_population_destroy(hpm_population *population);

/*
 * The number of students.
 *
 *   population  The population.
 *   out         Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_population_size(hpm_population *population, size_t *out);

/*
 * The number of hyperparameters of each student: the dimension of the population's space.
 *
 *   population  The population.
 *   out         Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_population_dimension(hpm_population *population, size_t *out);

/*
 * A copy of the space that the population was made from, also of a loaded one.
 *
 *   population  The population.
 *   out         Receives the space.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Ownership: The space is the caller's, until hpm_space_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_population_space(hpm_population *population, hpm_space **out);

/*
 * What every student is to do next: hpm_student_next() for all of them in one call, for programs
 * that train the whole population at once (vmap, a batched GPU kernel).
 *
 *   population       The population.
 *   actions          Array of `students` that receives the actions.
 *   sources          Array of `students` that receives the sources, as hpm_student_next() does. May
 *                    be NULL.
 *   hyperparameters  Array of `students` x `n`, row-major, that receives the hyperparameters in
 *                    natural units; row k is student k.
 *   students         The number of students.
 *   n                The length of a row, at least the space's dimension; what is beyond it stays
 *                    as it is.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread. Complexity: O(population x dimension). Since 0.1.
 */
hpm_status hpm_population_next_all(hpm_population *population, hpm_action *actions, size_t *sources,
                                   double *hyperparameters, size_t students, size_t n);

/*
 * Reports for every student that has a task: hpm_student_report() for all of them in one call. Rows
 * of students without a task (HPM_ACTION_WAIT, HPM_ACTION_STOP) are ignored.
 *
 *   population      The population.
 *   losses          Array of `students` losses.
 *   hypergradients  Array of `students` x `n`, row-major, in natural units; NaN in a component: no
 *                   derivative. NULL where `n` is 0.
 *   students        The number of students.
 *   n               The space's dimension, or 0: no hypergradients.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_ORDER (no student has a task, or one has not been
 *   asked for by `next`), HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread.
 * Complexity: O(population x dimension); at an exploit that times the teacher's units. The restarts
 *   of `bayesian` and the exploits of `pb2`: as for hpm_student_report().
 * Since 0.1.
 */
hpm_status hpm_population_report_all(hpm_population *population, const double *losses,
                                     const double *hypergradients, size_t students, size_t n);

/*
 * A number of the population's account, by name.
 *
 * counter                             meaning
 * ----------------------------------  -------------------------------------------------------------
 * training_rounds                     training reports that every student has made that is not
 *                                     retired
 * training_reports, teacher_reports,  reports on TRAIN, EVALUATE, CLONE, RESTART
 * clone_reports, restart_reports
 * hypergradient_reports               reports on TRAIN that held a finite hypergradient component
 * training_seconds, teacher_seconds,  time between `next` and its report, summed over students,
 * clone_seconds, restart_seconds      since this handle was made: no part of a snapshot
 * training_cost, hypergradient_cost,  in the units of hpm_student_report_cost(); a report on TRAIN
 * teacher_cost                        or EVALUATE without it counts 1
 * teacher_share, hypergradient_share  the teacher's and the hypergradients' share of the three
 *                                     costs; 0 before any report
 * nonfinite_losses                    losses that were NaN or infinite
 * nonfinite_hypergradients            hypergradient components that were infinite, skipped
 * clones                              students that were replaced
 *
 *   population  The population.
 *   counter     A name of the table.
 *   out         Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (an unknown name: the sentence lists them) or
 *   HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(population). Since 0.1.
 */
hpm_status hpm_population_count(hpm_population *population, const char *counter, double *out);

/*
 * The student to keep: of those whose latest training loss is finite, the one with the best.
 *
 *   population  The population.
 *   student     Receives the student.
 *   loss        Receives its loss, as it was reported.
 *
 * Returns HPM_OK, HPM_ERROR_NO_RESULT where there is none (before the first finite loss, and while
 *   all students begin a new trial), HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(population). Since 0.1.
 */
hpm_status hpm_population_best(hpm_population *population, size_t *student, double *loss);

/*
 * The best known point: the hyperparameters with which the best student (hpm_population_best())
 * made its latest training report; under `random` and `bayesian` those of the best trial, also if
 * it has ended; under `memetic` the point, of all whose report was accepted (of all reports while
 * there is none), whose estimated loss E, a mean of c values where there is noise, is lowest with
 * its uncertainty, E + sigma / sqrt(c): docs/algorithms.md.
 *
 *   population  The population.
 *   out         Array of `n` that receives the hyperparameters, in natural units.
 *   n           At least the space's dimension; what is beyond it stays as it is.
 *   loss        Receives the loss of that report (`memetic`: E).
 *
 * Returns HPM_OK, HPM_ERROR_NO_RESULT before there is one, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(population + dimension). Since 0.1.
 */
hpm_status hpm_population_best_hyperparameters(hpm_population *population, double *out, size_t n,
                                               double *loss);

/*
 * Asks a population to stop: from now on `next` answers STOP, and hpm_population_run() returns once
 * the callback that is under way has. Reports that are still out are accepted. The request is not
 * saved: this population stays stopped, one that is loaded from its snapshot goes on.
 *
 *   population  The population.
 *
 * Returns HPM_OK or HPM_ERROR_HANDLE; HPM_ERROR_CALLBACK where the log refuses it.
 * Thread safety: Any thread, also inside a callback. Inside a log or an observer the stop follows
 *   the call that they are told of.
 * Complexity: O(1). Since 0.1.
 */
hpm_status hpm_population_stop(hpm_population *population);

/*
 * The actions that hpm_student_next() can answer with this population's algorithm and options, WAIT
 * and STOP apart: which callbacks a trainer needs.
 *
 *   population  The population.
 *   mask        Receives the sum of 1 << action.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_population_actions(hpm_population *population, uint32_t *mask);

/*
 * An option of a population as it is in force, every default decided, also of a loaded population.
 *
 *   population  The population.
 *   key         A key of the table at hpm_options.
 *   out         Array of `capacity` that receives the value as text with its NUL, as
 *               hpm_options_set_string() takes it. NULL: the size alone.
 *   capacity    Its size in bytes; 0 where `out` is NULL.
 *   needed      Receives the size in bytes, the NUL included.
 *
 * Returns HPM_OK, HPM_ERROR_CAPACITY, HPM_ERROR_ARGUMENT (an unknown key: the sentence lists them)
 *   or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(options). Since 0.1.
 */
hpm_status hpm_population_option(hpm_population *population, const char *key, char *out,
                                 size_t capacity, size_t *needed);

/* ---- Functions: Student ---------------------------------------------------------------------- */

/*
 * What a student is to do next. Asked twice without a report it answers the same, so a worker that
 * died is simply asked again.
 *
 *   population       The population.
 *   student          Which student, from 0.
 *   action           Receives the action.
 *   source           Receives the student to copy for HPM_ACTION_CLONE and HPM_ACTION_EVALUATE,
 *                    else `student` itself. May be NULL.
 *   hyperparameters  Array of `n` that receives the hyperparameters of the action, in natural
 *                    units; with CLONE those of the source, with WAIT and STOP the student's own.
 *   n                At least the space's dimension; what is beyond it stays as it is.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread; different students may be driven by different threads.
 * Complexity: O(dimension). Since 0.1.
 */
hpm_status hpm_student_next(hpm_population *population, size_t student, hpm_action *action,
                            size_t *source, double *hyperparameters, size_t n);

/*
 * As hpm_student_next(), with a ticket: the number of the task, with which
 * hpm_student_report_ticket() can be called late, twice and in any order.
 *
 *   population       The population.
 *   student          Which student, from 0.
 *   action           Receives the action.
 *   source           Receives the source, as in hpm_student_next(). May be NULL.
 *   ticket           Receives the ticket, 1 or more, the same when asked again; 0 with WAIT and
 *                    STOP.
 *   hyperparameters  Array of `n` that receives the hyperparameters of the action, in natural
 *                    units.
 *   n                At least the space's dimension; what is beyond it stays as it is.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread. Complexity: O(dimension). Since 0.1.
 */
hpm_status hpm_student_next_ticket(hpm_population *population, size_t student, hpm_action *action,
                                   size_t *source, uint64_t *ticket, double *hyperparameters,
                                   size_t n);

/*
 * Reports on the task that hpm_student_next() answered.
 *
 * A NaN or infinite loss makes the student the worst, so it is replaced at the next exploit; its
 * hypergradient is ignored. A hypergradient component that is NaN says 'no derivative'; one that is
 * infinite is skipped and counted. `memetic` needs a hypergradient with each finite loss: a
 * component that is still NaN after five rounds without a derivative is an error that names its
 * parameter; any other loss or component that is not finite is a step that failed.
 *
 *   population     The population.
 *   student        Which student, from 0.
 *   loss           The validation loss after the interval. Ignored on CLONE and RESTART.
 *   hypergradient  Array of `n`: the derivative of the loss with respect to the hyperparameters, in
 *                  natural units, at the values that `next` gave. NULL where `n` is 0.
 *   n              The space's dimension, or 0: no hypergradient.
 *
 * Returns HPM_OK, HPM_ERROR_ORDER (no task is out for the student), HPM_ERROR_ARGUMENT,
 *   HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread. With the synchronous schedule the result does not depend on the order
 *   in which the students' reports arrive.
 * Complexity: O(dimension); the last report of a round O(population x dimension), of `memetic` also
 *   O(population^2), at an exploit times the teacher's units. That of `bayesian` before a restart
 *   and of `pb2` at an exploit also O(p^3 + p^2 dimension) for a model of p points, at most 256 and
 *   the up to 64 that it chooses, and for each of these O(p^2 + p dimension) hundreds of times, in
 *   high dimension 32 times at least.
 * Since 0.1.
 */
hpm_status hpm_student_report(hpm_population *population, size_t student, double loss,
                              const double *hypergradient, size_t n);

/*
 * As hpm_student_report(), on a ticket of hpm_student_next_ticket(): deliveries that come late,
 * twice or out of order are harmless.
 *
 *   population     The population.
 *   student        Which student, from 0.
 *   ticket         The task that is reported on.
 *   loss           The validation loss after the interval. Ignored on CLONE and RESTART.
 *   hypergradient  Array of `n`, as in hpm_student_report(). NULL where `n` is 0.
 *   n              The space's dimension, or 0: no hypergradient.
 *
 * Returns HPM_OK; HPM_STALE where the ticket was answered before or is superseded (its task was
 *   released, its student retired): nothing has changed; HPM_ERROR_ARGUMENT (also a ticket that was
 *   never given, or that is out for another student), HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread. Complexity: As hpm_student_report(); of a stale ticket O(population).
 * Since 0.1.
 */
hpm_status hpm_student_report_ticket(hpm_population *population, size_t student, uint64_t ticket,
                                     double loss, const double *hypergradient, size_t n);

/*
 * The training reports that a student has made; one that joined as a clone counts those of its
 * source from before.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   out         Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_student_reports(hpm_population *population, size_t student, size_t *out);

/*
 * Says what the task that is out for a student cost, in units of your own (such as gradient
 * evaluations or seconds), split into training and hypergradient. Call it before the report; the
 * last call counts. Without it a report counts as 1 of training.
 *
 *   population     The population.
 *   student        Which student, from 0.
 *   training       The cost of the training itself, 0 to 1e100.
 *   hypergradient  The cost of the hypergradient beyond it, 0 to 1e100.
 *
 * Returns HPM_OK, HPM_ERROR_ORDER (no task is out for the student), HPM_ERROR_ARGUMENT,
 *   HPM_ERROR_HANDLE, or HPM_ERROR_BUSY inside a log or an observer.
 * Thread safety: Any thread, also inside a callback of hpm_population_run(). Complexity: O(1).
 * Since 0.1.
 */
hpm_status hpm_student_report_cost(hpm_population *population, size_t student, double training,
                                   double hypergradient);

/*
 * The hyperparameters that a student holds now.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   out         Array of `n` that receives them, in natural units.
 *   n           At least the space's dimension; what is beyond it stays as it is.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(dimension). Since 0.1.
 */
hpm_status hpm_student_hyperparameters(hpm_population *population, size_t student, double *out,
                                       size_t n);

/*
 * Whether the report on the task that a student has, or gets next, is to hold a hypergradient: of
 * its training reports one in `hypergradient_interval`, the first one among them, and each
 * evaluation; none where the algorithm reads none. With fewer hypergradients each may be a better
 * one at the same cost, such as one through more steps of training. hpm_population_run() estimates
 * those of a problem where they are wanted. One that is reported all the same is used, and moves by
 * a step that is as long.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   wanted      Receives 1 or 0; 0 where the student has no task that is trained.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread, also inside a trainer's callbacks. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_student_wants_hypergradient(hpm_population *population, size_t student,
                                           int32_t *wanted);

/*
 * Sets where a student starts, before its first `next`.
 *
 *   population       The population.
 *   student          Which student, from 0.
 *   hyperparameters  Array of `n` values in natural units, each within its bounds; whole for
 *                    integers and choices.
 *   n                The space's dimension.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_ORDER (the student has begun), HPM_ERROR_HANDLE, or
 *   HPM_ERROR_BUSY inside a log or an observer.
 * Thread safety: Any thread. Complexity: O(dimension). Since 0.1.
 */
hpm_status hpm_student_set_initial(hpm_population *population, size_t student,
                                   const double *hyperparameters, size_t n);

/*
 * Which checkpoint of its source a clone is to take, or an evaluation to be made on: the one after
 * the source's training report of this number (0: its state at the start). With the synchronous
 * schedule the source waits, so that is also its present state; but a student that has become a
 * clone and is to be evaluated before it trains holds weights that no report of its own has:
 * evaluate its live ones.
 *
 *   population  The population.
 *   student     A student whose task is HPM_ACTION_CLONE or HPM_ACTION_EVALUATE.
 *   report      Receives the number of the source's report, or 0.
 *
 * Returns HPM_OK, HPM_ERROR_ORDER (the student's task copies no weights), HPM_ERROR_ARGUMENT or
 *   HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_student_source_report(hpm_population *population, size_t student, size_t *report);

/*
 * Whether the checkpoint of a student after a training report may go: no clone will be asked to
 * take it any more. With the asynchronous schedule a clone can be asked for of the latest state of
 * any student, and of an earlier one while such a task is open; with the synchronous one of the
 * latest until all students of the round have reported, and then while any clone is to be made,
 * whose source may be retired.
 *
 *   population  The population.
 *   student     Whose checkpoint.
 *   report      After which of its training reports, from 1 to one more than hpm_student_reports().
 *   releasable  Receives 1 where it may go, else 0.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(population). Since 0.1.
 */
hpm_status hpm_checkpoint_releasable(hpm_population *population, size_t student, size_t report,
                                     int32_t *releasable);

/*
 * Who trained, at an earlier report, the weights that a student holds now: the lineage through the
 * clones. Following it over all reports gives the schedule that trained the student.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   report      A training report of the past that went into the weights, by its place among them,
 *               from 1 to hpm_student_age(); with the synchronous schedule that is its number, but
 *               in a trial after the first and of a student that joined.
 *   out         Receives the student whose training report it was.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(clones). Since 0.1.
 */
hpm_status hpm_student_ancestor(hpm_population *population, size_t student, size_t report,
                                size_t *out);

/*
 * As hpm_student_ancestor(): which of the ancestor's own training reports it was. With the
 * asynchronous schedule each student has its own numbers.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   report      As in hpm_student_ancestor().
 *   out         Receives the number of the ancestor's report, from 1.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(clones). Since 0.1.
 */
hpm_status hpm_student_ancestor_report(hpm_population *population, size_t student, size_t report,
                                       size_t *out);

/*
 * How many training reports went into the weights that a student holds now, those of its ancestors
 * included, those before a restart not.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   out         Receives the number; with the synchronous schedule and without trials it is
 *               hpm_student_reports(), of a student that was there from the start.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(clones). Since 0.1.
 */
hpm_status hpm_student_age(hpm_population *population, size_t student, size_t *out);

/* ---- Functions: Run -------------------------------------------------------------------------- */

/*
 * Drives the population to its end by callbacks: `next` and `report` for one student after the
 * other, in the calling thread.
 *
 * While it runs, `next`, `report`, `release`, `retire`, `grow`, `set_steps`, `replay`, `run` and
 * `destroy` on this population are HPM_ERROR_BUSY in every thread; everything else is allowed, also
 * inside callbacks of the trainer. No lock is held during one.
 *
 * A callback that returns non-zero, a log and an observer among them, ends the run with
 * HPM_ERROR_CALLBACK, and hpm_last_callback_status() is what it returned. The task of a trainer's
 * callback, or one whose report a log refused, stays out, so a second run begins with it again.
 *
 *   population  The population. With `steps` = 0 the run lasts until hpm_population_stop().
 *   trainer     The callbacks; copied.
 *   context     Handed to every callback as it is; never looked at. May be NULL.
 *
 * Returns HPM_OK when all students are done, HPM_STOPPED after hpm_population_stop(),
 *   HPM_ERROR_CALLBACK, HPM_ERROR_ARGUMENT (a callback that the algorithm needs is NULL: known
 *   before anything runs), HPM_ERROR_HANDLE or HPM_ERROR_BUSY; with hpm_student_set_problem() also
 *   what hpm_problem_hypergradient() can answer.
 * Thread safety: Any thread. Complexity: That of `next` and `report`, beside your callbacks.
 * Since 0.1.
 */
hpm_status hpm_population_run(hpm_population *population, const hpm_trainer *trainer,
                              void *context);

/* ---- Functions: Blend ------------------------------------------------------------------------ */

/*
 * The model to keep as a mean of weights: of which students, and how much of each. Clones are kin:
 * their weights often lie in one basin, so the mean of several can be better than any of them, at
 * no cost when it is used.
 *
 * The students in question are those whose latest training loss is finite, as for
 * hpm_population_best(), with an ancestor in common with the best one: weights that were
 * initialised apart have no mean that is worth anything. A student that became a clone and has not
 * trained since, or that is retired, is left out. The weights meant are those after each student's
 * latest training report: with a task out, that checkpoint.
 *
 * With `judge` the best student comes first, with the loss that it reported; each next one, in the
 * order of their losses, is taken in where that makes the mean, in equal shares, strictly better.
 * Without it the mean is of the best student and of its kin among the better half of the students
 * with a finite loss. The population is read and not changed; the cost of judging is on no account.
 *
 *   population  The population.
 *   judge       NULL: none, and nothing is evaluated.
 *   context     Handed to `judge` as it is; never looked at. May be NULL.
 *   students    Array of `capacity` that receives the students, the best first. NULL, with
 *               `shares`: the count alone, and nothing is judged.
 *   shares      Array of `capacity` that receives the shares, which sum to 1. NULL where `students`
 *               is.
 *   capacity    The size of both, for which the number of all students is always enough; 0 where
 *               they are NULL.
 *   count       Receives the number of students in the mean. Where arrays are NULL or too small,
 *               what `capacity` has to be: with `judge` the number of all that are in question.
 *
 * Returns HPM_OK, HPM_ERROR_NO_RESULT where no student has a finite loss, HPM_ERROR_CAPACITY (known
 *   before anything is judged; nothing was written but `count`), HPM_ERROR_CALLBACK where `judge`
 *   returned non-zero (hpm_last_callback_status() is what; nothing was written), HPM_ERROR_ARGUMENT
 *   or HPM_ERROR_HANDLE.
 * Thread safety: Any thread, also inside callbacks. No lock is held during `judge`, in which every
 *   call on the population is allowed: what changes there is not seen by this one.
 * Complexity: O(population (population + clones)), and at most population - 1 calls of `judge`.
 * Source: The greedy soup of Wortsman et al., 'Model soups: averaging weights of multiple
 *   fine-tuned models improves accuracy without increasing inference time', ICML 2022 (arXiv
 *   2203.05482).
 * Since 0.1.
 */
hpm_status hpm_population_blend(hpm_population *population, hpm_judge_callback judge, void *context,
                                size_t *students, double *shares, size_t capacity, size_t *count);

/* ---- Functions: Teacher ---------------------------------------------------------------------- */

/*
 * Creates a teacher. It works on the numbers as they are: pass latent or scaled coordinates of
 * about unit size.
 *
 *   dimension  The number of hyperparameters, at least 1.
 *   options    Reads `seed`, `teacher` (`attention` where it is not set; `none` is an error),
 *              `teacher_units`, `teacher_squashing`, `teacher_activation` and
 *              `teacher_learning_rate`; copied. NULL: all defaults.
 *   out        Receives the teacher.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_MEMORY or HPM_ERROR_HANDLE.
 * Ownership: The caller's, until hpm_teacher_destroy().
 * Thread safety: Any thread.
 * Complexity: O(dimension x units) time and memory, for `linear` O(dimension^2). Since 0.1.
 */
hpm_status hpm_teacher_create(size_t dimension, hpm_options *options, hpm_teacher **out);

/*
 * Destroys a teacher.
 *
 *   teacher  The teacher; NULL does nothing.
 *
 * Returns HPM_OK, or HPM_ERROR_HANDLE where it is no living teacher.
 * Thread safety: Any thread; a call that is under way on the handle ends unharmed.
 * Complexity: O(1). Since 0.1.
 */
hpm_status hpm_teacher_destroy(hpm_teacher *teacher);

/*
 * Mutates a parent: child = (1 + c) parent, elementwise, with c of the table at hpm_teacher.
 *
 *   teacher  The teacher.
 *   parent   Array of `n` numbers, at most 1e100 in size.
 *   child    Array of `n` that receives the child; may be `parent` itself.
 *   n        The teacher's dimension.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(dimension x units), for `linear` O(dimension^2).
 * Source: HPM (Tao et al., NeurIPS 2020), the teacher network. Since 0.1.
 */
hpm_status hpm_teacher_mutate(hpm_teacher *teacher, const double *parent, double *child, size_t n);

/*
 * Teaches the teacher: one gradient step down the loss at the child, through all weights. With r =
 * G h squash'(z), divided by its norm, q = W^T r and s = J^T q, where J is the Jacobian of act (for
 * softmax s = a (q - a.q)), the gradients are dL/dW = r a^T, dL/dV = s h^T and dL/db = s; of
 * `linear` dL/dW = r h^T and dL/db = r. `perceptron` and `linear` divide a layer's step by the
 * number of its inputs.
 *
 *   teacher            The teacher.
 *   parent             Array of `n` numbers, at most 1e100 in size: h.
 *   gradient_at_child  Array of `n`: G, the derivative of the loss with respect to the child that
 *                      hpm_teacher_mutate() gave. Components that are not finite take no part.
 *   n                  The teacher's dimension.
 *
 * Returns HPM_OK, HPM_UNCHANGED where there is nothing to learn, HPM_ERROR_ARGUMENT or
 *   HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(dimension x units), for `linear` O(dimension^2).
 * Source: HPM (Tao et al., NeurIPS 2020), the teacher network. Since 0.1.
 */
hpm_status hpm_teacher_learn(hpm_teacher *teacher, const double *parent,
                             const double *gradient_at_child, size_t n);

/* ---- Functions: Snapshot --------------------------------------------------------------------- */

/*
 * Writes the whole state of a population: space, options, students, moments, teacher, tasks that
 * are out. A population that is loaded from it goes on bit for bit as this one would. Equal runs
 * have equal bytes: times that were measured, observers, logs and problems are not in them.
 *
 *   population  The population.
 *   bytes       Array of `capacity` that receives the snapshot. NULL: the size alone.
 *   capacity    Its size in bytes; 0 where `bytes` is NULL.
 *   needed      Receives the size of the snapshot in bytes.
 *
 * Returns HPM_OK, HPM_ERROR_CAPACITY (nothing was written but `needed`), HPM_ERROR_MEMORY,
 *   HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread, also inside a callback, whose task is then still out: a population
 *   that is loaded asks for it again. Another thread's report between the call for the size and the
 *   call for the bytes can change the size: try again after HPM_ERROR_CAPACITY.
 * Complexity: O(population x dimension). Since 0.1.
 */
hpm_status hpm_population_save(hpm_population *population, uint8_t *bytes, size_t capacity,
                               size_t *needed);

/*
 * Makes a population from a snapshot. Tasks that were out when it was saved are out still: ask
 * `next` again, or report.
 *
 *   bytes   Array of `length` bytes that hpm_population_save() wrote.
 *   length  Its size in bytes.
 *   out     Receives the population.
 *
 * Returns HPM_OK, HPM_ERROR_SNAPSHOT (no snapshot, damaged, truncated, or of a later version),
 *   HPM_ERROR_MEMORY or HPM_ERROR_ARGUMENT.
 * Ownership: The population is the caller's, until hpm_population_destroy().
 * Thread safety: Any thread. Complexity: O(length). Since 0.1.
 */
hpm_status hpm_population_load(const uint8_t *bytes, size_t length, hpm_population **out);

/* ---- Functions: Run file --------------------------------------------------------------------- */

/*
 * Opens the run that a file holds, or begins one where there is no such file: a population whose
 * run survives the process. Each input (a task that begins, a report, a stop, ...) is one
 * transaction of the file before the call that brings it returns, together with what became of it;
 * a population that is opened anew goes on bit for bit where it was, and asks again for the tasks
 * that were out. The file is an SQLite database, which other programs may read at any time:
 * docs/runs.md has its tables. Beside it there are NAME-writer, which says who writes it, and,
 * while it is open or after a crash, NAME-wal and NAME-shm, which belong to it.
 *
 * A failure of the disk refuses the call that met it with HPM_ERROR_STORAGE; the population is what
 * it was before, and the call may be made again.
 *
 *   path     The file's name, UTF-8; its folder has to exist. ":memory:": a run in no file, which
 *            ends with the population.
 *   space    That of the run; copied. NULL: that of the file, which then has to be there.
 *   options  Those that were set have to be those of the run; copied. NULL: those of the file, or
 *            the defaults.
 *   out      Receives the population.
 *
 * Returns HPM_OK; HPM_WARNING, as hpm_population_create(), where a run begins; HPM_ERROR_ARGUMENT
 *   (the file is of another space or other options: the sentence names the difference; what
 *   hpm_population_create() refuses), HPM_ERROR_STORAGE (another process has it, which the sentence
 *   names; it is no run's file, damaged, or of a newer version; the folder can't be written),
 *   HPM_ERROR_MEMORY or HPM_ERROR_HANDLE.
 * Ownership: The caller's, until hpm_population_destroy(), which closes the file. A child of fork
 *   can't use it: its calls are HPM_ERROR_STORAGE.
 * Thread safety: Any thread. A file is open in one population of one process at a time.
 * Complexity: O(population x dimension + what was reported since the latest snapshot in the file,
 *   at most a megabyte or eight snapshots).
 * Since 0.1.
 */
hpm_status hpm_run_open(const char *path, hpm_space *space, hpm_options *options,
                        hpm_population **out);

/*
 * As hpm_run_open(), where some options may be other than those of the file: the run is changed
 * accordingly, and has the new ones from then on.
 *
 *   path       As there.
 *   space      As there. NULL: that of the file.
 *   options    As there, but for those of `overrides`. NULL: those of the file, or the defaults.
 *   overrides  A sum of HPM_OVERRIDE_ kinds: what may be other.
 *   out        Receives the population.
 *
 * Returns as hpm_run_open(); HPM_ERROR_ARGUMENT for a change that is not possible, such as fewer
 *   steps.
 * Ownership: The caller's, until hpm_population_destroy(), which closes the file.
 * Thread safety: Any thread. A file is open in one population of one process at a time.
 * Complexity: As hpm_run_open(). Since 0.1.
 */
hpm_status hpm_run_open_overriding(const char *path, hpm_space *space, hpm_options *options,
                                   hpm_override overrides, hpm_population **out);

/*
 * Says which failures of the host the reports of a run survive from now on.
 *
 *   population  One of hpm_run_open().
 *   durability  HPM_DURABILITY_PROCESS until it is set, each time the run is opened.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_UNSUPPORTED (the run is in no file),
 *   HPM_ERROR_STORAGE, HPM_ERROR_HANDLE, or HPM_ERROR_BUSY inside its log or observers.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_run_set_durability(hpm_population *population, hpm_durability durability);

/*
 * Stores a number of your own beside the reports of a student, such as an accuracy, for those who
 * look at the run. It is no part of the population's state.
 *
 *   population  One of hpm_run_open().
 *   student     Which student, from 0.
 *   name        UTF-8, not empty; copied.
 *   value       Any number; NaN is stored as NULL.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_UNSUPPORTED (the run is in no file),
 *   HPM_ERROR_STORAGE, HPM_ERROR_HANDLE, or HPM_ERROR_BUSY inside its log or observers.
 * Thread safety: Any thread, also inside the callbacks of hpm_population_run(): it then belongs to
 *   the report that the student is at work on.
 * Complexity: O(1). Since 0.1.
 */
hpm_status hpm_run_log_metric(hpm_population *population, size_t student, const char *name,
                              double value);

/*
 * Calls `callback` with each training report of a run, of earlier sessions, too, in the order in
 * which they came.
 *
 *   population  One of hpm_run_open().
 *   callback    Sees the reports. It may read the population, not change it.
 *   context     Handed to it as it is; never looked at. May be NULL.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT, HPM_ERROR_UNSUPPORTED (the run is in no file),
 *   HPM_ERROR_CALLBACK, HPM_ERROR_STORAGE, HPM_ERROR_HANDLE, or HPM_ERROR_BUSY inside its log or
 *   observers.
 * Thread safety: Any thread; calls of others that change the population wait until it has ended.
 * Complexity: That of the calls of the whole run, from whose inputs it is made again. Since 0.1.
 */
hpm_status hpm_run_reports(hpm_population *population, hpm_report_callback callback, void *context);

/* ---- Functions: Schedule --------------------------------------------------------------------- */

/*
 * The schedule that trained the weights that a student holds now, followed through its clones to
 * the beginning: what is replayed to train one model without a population.
 *
 *     hpm_schedule_export(population, best, &schedule);
 *     hpm_schedule_length(schedule, &steps);
 *     for (size_t step = 0; step < steps; step++) {
 *         hpm_schedule_at(schedule, step, h, n, NULL, NULL, NULL);
 *         train(model, h);
 *     }
 *
 *   population  One of hpm_run_open(): others keep no history.
 *   student     Which student, from 0; as that of hpm_population_best().
 *   out         Receives the schedule.
 *
 * Returns HPM_OK, HPM_ERROR_NO_RESULT (no training report has gone into its weights yet),
 *   HPM_ERROR_UNSUPPORTED (the run is in no file), HPM_ERROR_ARGUMENT, HPM_ERROR_STORAGE,
 *   HPM_ERROR_MEMORY, HPM_ERROR_HANDLE, or HPM_ERROR_BUSY inside its log or observers.
 * Ownership: The caller's, until hpm_schedule_destroy().
 * Thread safety: Any thread; calls of others that change the population wait until it has ended.
 * Complexity: That of the calls of the whole run, from whose inputs it is made again; O(steps x
 *   dimension) memory.
 * Since 0.1.
 */
hpm_status hpm_schedule_export(hpm_population *population, size_t student, hpm_schedule **out);

/*
 * Destroys a schedule.
 *
 *   schedule  The schedule; NULL does nothing.
 *
 * Returns HPM_OK, or HPM_ERROR_HANDLE where it is no living schedule.
 * Thread safety: Any thread; a call that is under way on the handle ends unharmed.
 * Complexity: O(steps x dimension). Since 0.1.
 */
hpm_status hpm_schedule_destroy(hpm_schedule *schedule);

/*
 * The number of steps: of training intervals.
 *
 *   schedule  The schedule.
 *   out       Receives the number.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_schedule_length(hpm_schedule *schedule, size_t *out);

/*
 * A copy of the space whose hyperparameters the schedule has: names, bounds, labels.
 *
 *   schedule  The schedule.
 *   out       Receives the space.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Ownership: The space is the caller's, until hpm_space_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_schedule_space(hpm_schedule *schedule, hpm_space **out);

/*
 * One step of a schedule.
 *
 *   schedule         The schedule.
 *   step             From 0, below its length.
 *   hyperparameters  Array of `n` that receives the values in natural units, as the student trained
 *                    with them.
 *   n                At least the space's dimension.
 *   student          Receives whose training report it was. May be NULL.
 *   report           Receives which of that student's training reports it was, from 1. May be NULL.
 *   loss             Receives the loss as it was reported. May be NULL.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(dimension). Since 0.1.
 */
hpm_status hpm_schedule_at(hpm_schedule *schedule, size_t step, double *hyperparameters, size_t n,
                           size_t *student, size_t *report, double *loss);

/*
 * Writes a schedule, with its space, as bytes: to be kept beside the model that it trained.
 *
 *   schedule  The schedule.
 *   bytes     Array of `capacity` that receives it. NULL: the size alone.
 *   capacity  Its size in bytes; 0 where `bytes` is NULL.
 *   needed    Receives the size of the schedule in bytes.
 *
 * Returns HPM_OK, HPM_ERROR_CAPACITY (nothing was written but `needed`), HPM_ERROR_ARGUMENT or
 *   HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(steps x dimension). Since 0.1.
 */
hpm_status hpm_schedule_save(hpm_schedule *schedule, uint8_t *bytes, size_t capacity,
                             size_t *needed);

/*
 * Makes a schedule from bytes.
 *
 *   bytes   Array of `length` bytes that hpm_schedule_save() wrote.
 *   length  Its size in bytes.
 *   out     Receives the schedule.
 *
 * Returns HPM_OK, HPM_ERROR_SNAPSHOT (no schedule, or a damaged or truncated one), HPM_ERROR_MEMORY
 *   or HPM_ERROR_ARGUMENT.
 * Ownership: The caller's, until hpm_schedule_destroy().
 * Thread safety: Any thread. Complexity: O(length). Since 0.1.
 */
hpm_status hpm_schedule_load(const uint8_t *bytes, size_t length, hpm_schedule **out);

/* ---- Functions: Membership ------------------------------------------------------------------- */

/*
 * Gives the task of a lost worker back: its ticket is superseded, and whoever asks
 * hpm_student_next_ticket() for the student begins the task anew. With the asynchronous schedule an
 * evaluation goes to whoever asks first.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *
 * Returns HPM_OK, HPM_ERROR_ORDER (no task is out for the student), HPM_ERROR_ARGUMENT,
 *   HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_student_release(hpm_population *population, size_t student);

/*
 * Takes a student out for good, as where its machine is gone: `next` answers STOP, nobody waits for
 * it, no clone is made onto it or of it, and it is never the best. A clone that was to be made of
 * it gets another source. A report on its ticket changes nothing.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *
 * Returns HPM_OK, HPM_ERROR_ORDER (it is retired already), HPM_ERROR_ARGUMENT, HPM_ERROR_HANDLE or
 *   HPM_ERROR_BUSY.
 * Thread safety: Any thread.
 * Complexity: O(population); where it was the last that a round waited for, that of the last
 *   report.
 * Since 0.1.
 */
hpm_status hpm_student_retire(hpm_population *population, size_t student);

/*
 * Adds students; they are numbered from the present size on. With the synchronous schedule drawn
 * ones join the present round of training, or wait for the next one, and clones are made when the
 * present round of training ends; before any finite loss clones are drawn, too.
 *
 *   population  The population.
 *   count       How many, 1 or more.
 *   origin      Where they come from.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (also clones where the algorithm makes none),
 *   HPM_ERROR_MEMORY, HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread. Complexity: O(population x dimension). Since 0.1.
 */
hpm_status hpm_population_grow(hpm_population *population, size_t count, hpm_origin origin);

/*
 * Prolongs a run: raises the option `steps`, also of a population that has ended, and of a loaded
 * one. With the synchronous schedule the run is then the same, to the bit, as if it had had them
 * from the start with the same `interval`, whose default depends on `steps` and stays what it was;
 * but for a cool-down, which begins anew: learning rates that were taken down go back up, also
 * those of tasks that are out.
 *
 *   population  The population.
 *   steps       At least those that it has; 0: no end.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (fewer steps), HPM_ERROR_HANDLE or HPM_ERROR_BUSY.
 * Thread safety: Any thread.
 * Complexity: O(1); of a population that has ended that of the last report of a round. Since 0.1.
 */
hpm_status hpm_population_set_steps(hpm_population *population, size_t steps);

/* ---- Functions: Observation ------------------------------------------------------------------ */

/*
 * Calls `callback` for each event of some kinds from now on, in order, after the change and before
 * the call that caused it returns. A population may have any number of observers; what nobody asks
 * for is not computed.
 *
 * No lock is held during a callback: it may read the population and ask it to stop. What else
 * changes it is HPM_ERROR_BUSY inside a callback, and waits in other threads until the callback has
 * returned.
 *
 *   population  The population.
 *   kinds       HPM_EVENT_ALL, or a sum of kinds.
 *   callback    The observer.
 *   context     Handed to it as it is; never looked at. May be NULL. It has to outlive the
 *               population, or hpm_population_unobserve().
 *   observer    Receives a number for hpm_population_unobserve(). May be NULL.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: O(1); a MOVED or MUTATED event O(dimension). Since 0.1.
 */
hpm_status hpm_population_observe(hpm_population *population, uint32_t kinds,
                                  hpm_observer_callback callback, void *context, size_t *observer);

/*
 * Ends an observer.
 *
 *   population  The population.
 *   observer    What hpm_population_observe() gave.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (no such observer) or HPM_ERROR_HANDLE.
 * Thread safety: Any thread, also inside a callback; one that is under way in another thread may
 *   still see its event.
 * Complexity: O(observers). Since 0.1.
 */
hpm_status hpm_population_unobserve(hpm_population *population, size_t observer);

/*
 * Hands every input of the population to `callback` as bytes, before it is applied: tasks that
 * begin, reports, costs, start values, releases, students that leave or join, the stop. A
 * population is a function of its space, its options and these inputs in order:
 * hpm_population_replay() makes it again to the bit, an asynchronous one, too.
 *
 * Each input is versioned, says its own length and has a checksum, so inputs can be written one
 * after the other into a file; one that a crash cut short is recognised. Before the first stands a
 * checksum of space, options and of how far the run is, in the same form and the same call.
 *
 *   population  The population; a log that begins with its creation is whole.
 *   callback    The log; NULL ends it.
 *   context     Handed to it as it is; never looked at. May be NULL. It has to outlive the
 *               population, or the end of the log.
 *
 * Returns HPM_OK or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Inside the callback what changes the population is HPM_ERROR_BUSY. An
 *   input that is under way in another thread may still reach a log that ended.
 * Complexity: O(1); an input O(dimension). Since 0.1.
 */
hpm_status hpm_population_log(hpm_population *population, hpm_log_callback callback, void *context);

/*
 * Applies the inputs of a log, in order, to a population that was made from the same space and
 * options, or that stands where the log begins. They are not logged again; observers see their
 * events.
 *
 *   population  The population.
 *   bytes       Array of `length` bytes: inputs as hpm_population_log() gave them, one after the
 *               other.
 *   length      Its size in bytes.
 *   applied     Receives the number of bytes that were applied. May be NULL.
 *
 * Returns HPM_OK; HPM_PARTIAL where the bytes end inside an input, as after a crash: all whole ones
 *   were applied; HPM_OBSERVER; HPM_ERROR_SNAPSHOT for damaged bytes, HPM_ERROR_ARGUMENT where the
 *   log does not begin where the population stands (it is of another space or other options, such
 *   as the seed, or this one is ahead or behind), HPM_ERROR_ORDER for an input that cannot follow,
 *   or where the population is one of hpm_run_open(): nothing has changed; HPM_ERROR_BUSY or
 *   HPM_ERROR_HANDLE.
 * Thread safety: Any thread. Complexity: That of the calls that were logged. Since 0.1.
 */
hpm_status hpm_population_replay(hpm_population *population, const uint8_t *bytes, size_t length,
                                 size_t *applied);

/* ---- Functions: Problem ---------------------------------------------------------------------- */

/*
 * Makes a problem.
 *
 *   parameters       The space of w; copied.
 *   hyperparameters  The space of h; copied.
 *   callbacks        The callbacks; copied.
 *   context          Handed to every callback; never looked at. It has to outlive the problem and
 *                    the populations whose students it was set for. May be NULL.
 *   out              Receives the problem.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Ownership: The caller's, until hpm_problem_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_problem_create(hpm_vectors *parameters, hpm_vectors *hyperparameters,
                              const hpm_problem_callbacks *callbacks, void *context,
                              hpm_problem **out);

/*
 * Destroys a problem. Students that it was set for keep their copy.
 *
 *   problem  The problem; NULL does nothing.
 *
 * Returns HPM_OK, or HPM_ERROR_HANDLE where it is no living problem.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_problem_destroy(hpm_problem *problem);

/*
 * The hypergradient dF/dh of a problem, with a certificate.
 *
 * The option `estimator` says how. An estimate that failed is HPM_FAILED_ESTIMATE: the
 * certificate's status says why, and every component of `result` is NaN, which a population takes
 * for 'no derivative'. It is never a silent zero. hpm_last_error() then says what happened and what
 * to do.
 *
 *   problem      The problem.
 *   options      The keys that begin with `estimator`, `difference_step` and `seed`. NULL:
 *                defaults.
 *   w            A vector of parameters: what training with `h` led to; for `reverse` and
 *                `forward`, where the unrolled steps begin; for `best-response`, those of the
 *                response. Not read by `finite-differences` and `spsa`, where any vector will do.
 *   h            A vector of hyperparameters.
 *   result       A vector of hyperparameters, neither `w` nor `h`, that receives the hypergradient.
 *   certificate  Receives what there is to say of it; after an error the status
 *                HPM_CERTIFICATE_ERROR. May be NULL.
 *
 * Returns HPM_OK, HPM_FAILED_ESTIMATE, HPM_ERROR_UNSUPPORTED (a callback is missing: the sentence
 *   names it), HPM_ERROR_CALLBACK, HPM_ERROR_ARGUMENT (also where `estimator_step` is lost in the
 *   rounding of a hyperparameter: the sentence names it), HPM_ERROR_MEMORY or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. No lock is held during callbacks, which come from this thread.
 * Complexity: By estimator: docs/hypergradients.md. Since 0.1.
 */
hpm_status hpm_problem_hypergradient(hpm_problem *problem, hpm_options *options, const void *w,
                                     const void *h, void *result, hpm_certificate *certificate);

/*
 * Tests a problem's callbacks: each gives the same when asked again with the same input; symmetry
 * of the Hessian product; the adjoint identity of the step's two products; each derivative against
 * differences of what it is the derivative of. It says in words which one is wrong and by how much;
 * hpm_last_finding() says it in numbers. Vectors need the operation `random`.
 *
 * `outer_loss`, `inner_loss`, `step` and `response` say what the problem is: what contradicts them
 * is wrong, and of themselves repetition alone is tested. Where two callbacks contradict each other
 * and none of them is confirmed by another, the line says that they disagree. A product for which
 * there is nothing but symmetry or the adjoint identity, which any multiple of it keeps, is said to
 * be not checked. Differences are taken by a step of `difference_step`, where they contradict also
 * by shorter ones, down to 1/256 of it or to rounding: where those differ among one another, as at
 * the kinks of rectified units, what they can't decide is said to be not checked.
 *
 *   problem   The problem.
 *   options   Reads `check_tolerance`, `difference_step` and `seed`. NULL: defaults.
 *   w         A vector of parameters, any that is not special.
 *   h         A vector of hyperparameters, likewise.
 *   out       Array of `capacity` bytes that receives a line for each test, NUL-terminated. NULL:
 *             the size alone.
 *   capacity  Its size in bytes; 0 where `out` is NULL.
 *   needed    Receives the size in bytes that the lines take, the NUL counted.
 *
 * Returns HPM_OK, HPM_WRONG_DERIVATIVE (a callback is wrong, or two disagree; also written by
 *   hpm_last_error(): the first such line), HPM_ERROR_CAPACITY, HPM_ERROR_CALLBACK,
 *   HPM_ERROR_UNSUPPORTED, HPM_ERROR_ARGUMENT, HPM_ERROR_MEMORY or HPM_ERROR_HANDLE.
 * Thread safety: Any thread. No lock is held during callbacks.
 * Complexity: About 40 calls of each callback, up to five times as many of those that seem wrong.
 * Since 0.1.
 */
hpm_status hpm_problem_check(hpm_problem *problem, hpm_options *options, const void *w,
                             const void *h, char *out, size_t capacity, size_t *needed);

/*
 * How many findings the last hpm_problem_check() of this thread made, which is how many lines its
 * report has.
 *
 * Returns the number. 0 where there was no check, or where the last one ended with an error other
 *   than HPM_ERROR_CAPACITY: then it was made, and only its report found no room.
 * Thread safety: Each thread has its own. Since 0.1.
 */
size_t hpm_last_finding_count(void);

/*
 * One of the findings of the last hpm_problem_check() of this thread: what a line of its report
 * says, for programs. A program that needs no report calls the check with `out` NULL.
 *
 *   index    Which, from 0, in the order of the report's lines.
 *   finding  Receives it. Set its size before.
 *
 * Returns HPM_OK, HPM_ERROR_NO_RESULT where there are no findings, or HPM_ERROR_ARGUMENT.
 * Ownership: The texts are the library's, until the thread's next check returns.
 * Thread safety: Each thread has its own. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_last_finding(size_t index, hpm_finding *finding);

/*
 * The callback that a problem lacked where the last call that failed on this thread did so for
 * that: what the sentence of an HPM_ERROR_UNSUPPORTED names, for programs.
 *
 * Returns its name, as in hpm_problem_callbacks; empty where the last failure had another cause, or
 *   there was none. It belongs to the library and stays valid until the next failure on this thread
 *   or the thread's end.
 * Thread safety: Each thread has its own. Since 0.1.
 */
const char *hpm_last_missing_callback(void);

/*
 * Registers a problem for a student: hpm_population_run() computes the student's hypergradient from
 * it after each `train` and `evaluate` callback that returns none, by the population's option
 * `estimator`, and reports its cost: seconds of the callback and of the estimate, unless the
 * callback reports a cost itself. Random directions are drawn with a seed of their own for each
 * student, training report and evaluation.
 *
 * The hyperparameters are written into a vector of the problem's space, which needs the operations
 * `write` and `read` unless it is one of host vectors. What the population's estimator needs is
 * asked for here, before anything runs.
 *
 *   population  The population.
 *   student     Which student, from 0.
 *   problem     Copied. NULL: the student has none from now on.
 *   w           The student's parameters, read when `train` or `evaluate` has returned; for
 *               `reverse` and `forward`, where the unrolled steps begin. It has to outlive the
 *               runs. NULL where `problem` is NULL.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT (also where the problem's dimension is another),
 *   HPM_ERROR_UNSUPPORTED (a callback, or an operation of vectors, that the population's estimator
 *   needs is missing: the sentence names it) or HPM_ERROR_HANDLE. After an error the student keeps
 *   the problem that it had.
 * Thread safety: Any thread, also inside a callback. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_student_set_problem(hpm_population *population, size_t student, hpm_problem *problem,
                                   const void *w);

/*
 * The certificate of a student's latest hypergradient that hpm_population_run() computed.
 *
 *   population   The population.
 *   student      Which student, from 0.
 *   certificate  Receives it; after an error the status HPM_CERTIFICATE_ERROR.
 *
 * Returns HPM_OK, HPM_ERROR_NO_RESULT before there is one, HPM_ERROR_ARGUMENT or HPM_ERROR_HANDLE.
 * Thread safety: Any thread, also inside a callback. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_student_certificate(hpm_population *population, size_t student,
                                   hpm_certificate *certificate);

/* ---- Functions: Vectors ---------------------------------------------------------------------- */

/*
 * Makes a space of vectors of your own.
 *
 *   operations  The operations; copied.
 *   context     Handed to every operation; never looked at. It has to outlive the space, the
 *               problems that were made with it and the populations that those were set in. May be
 *               NULL.
 *   dimension   The number of components; 0: not known.
 *   out         Receives the space.
 *
 * Returns HPM_OK, or HPM_ERROR_ARGUMENT where an operation is missing.
 * Ownership: The caller's, until hpm_vectors_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_vectors_create(const hpm_vector_operations *operations, void *context,
                              size_t dimension, hpm_vectors **out);

/*
 * Makes a space of host vectors: a vector is an array of `count` doubles or floats.
 *
 *   element  HPM_ELEMENT_DOUBLE or HPM_ELEMENT_FLOAT.
 *   count    The number of components, at least 1.
 *   out      Receives the space.
 *
 * Returns HPM_OK, HPM_ERROR_ARGUMENT or HPM_ERROR_MEMORY (one vector does not fit).
 * Ownership: The caller's, until hpm_vectors_destroy().
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_vectors_create_host(hpm_element element, size_t count, hpm_vectors **out);

/*
 * Destroys a space of vectors. Problems that were made with it keep their copy.
 *
 *   vectors  The space; NULL does nothing.
 *
 * Returns HPM_OK, or HPM_ERROR_HANDLE where it is no living space of vectors.
 * Thread safety: Any thread. Complexity: O(1). Since 0.1.
 */
hpm_status hpm_vectors_destroy(hpm_vectors *vectors);

#ifdef __cplusplus
}
#endif

#endif /* HPM_H */
