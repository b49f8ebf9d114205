/* How long does the server's event loop let somebody wait? Asked from outside, all the time, by the clock.
 *
 *   probe --port N --path PATH [--host A] [--cpu N] [--server-cpu N] [--server-pid N] [--every-us N]
 *         --header HEADER...
 *
 * Two connections of its own: a websocket on which a ping leaves every other beat of so many microseconds, and an HTTP
 * connection on which GET /healthz does now and then, unless the last one is still unanswered. Arrival is the kernel's
 * own timestamp where it gives one, so that a busy core on this side does not count as a slow server.
 *
 * Two things are not the server's doing; the longer one is taken off a round trip. With --server-cpu, and where that is
 * allowed, a thread there asks to be woken every millisecond before anybody else: when it was late, or when a ping of two
 * bytes took as long to send, the machine itself stood still, for a virtual one's host had other things to do. With
 * --server-pid the scheduler is asked how long the server was ready to run and somebody else, but not another thread of
 * its own, had its processor.
 *
 * Each line `mark` on standard input is answered by one JSON object: what was measured since the last. The program ends
 * with its input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "websocket.h"

enum { WAITING_MAX = 1 << 16, HEADERS_MAX = 4096 };
enum { PAUSES_MAX = 256, WITNESS_NS = 1000000, PAUSE_NS = 1000000 };
enum { HEALTH_BEATS = 8 }; /* a request costs the server twenty pings: fewer of them, between two pings */

static struct {
    const char *host, *path;
    int port, cpu, server_cpu, server_pid;
    uint64_t every_ns;
    char headers[HEADERS_MAX];
} options = {.host = "127.0.0.1", .cpu = -1, .server_cpu = -1, .every_ns = 2500000};

static struct {
    struct histogram ping, health, lag, pause, others;
} seen;

/* When something left, and how long until then others had had the server's processor. */
struct departure {
    uint64_t left_ns;
    int64_t others_ns;
};
static struct departure waiting[WAITING_MAX], asked; /* the unanswered pings; the unanswered request, 0 without one */
static uint64_t pinged, answered;

_Noreturn static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("probe: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

/* The kernel stamps arrivals by this clock. */
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* When the machine stood still, here or there; `pauses` counts them, the newest PAUSES_MAX are kept. */
static struct {
    uint64_t from_ns, until_ns;
} paused[PAUSES_MAX];
static uint64_t pauses;
static pthread_mutex_t pausing = PTHREAD_MUTEX_INITIALIZER;

static void hold_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* This thread runs before all others on its processor, where that is allowed. */
static int run_at_once(void) {
    struct sched_param first = {.sched_priority = 1};
    return !sched_setscheduler(0, SCHED_FIFO, &first);
}

/* Something of microseconds that may have taken longer. */
static void took(uint64_t from, uint64_t until) {
    if (until < from + PAUSE_NS) return;
    pthread_mutex_lock(&pausing);
    paused[pauses % PAUSES_MAX].from_ns = from;
    paused[pauses++ % PAUSES_MAX].until_ns = until;
    pthread_mutex_unlock(&pausing);
}

static void *witness(void *nothing) {
    struct timespec wait = {.tv_nsec = WITNESS_NS};
    hold_to(options.server_cpu);
    if (!run_at_once()) return nothing;
    for (;;) {
        uint64_t due = now_ns() + WITNESS_NS;
        nanosleep(&wait, NULL);
        took(due, now_ns());
    }
}

/* What the scheduler says of the server's main thread. */
static void read_schedule(uint64_t *ran_ns, uint64_t *waited_ns) {
    static int file = -1;
    char text[128];
    if (file < 0) {
        snprintf(text, sizeof text, "/proc/%d/task/%d/schedstat", options.server_pid, options.server_pid);
        file = open(text, O_RDONLY);
    }
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    if (sscanf(text, "%lu %lu", ran_ns, waited_ns) != 2) die("no scheduling of %d", options.server_pid);
}

/* How long the server's main thread has waited for its processor so far, without the time its other threads had. */
static int64_t others_ns(void) {
    uint64_t ran, waited, before;
    struct timespec all;
    clockid_t clock;
    if (!options.server_pid) return 0;
    if (clock_getcpuclockid(options.server_pid, &clock)) die("no processor time of %d", options.server_pid);
    /* The scheduler adds up a running thread's time now and then: both readings have to be of one such sum. */
    read_schedule(&ran, &waited);
    do {
        before = ran;
        if (clock_gettime(clock, &all)) die("no processor time of %d", options.server_pid);
        read_schedule(&ran, &waited);
    } while (ran != before);
    return (int64_t)(waited + ran) - (all.tv_sec * 1000000000ll + all.tv_nsec);
}

static struct departure departure(void) {
    return (struct departure){.left_ns = now_ns(), .others_ns = others_ns()};
}

/* What passed of it since then while the machine did not stand still and the server was let. */
static uint64_t running_ns(struct departure departed, uint64_t until) {
    uint64_t from = departed.left_ns, stood = 0;
    int64_t others = others_ns() - departed.others_ns;
    if (until <= from) return 0;
    if (others > 0) record(&seen.others, others);
    pthread_mutex_lock(&pausing);
    for (uint64_t i = pauses > PAUSES_MAX ? pauses - PAUSES_MAX : 0; i < pauses; i++) {
        uint64_t begin = paused[i % PAUSES_MAX].from_ns, end = paused[i % PAUSES_MAX].until_ns;
        if (begin < from) begin = from;
        if (end > until) end = until;
        if (end > begin) stood += end - begin;
    }
    pthread_mutex_unlock(&pausing);
    if (others > (int64_t)stood) stood = others;
    return stood < until - from ? until - from - stood : 0;
}

static int dialed(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_pton(AF_INET, options.host, &address.sin_addr) != 1) die("--host wants an IPv4 address");
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        die("cannot connect to %s:%d: %s", options.host, options.port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
    return fd;
}

/* Returns what came and when; dies when the server hung up. */
static size_t receive(int fd, uint8_t *bytes, size_t room, uint64_t *at_ns) {
    char control[128];
    struct iovec part = {bytes, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, 0);
    if (n <= 0) die("the server hung up");
    *at_ns = now_ns();
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec stamp;
        memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
        *at_ns = stamp.tv_sec * 1000000000ull + stamp.tv_nsec;
    }
    return n;
}

