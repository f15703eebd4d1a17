/* What the C and C++ tests share: counted expectations, and a last line with the totals. */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdarg.h>
#include <stdio.h>

static int passed_count, failed_count;

#ifdef __GNUC__
__attribute__((format(printf, 2, 3)))
#endif
static inline void expect(int holds, const char *format, ...) {
    if (holds) {
        passed_count++;
        return;
    }
    failed_count++;
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

/* Prints the totals; the exit status of main. */
static inline int finish(void) {
    printf("%d passed, %d failed\n", passed_count, failed_count);
    return failed_count ? 1 : 0;
}

#endif
