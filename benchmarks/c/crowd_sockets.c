/* The crowd's sockets: handshakes, frames in, what a full socket did not take, and coming back. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "websocket.h"

/* What the page does: static/js/backoff.js, and the silence after which it gives up on a handshake. */
static const double SHORTEST_S = 0.5, FIRST_CEILING_S = 6, LAST_CEILING_S = 20;
static const uint64_t SILENCE_NS = 60000000000;

static int poller, under_way;

void open_crowd_poller(void) { poller = epoll_create1(0); }

int handshakes_under_way(void) { return under_way; }

static void want(struct member *m, uint32_t events, int operation) {
    struct epoll_event wanted = {.events = events, .data.u32 = m - members};
    epoll_ctl(poller, operation, m->fd, &wanted);
}

void listen_to(struct member *m, int listens) {
    m->deaf = !listens;
    want(m, listens ? EPOLLIN : 0, EPOLL_CTL_MOD);
}

static int is_under_way(const struct member *m) {
    return m->state == CONNECTING || (m->state == OPEN && m->role != DEVICE && !m->welcomed);
}

static void shut(struct member *m) {
    under_way -= is_under_way(m);
    close(m->fd);
    m->fd = -1;
    m->state = CLOSED;
    m->connected = m->deaf = m->welcomed = m->close_code = 0;
    m->in_size = m->out_size = 0;
    if (m->role == DEVICE) device_left(m);
}

