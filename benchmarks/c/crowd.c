/* A crowd of watchers, and the devices they follow, that does as it is told.
 *
 *   crowd --plan FILE --port N [--host A] [--cpu N] [--stalled-receive-buffer BYTES] [--device-send-buffer BYTES]
 *
 * The plan has one socket per line, fields parted by tabs, headers to the end of the line:
 *   device   TRIP PATH LAT LON BEARING_DEG [HEADER]...
 *   watcher  TRIP PATH [HEADER]...
 *   stalled  TRIP PATH [HEADER]...      a watcher that can be told to stop reading
 * Watchers behave as the page does: the handshake offers compression, a hello with what is known follows, and whoever
 * loses the connection comes back after a jittered wait that doubles with every failure.
 *
 * Commands come on standard input, one per line; each is answered by one JSON object on standard output when it is
 * done:
 *   dial IN_FLIGHT [devices|watchers]
 *                         open those that are closed, so many handshakes at a time; a refusal ends the program
 *   publish RATE BURST    from now on fixes leave by the clock, RATE per second in total, BURST in one write
 *   run SECONDS
 *   reset SECONDS         RST to all watchers at once; done when all are back on the newest position, or then
 *   return SECONDS        the server is about to go: done when all watchers are back like that, or then
 *   stall                 the stalled ones stop reading
 *   revive IN_FLIGHT      the stalled ones are reset and dialed anew, as readers
 * The sockets are served all the time, also between commands. The program ends with its input.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crowd.h"

static const uint64_t DIAL_DEADLINE_NS = 180000000000, AGE_EVERY_NS = 50000000;

struct crowd_options crowd = {.host = "127.0.0.1", .cpu = -1, .stalled_receive_buffer = 4096};
struct member *members;
struct trip *trips;
struct handed *handed;
int member_count, trip_count, returning;
struct heard heard;
struct wrongs wrongs;

static struct {
    enum { IDLE, DIAL, RUN, RETURN } kind;
    char name[16];
    int in_flight, roles; /* of DIAL: a bit for each role */
    uint64_t start_ns, start_cpu_ns, until_ns;
} command;

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("crowd: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

static int is_here(const struct member *m) { return m->role == DEVICE ? m->state == OPEN : m->welcomed; }

static int all_here(void) {
    for (int i = 0; i < member_count; i++)
        if (command.roles >> members[i].role & 1 && !is_here(&members[i])) return 0;
    return 1;
}

static int all_current_again(void) {
    for (int i = 0; i < member_count; i++)
        if (members[i].role != DEVICE && members[i].current_ns <= command.start_ns) return 0;
    return 1;
}

static void dial_more(void) {
    static int next;
    for (int looked = 0; looked < member_count && handshakes_under_way() < command.in_flight; looked++) {
        struct member *m = &members[next++ % member_count];
        if (next >= member_count) next = 0;
        if (command.roles >> m->role & 1 && m->state == CLOSED) dial_member(m);
    }
}

static void begin(char *line) {
    char kind[16] = "", what[16] = "";
    double number = 0, second = 0;
    sscanf(line, "%15s %lf %lf", kind, &number, &second);
    sscanf(line, "%*s %*s %15s", what);
    if (!strcmp(kind, "publish")) {
        set_rate(number, (int)second);
        printf("{\"command\":\"publish\"}\n");
        return;
    }
    strcpy(command.name, kind);
    command.start_ns = now_ns();
    command.start_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    command.until_ns = command.start_ns + (uint64_t)(number * 1e9);
    if (!strcmp(kind, "run")) {
        command.kind = RUN;
    } else if (!strcmp(kind, "dial") || !strcmp(kind, "revive")) {
        returning = 0;
        command.kind = DIAL;
        command.in_flight = number > 0 ? (int)number : 64;
        command.until_ns = command.start_ns + DIAL_DEADLINE_NS;
        command.roles = !strcmp(what, "devices") ? 1 << DEVICE : !strcmp(what, "watchers") ? ~(1 << DEVICE) : ~0;
        for (int i = 0; !strcmp(kind, "revive") && i < member_count; i++)
            if (members[i].role == STALLED) reset_member(&members[i]);
    } else if (!strcmp(kind, "reset") || !strcmp(kind, "return")) {
        command.kind = RETURN;
        for (int i = 0; !strcmp(kind, "reset") && i < member_count; i++) {
            if (members[i].role == DEVICE) continue;
            reset_member(&members[i]);
            schedule_return(&members[i]);
        }
    } else if (!strcmp(kind, "stall")) {
        for (int i = 0; i < member_count; i++)
            if (members[i].role == STALLED && members[i].state == OPEN) listen_to(&members[i], 0);
        command.kind = RUN;
        command.until_ns = command.start_ns;
    } else {
        die("unknown command: %s", line);
    }
}

static int is_done(uint64_t now) {
    switch (command.kind) {
    case IDLE:
        return 0;
    case DIAL:
        if (now > command.until_ns) die("not all sockets opened in time: %lu of %lu", heard.welcomed, heard.dialed);
        return all_here();
    case RUN:
        return now >= command.until_ns;
    default:
        return now >= command.until_ns || all_current_again();
    }
}

static void end(void) {
    finish_age_second();
    print_report(command.name, command.start_ns, command.start_cpu_ns);
    memset(&heard, 0, sizeof heard);
    age_seconds = 0;
    if (command.kind == DIAL) returning = 1;
    command.kind = IDLE;
}

/* Takes the next whole line; 0 when there is none yet. Ends the program with its input. */
static int next_line(char line[256]) {
    static char text[1024];
    static size_t have;
    char *end = memchr(text, '\n', have);
    if (!end) {
        ssize_t n = have < sizeof text ? read(STDIN_FILENO, text + have, sizeof text - have) : 0;
        if (n == 0) exit(0);
        if (n > 0) have += n;
        end = memchr(text, '\n', have);
    }
    if (!end || end - text > 255) return 0;
    memcpy(line, text, end - text);
    line[end - text] = 0;
    have -= end + 1 - text;
    memmove(text, end + 1, have);
    return 1;
}

static void serve(void) {
    uint64_t sample_ns = 0, check_ns = 0;
    for (char line[256];;) {
        if (command.kind == IDLE && next_line(line)) begin(line);
        uint64_t next_ns = send_due_fixes(), now = now_ns();
        if (command.kind == DIAL) dial_more();
        if (returning) dial_due(now);
        if (now >= sample_ns) {
            sample_ages();
            sample_ns = now + AGE_EVERY_NS;
        }
        /* Looking at everybody costs some microseconds: once in a millisecond will do. */
        if (command.kind != IDLE && now >= check_ns) {
            check_ns = now + 1000000;
            if (is_done(now)) end();
        }
        uint64_t wake_ns = now + (command.kind == IDLE ? 10000000 : 1000000);
        if (next_ns < wake_ns) wake_ns = next_ns;
        poll_members(wake_ns > now ? wake_ns - now : 0);
    }
}

static void read_options(int argc, char **argv) {
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!value) die("%s wants a value", name);
        if (!strcmp(name, "--plan")) crowd.plan = value;
        else if (!strcmp(name, "--host")) crowd.host = value;
        else if (!strcmp(name, "--port")) crowd.port = atoi(value);
        else if (!strcmp(name, "--cpu")) crowd.cpu = atoi(value);
        else if (!strcmp(name, "--stalled-receive-buffer")) crowd.stalled_receive_buffer = atoi(value);
        else if (!strcmp(name, "--device-send-buffer")) crowd.device_send_buffer = atoi(value);
        else die("unknown option %s", name);
    }
    if (!crowd.plan || !crowd.port) die("--plan and --port are needed");
}

int main(int argc, char **argv) {
    setlinebuf(stdout);
    read_options(argc, argv);
    if (crowd.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(crowd.cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    read_crowd();
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < (rlim_t)member_count + 64)
        die("%d sockets need a higher limit of open files than %lu: ulimit -n", member_count, files.rlim_max);
    open_crowd_poller();
    serve();
}
