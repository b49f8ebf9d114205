/* Load for a tracking server: devices that send fixes, watchers that wait for them, latency between the two.
 *
 *   load --plan FILE --port N [--host A] [--mode open|closed] [--rate FIXES_PER_S] [--burst N] [--seconds S]
 *        [--warmup S] [--publishers N] [--handshakes N] [--cpu N] [--pid N]...
 *
 * The plan has one socket per line, fields parted by tabs, headers to the end of the line:
 *   device   TRIP PATH LAT LON BEARING_DEG [HEADER]...
 *   watcher  TRIP PATH [HEADER]...
 *   stalled  TRIP PATH [HEADER]...      a watcher that never reads
 * TRIP is a number from 0 that ties watchers to their device; each trip has one device.
 *
 * Open loop: fixes leave by the clock, --rate in total, spread over all devices, --burst of them in one write.
 * Closed loop: a device sends its next fix when all its watchers have the last one.
 * A position frame is tied to its fix by the fixed_at inside. Latency is from just before the device's write to just
 * after the watcher's read. CPU time of the processes named by --pid is taken from the scheduler at both ends of the
 * measured time. The result is one JSON object on standard output; exit 0 when positions came.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "accounting.h"
#include "load.h"

static const uint64_t CLOSED_DEADLINE_NS = 2000000000; /* a fix not answered by then is lost: send the next */
static const uint64_t FIRST_WITHIN_NS = 1000000000; /* one that delivers nothing at all by then does not deliver */

struct options options = {.host = "127.0.0.1", .burst = 1, .handshakes = 64, .cpu = -1, .rate = 1000, .seconds = 5, .warmup = 1};
struct trip *trips;
struct connection *connections;
int trip_count, connection_count;
struct counts counts;
uint64_t closings[CODES];
struct histogram latency;
static struct histogram lag; /* how late fixes left, against the clock of the open loop */

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

static double connect_all(void) {
    uint64_t start = now_ns();
    for (int dialed = 0, waiting = 0, open = 0; open < connection_count;) {
        while (dialed < connection_count && waiting < options.handshakes) dial(&connections[dialed++]), waiting++;
        poll_sockets(100000000);
        open = 0;
        for (int i = 0; i < dialed; i++) open += connections[i].state != CONNECTING;
        waiting = dialed - open;
        if (now_ns() - start > 120e9) die("only %d of %d sockets opened within two minutes", open, connection_count);
    }
    return (now_ns() - start) / 1e9;
}

static void run_open_loop(uint64_t until) {
    static uint64_t slot, first_ns;
    double slot_ns = 1e9 / options.rate * options.burst;
    if (!first_ns) first_ns = now_ns();
    for (uint64_t now; (now = now_ns()) < until;) {
        uint64_t due = first_ns + (uint64_t)(slot * slot_ns);
        if (due <= now) {
            record(&lag, now - due);
            send_fixes(&trips[slot++ % options.publishers], options.burst);
            if (slot % 8 == 0) poll_sockets(0); /* behind the clock the watchers must still be read */
        } else {
            poll_sockets(due < until ? due - now : until - now);
        }
    }
}

static void run_closed_loop(uint64_t until) {
    uint64_t look_again = 0;
    for (uint64_t now; (now = now_ns()) < until; poll_sockets(1000000)) {
        if (now < look_again) continue;
        look_again = now + 1000000;
        for (int i = 0; i < options.publishers; i++) {
            struct trip *trip = &trips[i];
            uint64_t last_ns = trip->fixes ? trip->sent[(trip->fixes - 1) % SENT].at_ns : 0;
            if (trip->awaited && now - last_ns > CLOSED_DEADLINE_NS) trip->awaited = 0, counts.unanswered++;
            if (!trip->awaited) send_fixes(trip, 1);
        }
    }
}

static void run_for(double seconds) {
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);
    (options.open_loop ? run_open_loop : run_closed_loop)(until);
}

