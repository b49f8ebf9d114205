/* What does a machine forget within a second?
 *
 *   cold --cpu N
 *
 * Touches 2000 pages of its own that nobody touched for a second, and at once again, and says what a page took. Where
 * memory is memory that is nanoseconds, on some virtual machines tens of microseconds: as if their host took away what is
 * idle. A program that has been idle is then slow whatever it does next.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 2000, PAGE_BYTES = 4096, LINE_BYTES = 64, ROUNDS = 3 };

static volatile char *memory;

static double touch_ns(void) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    /* Another line of each page, or they would all share one place of the processor's cache. */
    for (size_t i = 0; i < PAGES; i++) memory[i * PAGE_BYTES + i * LINE_BYTES % PAGE_BYTES]++;
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / PAGES;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "--cpu")) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(atoi(argv[2]), &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    void *pages;
    if (posix_memalign(&pages, PAGE_BYTES, PAGES * PAGE_BYTES)) return 2;
    memory = pages;
    memset(pages, 1, PAGES * PAGE_BYTES);
    double hot_ns = 1e18, cold_ns = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        sleep(1);
        double cold = touch_ns(), hot = touch_ns();
        if (cold < cold_ns) cold_ns = cold;
        if (hot < hot_ns) hot_ns = hot;
    }
    printf("{\"hot_ns\":%.1f,\"cold_ns\":%.1f}\n", hot_ns, cold_ns);
    return 0;
}
