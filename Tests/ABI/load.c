/*
 * dlopen of the library takes less than 10 ms: the median of fresh processes. And a thread that has met an
 * error outlives dlclose.
 *
 *     load lib/libhpm.so.0
 */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Clients/expect.h"

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* In a child of this process, which has never loaded the library; negative: it can't be loaded. */
static double load_time(const char *path) {
    int ends[2];
    double elapsed = -1;
    if (pipe(ends) != 0) return -1;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const double begin = milliseconds();
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        elapsed = milliseconds() - begin;
        if (!library) printf("%s\n", dlerror());
        if (!library || !dlsym(library, "hpm_version")) elapsed = -1;
        fflush(stdout);
        _exit(write(ends[1], &elapsed, sizeof elapsed) == sizeof elapsed ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &elapsed, sizeof elapsed) != sizeof elapsed) elapsed = -1;
    close(ends[0]);
    if (child > 0) waitpid(child, NULL, 0);
    return elapsed;
}

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

struct visit {
    void *library;
};

/* Meets an error, lets the library be closed, and ends: what the thread keeps is freed then. */
static void *meet_error(void *context) {
    struct visit *visit = context;
    int32_t (*create)(void **) = NULL;
    *(void **)&create = dlsym(visit->library, "hpm_space_create");
    const int32_t status = create ? create(NULL) : 0;
    dlclose(visit->library);
    return status < 0 ? visit : NULL;
}

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : "lib/libhpm.so.0";
    enum { LOADS = 21 };
    double times[LOADS];
    for (int i = 0; i < LOADS; i++) times[i] = load_time(path);
    qsort(times, LOADS, sizeof times[0], compare);
    const double median = times[LOADS / 2];
    expect(times[0] >= 0, "%s can't be loaded", path);
    expect(times[0] >= 0 && median < 10, "loading takes %.1f ms", median);
    if (times[0] >= 0) printf("loaded in %.2f ms\n", median);

    struct visit visit = {dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    pthread_t thread;
    void *result = NULL;
    expect(visit.library && pthread_create(&thread, NULL, meet_error, &visit) == 0 &&
               pthread_join(thread, &result) == 0 && result == &visit,
           "a thread that met an error ends after dlclose");
    return finish();
}
