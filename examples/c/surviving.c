/* A run that survives its process: the population is kept in a file, the students' weights in others.
 *
 *     surviving FOLDER        goes on where it was
 *     surviving FOLDER 30     ends without a word in its 30th interval of training, as if it was killed
 *
 * Each student is a weight that descends (w - 2)^2; its learning rate is tuned. */
#include <hpm.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STUDENTS = 4, STEPS = 25 };

typedef struct {
    hpm_population *population;
    const char *folder;
    double weights[STUDENTS];
    int intervals, last_interval;
} program;

static void require(hpm_status status) {
    if (status >= 0) return;
    fprintf(stderr, "%s\n", hpm_last_error());
    exit(1);
}

/* The state of a student after one of its training reports: weights, and optimizer and random state where there
 * are any. It is written under another name first, so that a name has a whole state or none. */
static void save(const program *self, size_t student, size_t report) {
    char name[512], part[520];
    snprintf(name, sizeof name, "%s/student-%zu-%zu", self->folder, student, report);
    snprintf(part, sizeof part, "%s.part", name);
    FILE *file = fopen(part, "wb");
    if (!file || fwrite(&self->weights[student], sizeof(double), 1, file) != 1 || fclose(file) ||
        rename(part, name)) {
        perror(part);
        exit(1);
    }
}

static double load(const program *self, size_t student, size_t report) {
    char name[512];
    double weight;
    snprintf(name, sizeof name, "%s/student-%zu-%zu", self->folder, student, report);
    FILE *file = fopen(name, "rb");
    if (!file || fread(&weight, sizeof weight, 1, file) != 1) {
        perror(name);
        exit(1);
    }
    fclose(file);
    return weight;
}

/* Removes the states that nobody will ask for any more: of the last few reports, so that little is looked at. */
static void release(const program *self, size_t student, size_t reports) {
    for (size_t report = reports > 4 ? reports - 4 : 1; report < reports; report++) {
        int32_t releasable = 0;
        char name[512];
        require(hpm_checkpoint_releasable(self->population, student, report, &releasable));
        snprintf(name, sizeof name, "%s/student-%zu-%zu", self->folder, student, report);
        if (releasable) remove(name);
    }
}

static int32_t train(void *context, size_t student, const double *h, size_t n, double *loss,
                     double *hypergradient, int32_t *has_hypergradient) {
    program *self = context;
    (void)n, (void)hypergradient, (void)has_hypergradient;
    if (++self->intervals == self->last_interval) _Exit(9);
    size_t reports = 0;
    require(hpm_student_reports(self->population, student, &reports));
    release(self, student, reports);
    self->weights[student] -= h[0] * 2 * (self->weights[student] - 2);
    *loss = pow(self->weights[student] - 2, 2);
    save(self, student, reports + 1); /* before the report, so that no clone asks for what is not there */
    return 0;
}

static int32_t clone_weights(void *context, size_t source, size_t student) {
    program *self = context;
    size_t reports = 0, source_report = 0;
    require(hpm_student_reports(self->population, student, &reports));
    require(hpm_student_source_report(self->population, student, &source_report));
    self->weights[student] = load(self, source, source_report);
    save(self, student, reports);
    return 0;
}

int main(int count, char **arguments) {
    if (count < 2) return 64;
    program self = {.folder = arguments[1], .last_interval = count > 2 ? atoi(arguments[2]) : 0};
    char database[512];
    snprintf(database, sizeof database, "%s/run.db", self.folder);

    hpm_space *space = NULL;
    hpm_options *options = NULL;
    require(hpm_space_create(&space));
    require(hpm_space_add_real(space, "learning_rate", 1e-3, 0.5, HPM_SCALE_LOG, 1e-2));
    require(hpm_options_create(&options));
    require(hpm_options_set_integer(options, "population", STUDENTS));
    require(hpm_options_set_integer(options, "steps", STEPS));
    require(hpm_run_open(database, space, options, &self.population));

    for (size_t student = 0; student < STUDENTS; student++) {
        size_t reports = 0;
        require(hpm_student_reports(self.population, student, &reports));
        if (reports == 0) {
            self.weights[student] = -1 - (double)student;
            save(&self, student, 0);
        }
        self.weights[student] = load(&self, student, reports);
        printf("student %zu goes on after report %zu\n", student, reports);
    }
    fflush(stdout);
    const hpm_trainer trainer = {sizeof trainer, train, NULL, clone_weights, NULL};
    require(hpm_population_run(self.population, &trainer, &self));

    size_t best = 0, steps = 0;
    double loss = 0, h = 0;
    hpm_schedule *schedule = NULL;
    require(hpm_population_best(self.population, &best, &loss));
    require(hpm_schedule_export(self.population, best, &schedule));
    require(hpm_schedule_length(schedule, &steps));
    require(hpm_schedule_at(schedule, steps - 1, &h, 1, NULL, NULL, NULL));
    printf("loss %.2e of student %zu; learning rates of %zu intervals, %.3f in the last\n", loss, best,
           steps, h);
    require(hpm_schedule_destroy(schedule));
    require(hpm_population_destroy(self.population));
    require(hpm_options_destroy(options));
    require(hpm_space_destroy(space));
    return 0;
}