void reset_member(struct member *m) {
    m->due_ns = 0;
    if (m->state == CLOSED) return;
    struct linger at_once = {.l_onoff = 1};
    setsockopt(m->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    shut(m);
}

static double random_share(void) {
    static uint64_t state = 88172645463325252ull;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (state >> 11) * 0x1p-53;
}

/* Whether anybody has to be looked at for the way back: the look costs half of a core, and a probe shares it. */
static int somebody_away;

void schedule_return(struct member *m) {
    somebody_away = 1;
    double ceiling = FIRST_CEILING_S;
    for (int i = 0; i < m->attempt && ceiling < LAST_CEILING_S; i++) ceiling *= 2;
    if (ceiling > LAST_CEILING_S) ceiling = LAST_CEILING_S;
    m->attempt++;
    m->due_ns = now_ns() + (uint64_t)((SHORTEST_S + random_share() * (ceiling - SHORTEST_S)) * 1e9);
}

/* The connection is gone for a reason that was not ours. */
static void lost(struct member *m, int code) {
    if (is_under_way(m)) {
        if (!returning) die("%s was closed with %d before its welcome", m->path, code);
        heard.closed_early++;
    }
    heard.closings[code < CODES ? code : 0]++;
    int was_deaf = m->deaf;
    shut(m);
    if (was_deaf) {
        heard.reset_by_server++;
    } else if (code >= 4000 && (code % 1000 >= 500 || code == 4401)) {
        heard.stayed_away++;
    } else if (returning) {
        schedule_return(m);
    }
}

static void refused(struct member *m, const char *reason, int length) {
    if (!returning) die("%s was refused: %.*s", m->path, length, reason);
    heard.refused++;
    shut(m);
    schedule_return(m);
}

void dial_member(struct member *m) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(crowd.port)};
    if (inet_pton(AF_INET, crowd.host, &address.sin_addr) != 1) die("--host wants an IPv4 address");
    m->due_ns = 0;
    m->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (m->fd < 0) die("no more sockets: %s", strerror(errno));
    /* Before the connection stands, or its window is already announced. */
    if (m->role == STALLED)
        setsockopt(m->fd, SOL_SOCKET, SO_RCVBUF, &crowd.stalled_receive_buffer, sizeof(int));
    if (m->role == DEVICE && crowd.device_send_buffer)
        setsockopt(m->fd, SOL_SOCKET, SO_SNDBUF, &crowd.device_send_buffer, sizeof(int));
    setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    m->state = CONNECTING;
    m->connected = 0;
    m->dialed_ns = now_ns();
    under_way++;
    heard.dialed++;
    if (connect(m->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        refused(m, strerror(errno), 60);
        return;
    }
    want(m, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

void dial_due(uint64_t now) {
    static uint64_t look_ns;
    if (!somebody_away || now < look_ns) return;
    look_ns = now + 1000000;
    somebody_away = 0;
    for (int i = 0; i < member_count; i++) {
        struct member *m = &members[i];
        if (m->due_ns && m->due_ns <= now) dial_member(m);
        else if (is_under_way(m) && now - m->dialed_ns > SILENCE_NS) lost(m, 1006);
        somebody_away |= m->due_ns || is_under_way(m);
    }
}

/* The headers of a browser are a good part of what a handshake costs the server. */
static void ask(struct member *m) {
    int error = 0;
    getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    if (error) {
        refused(m, strerror(error), 60);
        return;
    }
    m->connected = 1;
    char request[2 * REQUEST_MAX];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
                     "User-Agent: Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
                     "Mobile Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://%s:%d\r\nSec-WebSocket-Version: 13\r\n"
                     "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: pt-PT,pt;q=0.9,en;q=0.8\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n%s\r\n",
                     m->path, crowd.host, crowd.port, crowd.host, crowd.port, m->headers);
    want(m, EPOLLIN, EPOLL_CTL_MOD);
    if (send(m->fd, request, n, MSG_NOSIGNAL) != n) refused(m, "the handshake could not be written", 40);
}

/* Takes all or keeps what the socket refuses; 0 when an earlier rest is still waiting and nothing was taken. */
int transmit_member(struct member *m, const uint8_t *bytes, size_t size) {
    if (m->out_size || m->state != OPEN) return 0;
    ssize_t n = send(m->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN) return 0; /* what happened is read from the socket next */
        n = 0;
    }
    if ((size_t)n < size) {
        m->out_size = size - n;
        m->out = realloc(m->out, m->out_size);
        memcpy(m->out, bytes + n, m->out_size);
        want(m, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
    return 1;
}

static void writable(struct member *m) {
    ssize_t n = send(m->fd, m->out, m->out_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) return;
    memmove(m->out, m->out + n, m->out_size -= n);
    if (m->out_size) return;
    want(m, EPOLLIN, EPOLL_CTL_MOD);
    if (m->role == DEVICE) rest_was_taken(m);
}

static void send_control(struct member *m, int opcode, const uint8_t *payload, size_t length) {
    static const uint8_t mask[4] = {0};
    uint8_t out[FRAME_HEAD_MAX + 125];
    size_t head = write_frame_head(out, opcode, length, mask);
    memcpy(out + head, payload, length);
    transmit_member(m, out, head + length);
}

static void receive_frame(struct member *m, const struct frame *frame, uint64_t read_ns) {
    switch (frame->opcode) {
    case OPCODE_PING:
        send_control(m, OPCODE_PONG, frame->payload, frame->length);
        return;
    case OPCODE_PONG:
        return;
    case OPCODE_CLOSE:
        /* As a browser does: answer, then wait until the server hangs up. */
        m->close_code = frame->length >= 2 ? frame->payload[0] << 8 | frame->payload[1] : 1005;
        send_control(m, OPCODE_CLOSE, frame->payload, frame->length >= 2 ? 2 : 0);
        return;
    }
    if (m->role == DEVICE) {
        hear_device(m, frame->payload, frame->length);
        return;
    }
    int was_under_way = is_under_way(m);
    hear(m, frame->payload, frame->length, read_ns);
    under_way -= was_under_way && !is_under_way(m);
}

/* How much of the handshake's answer lies in the bytes; 0 when it is not whole yet. */
static size_t read_answer(struct member *m, uint8_t *bytes, size_t have) {
    uint8_t *end = memmem(bytes, have, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12)) {
        int status = have > 12 ? atoi((char *)bytes + 9) : 0;
        heard.statuses[status > 0 && status < STATUS_MAX ? status : 0]++;
        refused(m, (char *)bytes, (int)have);
        return 0;
    }
    heard.compressed += memmem(bytes, end - bytes, "permessage-deflate", 18) != NULL;
    under_way -= is_under_way(m);
    m->state = OPEN;
    under_way += is_under_way(m);
    if (m->role == DEVICE) {
        m->attempt = 0;
    } else {
        char text[128];
        uint8_t out[FRAME_HEAD_MAX + sizeof text];
        static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
        size_t n = write_hello(m, text, sizeof text), head = write_frame_head(out, OPCODE_TEXT, n, mask);
        memcpy(out + head, text, n);
        apply_mask(out + head, n, mask);
        transmit_member(m, out, head + n);
    }
    return end + 4 - bytes;
}

static void readable(struct member *m) {
    static uint8_t bytes[1 << 18];
    size_t have = m->in_size, at = 0;
    if (have) memcpy(bytes, m->in, have);
    ssize_t n = recv(m->fd, bytes + have, sizeof bytes - have, MSG_DONTWAIT);
    uint64_t read_ns = now_ns();
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (m->state == CONNECTING) refused(m, "closed during the handshake", 40);
        else lost(m, m->close_code ? m->close_code : 1006);
        return;
    }
    have += n;
    if (m->state == CONNECTING) at = read_answer(m, bytes, have);
    struct frame frame;
    while (m->state == OPEN && !m->close_code && read_frame(bytes + at, have - at, &frame)) {
        if (bytes[at] & 0x70) die("%s answers with reserved bits: compression was accepted", m->path);
        receive_frame(m, &frame, read_ns);
        at += frame.total;
    }
    if (m->state == CLOSED) return;
    m->in_size = m->close_code ? 0 : have - at;
    if (!m->in_size) return;
    m->in = realloc(m->in, m->in_size);
    memcpy(m->in, bytes + at, m->in_size);
}

void poll_members(int64_t wait_ns) {
    struct epoll_event events[512];
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int n = epoll_pwait2(poller, events, 512, &wait, NULL);
    for (int i = 0; i < n; i++) {
        struct member *m = &members[events[i].data.u32];
        if (m->state == CONNECTING && !m->connected) {
            if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) ask(m);
            continue;
        }
        if (m->state == OPEN && m->deaf) {
            lost(m, 1006);
            continue;
        }
        if (m->state != CLOSED && events[i].events & EPOLLOUT && m->out_size) writable(m);
        if (m->state != CLOSED && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(m);
    }
}
