/* The part of RFC 6455 both ends of a benchmark need: the handshake's accept key and frames. No extensions. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };
enum { FRAME_HEAD_MAX = 14, ACCEPT_KEY_SIZE = 29 };

struct frame {
    int fin, opcode, masked;
    uint8_t mask[4];
    uint8_t *payload;
    size_t length; /* of the payload */
    size_t total;  /* of the whole frame */
};

/* 1: a whole frame lies at the start of the buffer; 0: more bytes are needed. The payload stays where it is. */
static inline int read_frame(uint8_t *bytes, size_t have, struct frame *frame) {
    if (have < 2) return 0;
    size_t head = 2;
    uint64_t length = bytes[1] & 127;
    if (length == 126) {
        head = 4;
        if (have < head) return 0;
        length = (uint64_t)bytes[2] << 8 | bytes[3];
    } else if (length == 127) {
        head = 10;
        if (have < head) return 0;
        length = 0;
        for (int i = 2; i < 10; i++) length = length << 8 | bytes[i];
    }
    frame->fin = bytes[0] >> 7;
    frame->opcode = bytes[0] & 15;
    frame->masked = bytes[1] >> 7;
    if (frame->masked) {
        if (have < head + 4) return 0;
        memcpy(frame->mask, bytes + head, 4);
        head += 4;
    }
    if (have - head < length) return 0;
    frame->payload = bytes + head;
    frame->length = length;
    frame->total = head + length;
    return 1;
}

/* Applies or removes a mask; eight bytes at a time, since both ends do it for every message. */
static inline void apply_mask(uint8_t *bytes, size_t length, const uint8_t mask[4]) {
    uint64_t word, wide;
    uint8_t eight[8];
    memcpy(eight, mask, 4);
    memcpy(eight + 4, mask, 4);
    memcpy(&wide, eight, 8);
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, bytes + i, 8);
        word ^= wide;
        memcpy(bytes + i, &word, 8);
    }
    for (; i < length; i++) bytes[i] ^= mask[i & 3];
}

/* Writes the head of a final frame and returns its size; mask is NULL for a server's frame. */
static inline size_t write_frame_head(uint8_t *out, int opcode, size_t length, const uint8_t *mask) {
    size_t n = 2;
    out[0] = 0x80 | opcode;
    out[1] = mask ? 0x80 : 0;
    if (length < 126) {
        out[1] |= length;
    } else if (length < 65536) {
        out[1] |= 126;
        out[2] = length >> 8;
        out[3] = length;
        n = 4;
    } else {
        out[1] |= 127;
        for (int i = 0; i < 8; i++) out[2 + i] = (uint64_t)length >> (56 - 8 * i);
        n = 10;
    }
    if (mask) {
        memcpy(out + n, mask, 4);
        n += 4;
    }
    return n;
}

static inline uint32_t rotate_left(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* SHA-1 of at most 119 bytes, which is more than a handshake ever hashes. */
static inline void sha1_short(const uint8_t *text, size_t length, uint8_t digest[20]) {
    uint8_t blocks[128] = {0};
    size_t size = length < 56 ? 64 : 128;
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    uint64_t bits = (uint64_t)length * 8;
    for (int i = 0; i < 8; i++) blocks[size - 1 - i] = bits >> (8 * i);
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (size_t at = 0; at < size; at += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)blocks[at + 4 * i] << 24 | (uint32_t)blocks[at + 4 * i + 1] << 16 |
                   (uint32_t)blocks[at + 4 * i + 2] << 8 | blocks[at + 4 * i + 3];
        for (int i = 16; i < 80; i++) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f, k;
            if (i < 20) f = (b & c) | (~b & d), k = 0x5A827999;
            else if (i < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
            else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
            else f = b ^ c ^ d, k = 0xCA62C1D6;
            uint32_t next = rotate_left(a, 5) + f + e + k + w[i];
            e = d, d = c, c = rotate_left(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key of the usual 24 characters. */
static inline void accept_key(const char *key, size_t key_length, char out[ACCEPT_KEY_SIZE]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t text[119], digest[21] = {0};
    if (key_length > 64) key_length = 64;
    memcpy(text, key, key_length);
    memcpy(text + key_length, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    sha1_short(text, key_length + 36, digest);
    char *to = out;
    for (int i = 0; i < 21; i += 3) {
        uint32_t three = digest[i] << 16 | digest[i + 1] << 8 | digest[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6) *to++ = alphabet[three >> shift & 63];
    }
    out[27] = '='; /* twenty bytes leave one short */
    out[28] = 0;
}

#endif