static void print_result(double connect_s, double seconds, struct cpu_time server, uint64_t load_ns) {
    double positions = counts.positions ? counts.positions : 1, fixes = counts.fixes ? counts.fixes : 1;
    printf("{\"mode\":\"%s\",\"seconds\":%.3f,\"sockets\":%d,\"trips\":%d,\"publishers\":%d,\"connect_s\":%.3f,",
           options.open_loop ? "open" : "closed", seconds, connection_count, trip_count, options.publishers, connect_s);
    printf("\"fixes\":%lu,\"positions\":%lu,\"fixes_per_s\":%.1f,\"positions_per_s\":%.1f,\"bytes_per_position\":%.1f,",
           counts.fixes, counts.positions, counts.fixes / seconds, counts.positions / seconds,
           counts.position_bytes / positions);
    printf("\"latency_us\":{\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f},", mean_us(&latency),
           quantile_us(&latency, 0.5), quantile_us(&latency, 0.9), quantile_us(&latency, 0.99), latency.max / 1e3);
    printf("\"send_lag_us_p99\":%.1f,\"server_busy\":%.4f,\"load_busy\":%.4f,", quantile_us(&lag, 0.99),
           server.all_ns / 1e9 / seconds, load_ns / 1e9 / seconds);
    printf("\"cpu_us_per_position\":%.3f,\"loop_us_per_position\":%.3f,\"cpu_us_per_fix\":%.3f,",
           server.all_ns / 1e3 / positions, server.main_ns / 1e3 / positions, server.all_ns / 1e3 / fixes);
    printf("\"late\":%lu,\"unanswered\":%lu,\"withheld\":%lu,\"acks\":%lu,\"errors\":%lu,\"other_frames\":%lu,\"ended\":%lu,",
           counts.late, counts.unanswered, counts.withheld, counts.acks, counts.errors, counts.other_frames, counts.ended);
    printf("\"closings\":{");
    for (int code = 0, first = 1; code < CODES; code++)
        if (closings[code]) printf("%s\"%d\":%lu", first ? "" : ",", code, closings[code]), first = 0;
    printf("}}\n");
}

static void read_options(int argc, char **argv) {
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!value) die("%s wants a value", name);
        if (!strcmp(name, "--plan")) options.plan = value;
        else if (!strcmp(name, "--host")) options.host = value;
        else if (!strcmp(name, "--port")) options.port = atoi(value);
        else if (!strcmp(name, "--mode")) options.open_loop = !strcmp(value, "open");
        else if (!strcmp(name, "--rate")) options.rate = atof(value);
        else if (!strcmp(name, "--burst")) options.burst = atoi(value);
        else if (!strcmp(name, "--seconds")) options.seconds = atof(value);
        else if (!strcmp(name, "--warmup")) options.warmup = atof(value);
        else if (!strcmp(name, "--publishers")) options.publishers = atoi(value);
        else if (!strcmp(name, "--handshakes")) options.handshakes = atoi(value);
        else if (!strcmp(name, "--cpu")) options.cpu = atoi(value);
        else if (!strcmp(name, "--pid") && options.pid_count < 64) options.pids[options.pid_count++] = atoi(value);
        else die("unknown option %s", name);
    }
    if (!options.plan || !options.port) die("--plan and --port are needed");
    if (options.burst < 1 || options.burst > BURST_MAX) die("--burst goes from 1 to %d", BURST_MAX);
}

/* Whoever drives these trips next begins at now: what was fixed here lies in the past by then. */
static void wait_for_clock(void) {
    int64_t newest = 0;
    for (int number = 0; number < trip_count; number++)
        if (trips[number].last_fixed_at > newest) newest = trips[number].last_fixed_at;
    int64_t lead_ms = newest - now_ms();
    if (lead_ms >= 0) usleep((useconds_t)(lead_ms + 1) * 1000);
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    if (options.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(options.cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    read_plan();
    open_poller();
    double connect_s = connect_all();
    run_for(options.warmup);

    counts = (struct counts){0};
    latency = lag = (struct histogram){0};
    struct cpu_time before = cpu_time_of(options.pids, options.pid_count);
    uint64_t load_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), start = now_ns();
    run_for(options.seconds);
    /* A moment that was asked for may be too short for a server that had no processor in it. */
    while (!counts.positions && now_ns() - start < FIRST_WITHIN_NS) run_for(0.05);
    double seconds = (now_ns() - start) / 1e9;
    struct cpu_time server = cpu_time_of(options.pids, options.pid_count);
    server.all_ns -= before.all_ns;
    server.main_ns -= before.main_ns;
    load_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - load_ns;
    print_result(connect_s, seconds, server, load_ns);
    wait_for_clock();
    return counts.positions ? 0 : 3;
}
