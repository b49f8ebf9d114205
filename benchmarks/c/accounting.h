/* CPU time of other processes by the scheduler's own accounting, exact to the nanosecond. */
#ifndef ACCOUNTING_H
#define ACCOUNTING_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct cpu_time {
    uint64_t all_ns, main_ns; /* of all threads; of the main threads, which run the event loops */
};

static inline struct cpu_time cpu_time_of(const int *pids, int count) {
    struct cpu_time total = {0};
    for (int i = 0; i < count; i++) {
        char path[300];
        snprintf(path, sizeof path, "/proc/%d/task", pids[i]);
        DIR *threads = opendir(path);
        if (!threads) continue;
        for (struct dirent *thread; (thread = readdir(threads));) {
            if (thread->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pids[i], thread->d_name);
            FILE *file = fopen(path, "r");
            unsigned long long ran_ns;
            if (!file) continue;
            if (fscanf(file, "%llu", &ran_ns) == 1) {
                total.all_ns += ran_ns;
                if (atoi(thread->d_name) == pids[i]) total.main_ns += ran_ns;
            }
            fclose(file);
        }
        closedir(threads);
    }
    return total;
}

#endif
