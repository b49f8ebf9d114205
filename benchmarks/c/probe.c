/* How long does the server's event loop let somebody wait? Asked from outside, all the time, by the clock.
 *
 *   probe --port N --path PATH [--host A] [--cpu N] [--every-us N] --header HEADER...
 *
 * Two connections of its own: a websocket on which a ping leaves every other beat of so many microseconds, and an HTTP
 * connection on which GET /healthz does now and then, unless the last one is still unanswered. Arrival is the kernel's
 * own timestamp where it gives one, so that a busy core on this side does not count as a slow server. Each line `mark`
 * on standard input is answered by one JSON object: what was measured since the last. The program ends with its input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
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
enum { HEALTH_BEATS = 8 }; /* a request costs the server twenty pings: fewer of them, between two pings */

static struct {
    const char *host, *path;
    int port, cpu;
    uint64_t every_ns;
    char headers[HEADERS_MAX];
} options = {.host = "127.0.0.1", .cpu = -1, .every_ns = 2500000};

static struct {
    struct histogram ping, health, lag;
} seen;

static uint64_t waiting[WAITING_MAX], pinged, answered; /* when each unanswered ping left */
static uint64_t asked_ns;                               /* when the unanswered request left, 0 without one */

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
    waiting[pinged++ % WAITING_MAX] = now_ns();
    size_t n = write_frame_head(out, OPCODE_PING, 0, mask);
    if (send(fd, out, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) die("the ping was not taken: %s", strerror(errno));
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
        uint64_t left_ns = waiting[answered++ % WAITING_MAX];
        record(&seen.ping, at_ns > left_ns ? at_ns - left_ns : 0);
    }
    memmove(bytes, bytes + at, have -= at);
}

static void ask_health(int fd) {
    char request[256];
    int n = snprintf(request, sizeof request, "GET /healthz HTTP/1.1\r\nHost: %s:%d\r\n\r\n", options.host, options.port);
    asked_ns = now_ns();
    if (send(fd, request, n, MSG_NOSIGNAL) != n) die("the request was not taken");
}

static void hear_health(int fd) {
    static uint8_t bytes[1 << 14];
    static size_t have;
    uint64_t at_ns;
    have += receive(fd, bytes + have, sizeof bytes - have, &at_ns);
    if (have < 3 || memcmp(bytes + have - 3, "ok\n", 3)) return;
    if (have > 12 && memcmp(bytes + 9, "200", 3)) die("/healthz: %.*s", (int)have, bytes);
    have = 0;
    record(&seen.health, at_ns > asked_ns ? at_ns - asked_ns : 0);
    asked_ns = 0;
}

static void print_spread(const char *name, const struct histogram *h, const char *end) {
    printf("\"%s\":{\"count\":%lu,\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}%s", name, h->count,
           mean_us(h), quantile_us(h, 0.5), quantile_us(h, 0.99), quantile_us(h, 0.999), h->max / 1e3, end);
}

/* What is still unanswered has waited at least until now. */
static void mark(void) {
    uint64_t now = now_ns();
    if (answered < pinged) record(&seen.ping, now - waiting[answered % WAITING_MAX]);
    if (asked_ns) record(&seen.health, now - asked_ns);
    printf("{");
    print_spread("ping_us", &seen.ping, ",");
    print_spread("health_us", &seen.health, ",");
    print_spread("send_lag_us", &seen.lag, "}\n");
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
    if (options.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(options.cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    setpriority(PRIO_PROCESS, 0, -15); /* where that is allowed: pings leave by the clock beside a busy crowd */
    int websocket = open_websocket(), http = dialed();
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    puts("ready");
    struct pollfd watched[] = {{websocket, POLLIN, 0}, {http, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (uint64_t due = now_ns(), beat = 0;;) {
        uint64_t now = now_ns();
        if (now >= due) {
            record(&seen.lag, now - due);
            if (++beat % 2) ping(websocket);
            else if (beat % HEALTH_BEATS == 0 && !asked_ns) ask_health(http);
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
