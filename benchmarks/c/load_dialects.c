/* What the peers want instead of Enroute's frames: the same fix, filled up to a size, and perhaps inside the packets of
 * a broker: MQTT 3.1.1 or the protocol of NATS, both as a stream of bytes in binary frames.
 *
 * Fixes are made in one form, Enroute's. Here their frames are opened and packed anew, so that load_fixes.c knows
 * nothing of peers. A relayed fix begins with {"id":"t<TRIP>", so that whoever watches several trips can tell them apart.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "websocket.h"

enum { PACKET_HEAD_MAX = TOPIC_MAX + 32 };

int is_translated(const struct connection *c) {
    return c->role == DEVICE && (options.dialect != PLAIN || options.message_bytes);
}

/* The fix with its trip's name, and filled up by a field that nobody reads. */
static size_t write_relayed(char *out, int trip, const uint8_t *fix, size_t length) {
    size_t n = sprintf(out, "{\"id\":\"t%d\",", trip);
    memcpy(out + n, fix + 1, length - 2); /* without the braces */
    n += length - 2;
    static const char pad[] = ",\"pad\":\"", end[] = "\"}";
    long fill = options.message_bytes - (long)(n + sizeof pad - 1 + sizeof end - 1);
    if (fill >= 0) {
        n = stpcpy(out + n, pad) - out;
        memset(out + n, '.', fill);
        n += fill;
        out[n++] = '"';
    }
    out[n++] = '}';
    return n;
}

static size_t write_remaining_length(uint8_t *out, size_t length) {
    size_t n = 0;
    do {
        out[n] = length % 128;
        length /= 128;
        if (length) out[n] |= 128;
        n++;
    } while (length);
    return n;
}

static size_t write_mqtt_string(uint8_t *out, const char *text) {
    size_t n = strlen(text);
    out[0] = n >> 8;
    out[1] = n;
    memcpy(out + 2, text, n);
    return n + 2;
}

/* Wraps the message as the broker wants it published. */
static size_t write_published(uint8_t *out, const char *topic, const char *message, size_t length) {
    size_t n = 0;
    if (options.dialect == MQTT) {
        out[n++] = 0x30; /* PUBLISH, QoS 0 */
        n += write_remaining_length(out + n, 2 + strlen(topic) + length);
        n += write_mqtt_string(out + n, topic);
    } else if (options.dialect == NATS) {
        n = sprintf((char *)out, "PUB %s %zu\r\n", topic, length);
    }
    memcpy(out + n, message, length);
    n += length;
    if (options.dialect == NATS) out[n++] = '\r', out[n++] = '\n';
    return n;
}

size_t translate_fixes(const struct connection *c, const uint8_t *fixes, size_t size, uint8_t *out, size_t room) {
    struct frame frame;
    uint8_t fix[FRAME_MAX];
    char message[MESSAGE_MAX + FRAME_MAX];
    uint8_t packet[sizeof message + PACKET_HEAD_MAX];
    size_t n = 0;
    for (size_t at = 0; at < size && read_frame((uint8_t *)fixes + at, size - at, &frame); at += frame.total) {
        memcpy(fix, frame.payload, frame.length);
        apply_mask(fix, frame.length, frame.mask);
        size_t length = write_relayed(message, c->trip, fix, frame.length);
        length = write_published(packet, c->topic, message, length);
        if (n + FRAME_HEAD_MAX + length > room) die("%zu bytes of fixes do not fit into one write", n + length);
        size_t head = write_frame_head(out + n, options.dialect == PLAIN ? OPCODE_TEXT : OPCODE_BINARY, length, frame.mask);
        memcpy(out + n + head, packet, length);
        apply_mask(out + n + head, length, frame.mask);
        n += head + length;
    }
    return n;
}

