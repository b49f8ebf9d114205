/* The limit the benchmarks compare with: a relay that does nothing but what every websocket server must.
 *
 *   epoll_limit [--port N] [--cpu N]
 *
 * One thread, epoll, one recv() per readable device and one send() per watcher. A device on /ws/device publishes to
 * the topic its bearer token names; a watcher on /ws/appointments/{topic} gets every message as a text frame, built
 * once. No checks, no estimates, no storage, no slow-reader care: a watcher whose socket is full misses the message.
 * Prints "listening on PORT" and serves until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

enum { READ_SIZE = 16384, TOPIC_SLOTS = 1 << 16, FDS = 1 << 18 };

struct topic {
    char name[64];
    int *watchers, count, room;
};

struct connection {
    enum { HANDSHAKE, DEVICE, WATCHER } state;
    struct topic *topic;
    uint8_t *left; /* an unfinished frame or handshake, else NULL: nearly every read holds whole frames */
    size_t left_size;
};

static struct topic topics[TOPIC_SLOTS];
static struct connection connections[FDS];
static uint8_t buffer[READ_SIZE * 2], out[READ_SIZE * 2];
static int poller;

static struct topic *find_topic(const char *name, size_t length) {
    uint32_t hash = 2166136261u;
    if (length > sizeof topics[0].name - 1) length = sizeof topics[0].name - 1;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    for (uint32_t slot = hash;; slot++) {
        struct topic *topic = &topics[slot % TOPIC_SLOTS];
        if (!topic->name[0]) memcpy(topic->name, name, length);
        if (strlen(topic->name) == length && !memcmp(topic->name, name, length)) return topic;
    }
}

static void drop(int fd) {
    struct connection *c = &connections[fd];
    if (c->state == WATCHER)
        for (int i = 0; i < c->topic->count; i++)
            if (c->topic->watchers[i] == fd) c->topic->watchers[i--] = c->topic->watchers[--c->topic->count];
    free(c->left);
    memset(c, 0, sizeof *c);
    close(fd);
}

static void publish(struct topic *topic, struct frame *frame) {
    size_t head = write_frame_head(out, OPCODE_TEXT, frame->length, NULL);
    memcpy(out + head, frame->payload, frame->length);
    for (int i = 0; i < topic->count; i++) send(topic->watchers[i], out, head + frame->length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* 0 when the connection has ended. */
static int receive_frame(int fd, struct frame *frame) {
    if (frame->masked) apply_mask(frame->payload, frame->length, frame->mask);
    if (frame->opcode <= OPCODE_BINARY) {
        if (connections[fd].state == DEVICE) publish(connections[fd].topic, frame);
    } else if (frame->opcode != OPCODE_PONG) {
        int reply = frame->opcode == OPCODE_PING ? OPCODE_PONG : OPCODE_CLOSE;
        size_t head = write_frame_head(out, reply, frame->length, NULL);
        memcpy(out + head, frame->payload, frame->length);
        send(fd, out, head + frame->length, MSG_DONTWAIT | MSG_NOSIGNAL);
        return reply == OPCODE_PONG;
    }
    return 1;
}

/* The value of a header, or NULL; the request ends with a zero byte. */
static const char *header(const char *request, const char *name, size_t *length) {
    size_t n = strlen(name);
    for (const char *line = strstr(request, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) || line[2 + n] != ':') continue;
        const char *value = line + 3 + n;
        value += strspn(value, " ");
        *length = strcspn(value, "\r");
        return value;
    }
    return NULL;
}

static int shake_hands(int fd, const char *request) {
    struct connection *c = &connections[fd];
    static const char device[] = "GET /ws/device ", watcher[] = "GET /ws/appointments/";
    size_t key_length, length;
    char accept[ACCEPT_KEY_SIZE], reply[256];
    const char *key = header(request, "Sec-WebSocket-Key", &key_length);
    const char *offered = header(request, "Sec-WebSocket-Protocol", &length);
    const char *token = header(request, "Authorization", &length);
    if (key && token && length > 7 && !strncmp(request, device, sizeof device - 1)) {
        c->state = DEVICE;
        c->topic = find_topic(token + 7, length - 7);
    } else if (key && !strncmp(request, watcher, sizeof watcher - 1)) {
        const char *name = request + sizeof watcher - 1;
        struct topic *topic = find_topic(name, strcspn(name, " ?"));
        if (topic->count == topic->room) {
            topic->room = topic->room ? 2 * topic->room : 4;
            topic->watchers = realloc(topic->watchers, topic->room * sizeof(int));
        }
        topic->watchers[topic->count++] = fd;
        c->state = WATCHER;
        c->topic = topic;
    } else {
        static const char refusal[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        send(fd, refusal, sizeof refusal - 1, MSG_NOSIGNAL);
        return 0;
    }
    accept_key(key, key_length, accept);
    int n = snprintf(reply, sizeof reply,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                     accept, offered && c->state == WATCHER ? "Sec-WebSocket-Protocol: enroute.v1.json\r\n" : "");
    send(fd, reply, n, MSG_NOSIGNAL);
    return 1;
}

/* Takes what is whole from the buffer; returns how much, or -1 when the connection has ended. */
static long consume(int fd, size_t have) {
    size_t at = 0;
    if (connections[fd].state == HANDSHAKE) {
        uint8_t *end = memmem(buffer, have, "\r\n\r\n", 4);
        if (!end) return 0;
        at = end + 4 - buffer;
        uint8_t kept = buffer[at];
        buffer[at] = 0;
        if (!shake_hands(fd, (char *)buffer)) return -1;
        buffer[at] = kept;
    }
    struct frame frame;
    while (read_frame(buffer + at, have - at, &frame)) {
        if (!receive_frame(fd, &frame)) return -1;
        at += frame.total;
    }
    return at;
}

static void readable(int fd) {
    struct connection *c = &connections[fd];
    size_t have = c->left_size;
    if (have) memcpy(buffer, c->left, have);
    ssize_t n = recv(fd, buffer + have, READ_SIZE, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        drop(fd);
        return;
    }
    have += n;
    long taken = consume(fd, have);
    if (taken < 0 || have - taken > READ_SIZE) {
        drop(fd);
        return;
    }
    free(c->left);
    c->left = NULL;
    c->left_size = have - taken;
    if (c->left_size) {
        c->left = malloc(c->left_size);
        memcpy(c->left, buffer + taken, c->left_size);
    }
}

static void accept_all(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        if (fd >= FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
    }
}

int main(int argc, char **argv) {
    int port = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--cpu")) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(atoi(argv[i + 1]), &set);
            sched_setaffinity(0, sizeof set, &set);
        }
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) {
        perror("epoll_limit: cannot listen");
        return 1;
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);

    poller = epoll_create1(0);
    struct epoll_event events[512], wanted = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wanted);
    for (;;) {
        int n = epoll_wait(poller, events, 512, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener) accept_all(listener);
            else readable(events[i].data.fd);
        }
    }
}
