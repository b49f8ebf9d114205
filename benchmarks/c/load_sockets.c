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
static int put_out(struct connection *c, const uint8_t *bytes, size_t size) {
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

int transmit(struct connection *c, const uint8_t *fixes, size_t size) {
    static uint8_t translated[BURST_MAX * (MESSAGE_MAX + FRAME_MAX)];
    if (!is_translated(c)) return put_out(c, fixes, size);
    return put_out(c, translated, translate_fixes(c, fixes, size, translated, sizeof translated));
}

int send_frame(struct connection *c, int opcode, const uint8_t *payload, size_t length) {
    static const uint8_t mask[4] = {0};
    uint8_t frame[FRAME_HEAD_MAX + 512];
    size_t head = write_frame_head(frame, opcode, length, mask);
    if (head + length > sizeof frame) die("%zu bytes are too many for one control message", length);
    memcpy(frame + head, payload, length);
    return put_out(c, frame, head + length);
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

static int starts_with(const uint8_t *text, size_t length, const char *start) {
    size_t n = strlen(start);
    return length >= n && !memcmp(text, start, n);
}

/* The number that follows the name; -1 when the name does not come before the end. */
static int64_t number_after(const uint8_t *text, const uint8_t *end, const char *name) {
    size_t n = strlen(name);
    const uint8_t *at = memmem(text, end - text, name, n);
    if (!at) return -1;
    int64_t value = 0;
    for (at += n; at < end && *at >= '0' && *at <= '9'; at++) value = value * 10 + *at - '0';
    return value;
}

static void receive_position(struct trip *trip, int64_t fixed_at, uint64_t read_ns) {
    struct sent *sent = find_sent(trip, fixed_at);
    counts.positions++;
    if (sent) record(&latency, read_ns - sent->at_ns);
    else counts.late++;
    if (fixed_at == trip->last_fixed_at && trip->awaited > 0 && !--trip->awaited && !options.open_loop)
        send_fixes(trip, 1);
}

/* Each of the message's parts that begins with "id":"t<TRIP>": a row of Enroute's board, or one relayed fix. A row that
 * tells nothing new of its trip, because something else changed or it comes from before this run, is no position. */
static void receive_rows(struct connection *c, uint8_t *text, size_t length, uint64_t read_ns) {
    static const char id[] = "\"id\":\"t";
    uint8_t *end = text + length, *row = memmem(text, length, id, sizeof id - 1);
    for (uint8_t *next; row; row = next) {
        next = memmem(row + 1, end - row - 1, id, sizeof id - 1);
        int64_t number = number_after(row, next ? next : end, id);
        int64_t fixed_at = number_after(row, next ? next : end, "\"fixed_at\":");
        if (number >= trip_count || fixed_at < trips[number].started_at || !trips[number].started_at) continue;
        if (fixed_at <= c->seen[number]) continue;
        c->seen[number] = fixed_at;
        receive_position(&trips[number], fixed_at, read_ns);
    }
}

static void count_error(const uint8_t *text, size_t length) {
    if (!counts.errors++) fprintf(stderr, "load: first error: %.*s\n", (int)length, text);
}

void receive_message(struct connection *c, uint8_t *text, size_t length, uint64_t read_ns) {
    const uint8_t *end = text + length;
    int is_relayed = starts_with(text, length, "{\"id\":\"t");
    if (c->role == DEVICE) {
        if (starts_with(text, length, "{\"type\":\"ack\"")) counts.acks++;
        else if (starts_with(text, length, "{\"type\":\"error\"")) count_error(text, length);
        else counts.other_frames++;
    } else if (c->role == FLEET && (is_relayed || starts_with(text, length, "{\"type\":\"board\""))) {
        receive_rows(c, text, length, read_ns);
    } else if (is_relayed && number_after(text, end, "\"id\":\"t") != c->trip) {
        count_error(text, length); /* another trip's */
    } else if (is_relayed || starts_with(text, length, "{\"type\":\"position\"") ||
               starts_with(text, length, "{\"fixed_at\"")) {
        receive_position(&trips[c->trip], number_after(text, end, "\"fixed_at\":"), read_ns);
    } else {
        counts.other_frames++;
    }
}

static void receive_frame(struct connection *c, struct frame *frame, uint64_t read_ns) {
    uint64_t before = counts.positions;
    switch (frame->opcode) {
    case OPCODE_PING:
        send_frame(c, OPCODE_PONG, frame->payload, frame->length);
        return;
    case OPCODE_CLOSE:
        hang_up(c, frame->length >= 2 ? frame->payload[0] << 8 | frame->payload[1] : 1005);
        return;
    case OPCODE_PONG:
        return;
    }
    if (options.dialect == PLAIN) receive_message(c, frame->payload, frame->length, read_ns);
    else receive_stream(c, frame->payload, frame->length, read_ns);
    if (counts.positions != before) counts.position_bytes += frame->total;
}

/* How much of the handshake's answer lies in the bytes; 0 when it is not whole yet. */
static size_t read_answer(struct connection *c, uint8_t *bytes, size_t have) {
    uint8_t *end = memmem(bytes, have, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12)) die("%s was refused: %.*s", c->path, (int)have, bytes);
    c->upgraded = 1;
    if (options.dialect == PLAIN) c->state = OPEN;
    else log_in(c);
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
    if (!c->upgraded) at = read_answer(c, bytes, have);
    struct frame frame;
    while (c->upgraded && c->state != CLOSED && read_frame(bytes + at, have - at, &frame)) {
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