static int open_websocket(void) {
    char request[2 * HEADERS_MAX];
    uint8_t answer[1 << 16];
    size_t have = 0;
    uint64_t at_ns;
    int fd = dialed();
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nOrigin: http://%s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                     options.path, options.host, options.port, options.host, options.port, options.headers);
    if (send(fd, request, n, MSG_NOSIGNAL) != n) die("cannot write the handshake");
    uint8_t *end;
    while (!(end = memmem(answer, have, "\r\n\r\n", 4))) {
        if (have == sizeof answer) die("an endless answer");
        have += receive(fd, answer + have, sizeof answer - have, &at_ns);
    }
    if (memcmp(answer, "HTTP/1.1 101", 12)) die("%s was refused: %.*s", options.path, (int)have, answer);
    /* The first frame is the welcome: whoever gets it may stay. */
    struct frame frame;
    have -= end + 4 - answer;
    memmove(answer, end + 4, have);
    while (!read_frame(answer, have, &frame)) have += receive(fd, answer + have, sizeof answer - have, &at_ns);
    if (frame.opcode == OPCODE_CLOSE) die("%s was closed at once", options.path);
    return fd;
}

static void ping(int fd) {
    static const uint8_t mask[4] = {0};
    uint8_t out[FRAME_HEAD_MAX];
    if (pinged - answered == WAITING_MAX) return;
    struct departure *departed = &waiting[pinged++ % WAITING_MAX];
    *departed = departure();
    size_t n = write_frame_head(out, OPCODE_PING, 0, mask);
    if (send(fd, out, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) die("the ping was not taken: %s", strerror(errno));
    took(departed->left_ns, now_ns());
}

static void hear_pongs(int fd) {
    static uint8_t bytes[1 << 17];
    static size_t have;
    uint64_t at_ns;
    size_t at = 0;
    have += receive(fd, bytes + have, sizeof bytes - have, &at_ns);
    for (struct frame frame; read_frame(bytes + at, have - at, &frame); at += frame.total) {
        if (frame.opcode == OPCODE_CLOSE) die("the server closed the websocket");
        if (frame.opcode != OPCODE_PONG || answered == pinged) continue;
        record(&seen.ping, running_ns(waiting[answered++ % WAITING_MAX], at_ns));
    }
    memmove(bytes, bytes + at, have -= at);
}

static void ask_health(int fd) {
    char request[256];
    int n = snprintf(request, sizeof request, "GET /healthz HTTP/1.1\r\nHost: %s:%d\r\n\r\n", options.host, options.port);
    asked = departure();
    if (send(fd, request, n, MSG_NOSIGNAL) != n) die("the request was not taken");
    took(asked.left_ns, now_ns());
}

static void hear_health(int fd) {
    static uint8_t bytes[1 << 14];
    static size_t have;
    uint64_t at_ns;
    have += receive(fd, bytes + have, sizeof bytes - have, &at_ns);
    if (have < 3 || memcmp(bytes + have - 3, "ok\n", 3)) return;
    if (have > 12 && memcmp(bytes + 9, "200", 3)) die("/healthz: %.*s", (int)have, bytes);
    have = 0;
    record(&seen.health, running_ns(asked, at_ns));
    asked.left_ns = 0;
}

static void print_spread(const char *name, const struct histogram *h, const char *end) {
    printf("\"%s\":{\"count\":%lu,\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}%s", name, h->count,
           mean_us(h), quantile_us(h, 0.5), quantile_us(h, 0.99), quantile_us(h, 0.999), h->max / 1e3, end);
}

/* What is still unanswered has waited at least until now. */
static void mark(void) {
    static uint64_t told;
    uint64_t now = now_ns();
    if (answered < pinged) record(&seen.ping, running_ns(waiting[answered % WAITING_MAX], now));
    if (asked.left_ns) record(&seen.health, running_ns(asked, now));
    pthread_mutex_lock(&pausing);
    if (told + PAUSES_MAX < pauses) told = pauses - PAUSES_MAX;
    for (; told < pauses; told++)
        record(&seen.pause, paused[told % PAUSES_MAX].until_ns - paused[told % PAUSES_MAX].from_ns);
    pthread_mutex_unlock(&pausing);
    printf("{");
    print_spread("ping_us", &seen.ping, ",");
    print_spread("health_us", &seen.health, ",");
    print_spread("send_lag_us", &seen.lag, ",");
    print_spread("pauses_us", &seen.pause, ",");
    print_spread("others_us", &seen.others, "}\n");
    memset(&seen, 0, sizeof seen);
}

static void read_options(int argc, char **argv) {
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!value) die("%s wants a value", name);
        if (!strcmp(name, "--host")) options.host = value;
        else if (!strcmp(name, "--port")) options.port = atoi(value);
        else if (!strcmp(name, "--path")) options.path = value;
        else if (!strcmp(name, "--cpu")) options.cpu = atoi(value);
        else if (!strcmp(name, "--server-cpu")) options.server_cpu = atoi(value);
        else if (!strcmp(name, "--server-pid")) options.server_pid = atoi(value);
        else if (!strcmp(name, "--every-us")) options.every_ns = strtoull(value, NULL, 10) * 1000;
        else if (!strcmp(name, "--header"))
            snprintf(options.headers + strlen(options.headers), HEADERS_MAX - strlen(options.headers), "%s\r\n", value);
        else die("unknown option %s", name);
    }
    if (!options.path || !options.port || !options.every_ns) die("--path, --port and a pace are needed");
}

