/* The sockets: handshakes, frames in, and what a full socket did not take. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "websocket.h"

static int poller;

void open_poller(void) { poller = epoll_create1(0); }

static void want(struct connection *c, uint32_t events, int operation) {
    struct epoll_event wanted = {.events = events, .data.u32 = c - connections};
    epoll_ctl(poller, operation, c->fd, &wanted);
}

static void hang_up(struct connection *c, int code) {
    if (c->state == CLOSED) return;
    close(c->fd);
    c->state = CLOSED;
    closings[code < CODES ? code : 0]++;
    counts.ended++;
}

/* Takes all or keeps what the socket refuses; 0 when an earlier rest is still waiting and nothing was taken. */
int transmit(struct connection *c, const uint8_t *bytes, size_t size) {
    if (c->out_size) return 0;
    ssize_t n = send(c->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN) {
            hang_up(c, 1006);
            return 0;
        }
        n = 0;
    }
    if ((size_t)n < size) {
        c->out_size = size - n;
        c->out = realloc(c->out, c->out_size);
        memcpy(c->out, bytes + n, c->out_size);
        want(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
    return 1;
}

static void writable(struct connection *c) {
    ssize_t n = send(c->fd, c->out, c->out_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) return;
    memmove(c->out, c->out + n, c->out_size -= n);
    if (!c->out_size) want(c, EPOLLIN, EPOLL_CTL_MOD);
}

void dial(struct connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    if (inet_pton(AF_INET, options.host, &address.sin_addr) != 1) die("--host wants an IPv4 address");
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address))
        die("cannot connect to %s:%d: %s", options.host, options.port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    char request[2 * REQUEST_MAX];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                     c->path, options.host, options.port, c->headers);
    c->state = CONNECTING;
    if (send(c->fd, request, n, MSG_NOSIGNAL) != n) die("cannot write the handshake of %s", c->path);
    want(c, EPOLLIN, EPOLL_CTL_ADD);
}

static int starts_with(const struct frame *frame, const char *text) {
    size_t n = strlen(text);
    return frame->length >= n && !memcmp(frame->payload, text, n);
}

static void receive_position(struct connection *c, const struct frame *frame, uint64_t read_ns) {
    static const char name[] = "\"fixed_at\":";
    struct trip *trip = &trips[c->trip];
    uint8_t *at = memmem(frame->payload, frame->length, name, sizeof name - 1);
    int64_t fixed_at = 0;
    for (at = at ? at + sizeof name - 1 : frame->payload; *at >= '0' && *at <= '9'; at++) fixed_at = fixed_at * 10 + *at - '0';
    struct sent *sent = find_sent(trip, fixed_at);
    counts.positions++;
    counts.position_bytes += frame->total;
    if (sent) record(&latency, read_ns - sent->at_ns);
    else counts.late++;
    if (fixed_at == trip->last_fixed_at && trip->awaited > 0 && !--trip->awaited && !options.open_loop)
        send_fixes(trip, 1);
}

static void receive_frame(struct connection *c, struct frame *frame, uint64_t read_ns) {
    uint8_t reply[FRAME_HEAD_MAX + 125];
    static const uint8_t mask[4] = {0};
    switch (frame->opcode) {
    case OPCODE_PING: {
        size_t head = write_frame_head(reply, OPCODE_PONG, frame->length, mask);
        memcpy(reply + head, frame->payload, frame->length);
        transmit(c, reply, head + frame->length);
        return;
    }
    case OPCODE_CLOSE:
        hang_up(c, frame->length >= 2 ? frame->payload[0] << 8 | frame->payload[1] : 1005);
        return;
    case OPCODE_PONG:
        return;
    }
    if (c->role == DEVICE) {
        if (starts_with(frame, "{\"type\":\"ack\"")) counts.acks++;
        else if (!starts_with(frame, "{\"type\":\"error\"")) counts.other_frames++;
        else if (!counts.errors++) fprintf(stderr, "load: first error: %.*s\n", (int)frame->length, frame->payload);
    } else if (starts_with(frame, "{\"type\":\"position\"") || starts_with(frame, "{\"fixed_at\"")) {
        receive_position(c, frame, read_ns);
    } else {
        counts.other_frames++;
    }
}

/* How much of the handshake's answer lies in the bytes; 0 when it is not whole yet. */
static size_t read_answer(struct connection *c, uint8_t *bytes, size_t have) {
    uint8_t *end = memmem(bytes, have, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12)) die("%s was refused: %.*s", c->path, (int)have, bytes);
    c->state = OPEN;
    return end + 4 - bytes;
}

static void readable(struct connection *c) {
    static uint8_t bytes[1 << 18];
    size_t have = c->in_size, at = 0;
    if (have) memcpy(bytes, c->in, have);
    ssize_t n = recv(c->fd, bytes + have, sizeof bytes - have, MSG_DONTWAIT);
    uint64_t read_ns = now_ns();
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (c->state == CONNECTING) die("%s was closed during the handshake", c->path);
        hang_up(c, 1006);
        return;
    }
    have += n;
    if (c->state == CONNECTING) at = read_answer(c, bytes, have);
    struct frame frame;
    while (c->state == OPEN && read_frame(bytes + at, have - at, &frame)) {
        receive_frame(c, &frame, read_ns);
        at += frame.total;
    }
    c->in_size = have - at;
    if (c->in_size > c->in_room) c->in = realloc(c->in, c->in_room = c->in_size);
    if (c->in_size) memcpy(c->in, bytes + at, c->in_size);
    if (c->role == STALLED && c->state == OPEN) want(c, 0, EPOLL_CTL_DEL);
}

void poll_sockets(int64_t wait_ns) {
    struct epoll_event events[512];
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int n = epoll_pwait2(poller, events, 512, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct connection *c = &connections[events[i].data.u32];
        if (c->state != CLOSED && events[i].events & EPOLLOUT && c->out_size) writable(c);
        if (c->state != CLOSED && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
    }
}