/* After the handshake: who we are, and what we want to hear. The broker's answer opens the connection. */
void log_in(struct connection *c) {
    uint8_t out[256 + TOPIC_MAX];
    size_t n = 0;
    int listens = c->role != DEVICE;
    if (options.dialect == MQTT) {
        static const uint8_t connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2 /* clean session */, 0, 0, 0, 0};
        memcpy(out, connect, n = sizeof connect);
        if (listens) {
            out[n++] = 0x82; /* SUBSCRIBE */
            n += write_remaining_length(out + n, 2 + 2 + strlen(c->topic) + 1);
            out[n++] = 0, out[n++] = 1; /* packet identifier */
            n += write_mqtt_string(out + n, c->topic);
            out[n++] = 0; /* QoS */
        }
    } else {
        n = sprintf((char *)out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"protocol\":1}\r\n");
        if (listens) n += sprintf((char *)out + n, "SUB %s 1\r\n", c->topic);
        n += sprintf((char *)out + n, "PING\r\n");
    }
    send_frame(c, OPCODE_BINARY, out, n);
}

/* Takes the packet at the start of the bytes; 0 when it is not whole yet. */
static size_t take_mqtt(struct connection *c, uint8_t *bytes, size_t have, uint64_t read_ns) {
    size_t length = 0, head = 1;
    for (int shift = 0;; shift += 7) {
        if (head >= have) return 0;
        length |= (size_t)(bytes[head] & 127) << shift;
        if (!(bytes[head++] & 128)) break;
        if (shift == 21) die("the broker sent a length that is none");
    }
    if (have - head < length) return 0;
    uint8_t *body = bytes + head;
    switch (bytes[0] >> 4) {
    case 2: /* CONNACK */
        if (body[1]) die("the broker refused the client: %d", body[1]);
        if (c->role == DEVICE) c->state = OPEN;
        break;
    case 9: /* SUBACK */
        if (body[2] & 0x80) die("the broker refused the subscription to %s", c->topic);
        c->state = OPEN;
        break;
    case 3: { /* PUBLISH */
        size_t topic = 2 + (body[0] << 8 | body[1]);
        if (topic <= length) receive_message(c, body + topic, length - topic, read_ns);
        break;
    }
    }
    return head + length;
}

static size_t take_nats(struct connection *c, uint8_t *bytes, size_t have, uint64_t read_ns) {
    uint8_t *end = memmem(bytes, have, "\r\n", 2);
    if (!end) return 0;
    size_t head = end + 2 - bytes;
    if (!memcmp(bytes, "MSG ", 4)) {
        uint8_t *number = end;
        while (number[-1] != ' ') number--;
        size_t length = strtoul((char *)number, NULL, 10);
        if (have - head < length + 2) return 0;
        receive_message(c, bytes + head, length, read_ns);
        return head + length + 2;
    }
    if (!memcmp(bytes, "PING", 4)) send_frame(c, OPCODE_BINARY, (const uint8_t *)"PONG\r\n", 6);
    else if (!memcmp(bytes, "PONG", 4)) c->state = OPEN;
    else if (!memcmp(bytes, "-ERR", 4)) {
        if (c->state == CONNECTING) die("the broker said %.*s", (int)(end - bytes), bytes);
        counts.errors++;
    }
    return head;
}

/* Packets and frames need not begin at the same place. */
void receive_stream(struct connection *c, uint8_t *bytes, size_t length, uint64_t read_ns) {
    size_t (*take)(struct connection *, uint8_t *, size_t, uint64_t) = options.dialect == MQTT ? take_mqtt : take_nats;
    uint8_t *joined = NULL;
    if (c->rest_size) {
        joined = malloc(c->rest_size + length);
        memcpy(joined, c->rest, c->rest_size);
        memcpy(joined + c->rest_size, bytes, length);
        length += c->rest_size;
        bytes = joined;
    }
    size_t at = 0;
    for (size_t taken; at < length && (taken = take(c, bytes + at, length - at, read_ns));) at += taken;
    c->rest_size = length - at;
    if (c->rest_size) {
        c->rest = realloc(c->rest, c->rest_size);
        memcpy(c->rest, bytes + at, c->rest_size);
    }
    free(joined);
}