int main(int argc, char **argv) {
    setlinebuf(stdout);
    read_options(argc, argv);
    pthread_t thread;
    if (options.server_cpu >= 0 && pthread_create(&thread, NULL, witness, NULL)) die("no thread for the pauses");
    if (options.cpu >= 0) hold_to(options.cpu);
    /* Before a busy crowd on the same processor. Pings leave by the clock then, and pongs are read one by one: of those
       that wait together the kernel keeps the last one's time, and the first would seem later by as many pings. */
    if (!run_at_once()) setpriority(PRIO_PROCESS, 0, -15);
    int websocket = open_websocket(), http = dialed();
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    puts("ready");
    struct pollfd watched[] = {{websocket, POLLIN, 0}, {http, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (uint64_t due = now_ns(), beat = 0;;) {
        uint64_t now = now_ns();
        if (now >= due) {
            record(&seen.lag, now - due);
            if (++beat % 2) ping(websocket);
            else if (beat % HEALTH_BEATS == 0 && !asked.left_ns) ask_health(http);
            /* After a pause of our own there is no use in sending everything that was due. */
            due = now - due > 10 * options.every_ns ? now + options.every_ns : due + options.every_ns;
        }
        struct timespec wait = {.tv_nsec = due > now ? (due - now) % 1000000000 : 0};
        if (ppoll(watched, 3, &wait, NULL) <= 0) continue;
        if (watched[0].revents) hear_pongs(websocket);
        if (watched[1].revents) hear_health(http);
        if (watched[2].revents) {
            char line[64];
            ssize_t n = read(STDIN_FILENO, line, sizeof line);
            if (n == 0) return 0;
            if (n > 0) mark();
        }
    }
}
