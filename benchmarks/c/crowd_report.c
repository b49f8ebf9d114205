/* One JSON object: what the crowd heard since the last one. Durations in microseconds. */
#include <stdio.h>

#include "crowd.h"

static void print_spread(const char *name, const struct histogram *h) {
    printf("\"%s\":{\"count\":%lu,\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},", name, h->count,
           mean_us(h), quantile_us(h, 0.5), quantile_us(h, 0.99), quantile_us(h, 0.999), h->max / 1e3);
}

static void print_counts(const char *name, const uint64_t *counts, int size) {
    printf("\"%s\":{", name);
    for (int code = 0, first = 1; code < size; code++)
        if (counts[code]) printf("%s\"%d\":%lu", first ? "" : ",", code, counts[code]), first = 0;
    printf("},");
}

/* Those who came back since the command began, and how long after its beginning. */
static void print_returns(uint64_t start_ns) {
    static struct histogram back, current;
    back = current = (struct histogram){0};
    int watchers = 0, open = 0;
    for (int i = 0; i < member_count; i++) {
        const struct member *m = &members[i];
        if (m->role == DEVICE) continue;
        watchers++;
        open += m->welcomed && !m->deaf;
        if (m->back_ns > start_ns) record(&back, m->back_ns - start_ns);
        if (m->current_ns > start_ns) record(&current, m->current_ns - start_ns);
    }
    printf("\"watchers\":%d,\"open\":%d,", watchers, open);
    print_spread("back_us", &back);
    print_spread("current_us", &current);
}

void print_report(const char *command, uint64_t start_ns, uint64_t start_cpu_ns) {
    printf("{\"command\":\"%s\",\"seconds\":%.3f,\"load_cpu_s\":%.3f,", command, (now_ns() - start_ns) / 1e9,
           (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_ns) / 1e9);
    printf("\"dialed\":%lu,\"welcomed\":%lu,\"refused\":%lu,\"closed_early\":%lu,\"stayed_away\":%lu,", heard.dialed,
           heard.welcomed, heard.refused, heard.closed_early, heard.stayed_away);
    printf("\"reset_by_server\":%lu,\"compressed\":%lu,", heard.reset_by_server, heard.compressed);
    print_counts("statuses", heard.statuses, STATUS_MAX);
    print_counts("closings", heard.closings, CODES);
    print_returns(start_ns);
    printf("\"fixes\":%lu,\"withheld\":%lu,\"unsendable\":%lu,\"ahead\":%lu,\"acks\":%lu,\"errors\":%lu,", heard.fixes,
           heard.withheld, heard.unsendable, heard.ahead, heard.acks, heard.errors);
    printf("\"positions\":%lu,\"late\":%lu,\"other_frames\":%lu,", heard.positions, heard.late, heard.other_frames);
    print_spread("welcome_us", &heard.welcome);
    print_spread("latency_us", &heard.latency);
    print_spread("age_us", &heard.age);
    print_spread("behind_us", &heard.behind);
    print_spread("send_lag_us", &heard.lag);
    printf("\"age_each_second_us\":[");
    for (int i = 0; i < age_seconds; i++)
        printf("%s[%.0f,%.0f,%.0f]", i ? "," : "", ages[i].p50_us, ages[i].p99_us, ages[i].max_us);
    printf("],\"seq_regressions\":%lu,\"seq_repeats\":%lu,\"older_positions\":%lu,\"older_after_restart\":%lu}\n",
           wrongs.seq_regressions, wrongs.seq_repeats, wrongs.older_positions, wrongs.older_after_restart);
}
