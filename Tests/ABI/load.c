/*
 * dlopen of the library takes less than 10 ms: the best of several fresh processes, since the
 * others measure what else the machine does.
 *
 *     load lib/libhpm.so.0
 */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
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

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : "lib/libhpm.so.0";
    double best = -1;
    for (int i = 0; i < 20; i++) {
        const double elapsed = load_time(path);
        if (elapsed < 0) {
            best = -1;
            break;
        }
        if (best < 0 || elapsed < best) best = elapsed;
    }
    expect(best >= 0, "%s can't be loaded", path);
    expect(best >= 0 && best < 10, "loading takes %.1f ms", best);
    if (best >= 0) printf("loaded in %.2f ms\n", best);
    return finish();
}
