/* One trip: where it is, its next fixes as masked frames, and when which fix left. */
#define _GNU_SOURCE
#include <math.h>
#include <string.h>

#include "load.h"
#include "websocket.h"

static const double SPEED_MPS = 12, METRES_PER_DEGREE = 111195;
static const int64_t CLOCK_LEAD_MS = 1000; /* fixes faster than one per ms wait for the clock at this lead */

void place_trip(struct trip *trip, double lat, double lon, double bearing_deg) {
    double bearing = bearing_deg * M_PI / 180, e7_per_ms = SPEED_MPS / METRES_PER_DEGREE * 1e7 / 1000;
    trip->lat_e7 = lat * 1e7;
    trip->lon_e7 = lon * 1e7;
    trip->lat_e7_per_ms = e7_per_ms * cos(bearing);
    trip->lon_e7_per_ms = e7_per_ms * sin(bearing) / cos(lat * M_PI / 180);
    trip->bearing_deg = (int)lround(bearing_deg) % 360;
}

static char *put_number(char *to, int64_t value, int digits) {
    char text[24], *from = text + sizeof text;
    for (int i = 0; i < digits || value; i++, value /= 10) *--from = '0' + value % 10;
    size_t n = text + sizeof text - from;
    return (char *)memcpy(to, from, n) + n;
}

static char *put_degrees(char *to, double e7) {
    int64_t value = llround(fabs(e7));
    if (e7 < 0) *to++ = '-';
    to = put_number(to, value / 10000000, 1);
    *to++ = '.';
    return put_number(to, value % 10000000, 7);
}

static char *put_text(char *to, const char *text) { return stpcpy(to, text); }

/* It drives straight on at SPEED_MPS, however often it is asked. */
static size_t write_fix(uint8_t *out, struct trip *trip, int64_t fixed_at) {
    static uint32_t random = 2463534242u;
    random ^= random << 13, random ^= random >> 17, random ^= random << 5;
    if (!trip->started_at) trip->started_at = fixed_at;
    double driven_ms = fixed_at - trip->started_at;
    char text[FRAME_MAX], *to = put_text(text, "{\"fixed_at\":");
    to = put_number(to, fixed_at, 1);
    to = put_degrees(put_text(to, ",\"lat\":"), trip->lat_e7 + driven_ms * trip->lat_e7_per_ms);
    to = put_degrees(put_text(to, ",\"lon\":"), trip->lon_e7 + driven_ms * trip->lon_e7_per_ms);
    to = put_text(to, ",\"accuracy_m\":5,\"speed_mps\":");
    to = put_number(to, (int64_t)SPEED_MPS, 1);
    to = put_number(put_text(to, ",\"heading_deg\":"), trip->bearing_deg, 1);
    *to++ = '}';
    uint8_t mask[4];
    memcpy(mask, &random, 4);
    size_t head = write_frame_head(out, OPCODE_TEXT, to - text, mask);
    memcpy(out + head, text, to - text);
    apply_mask(out + head, to - text, mask);
    return head + (to - text);
}

int may_fix(const struct trip *trip, int count) {
    return trip->last_fixed_at <= now_ms() - count + 1 + CLOCK_LEAD_MS;
}

size_t write_fixes(uint8_t *out, struct trip *trip, int count, uint64_t at_ns) {
    int64_t first_at = now_ms() - count + 1;
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        int64_t fixed_at = first_at + i;
        if (fixed_at <= trip->last_fixed_at) fixed_at = trip->last_fixed_at + 1;
        trip->last_fixed_at = fixed_at;
        trip->sent[trip->fixes++ % SENT] = (struct sent){fixed_at, at_ns};
        size += write_fix(out + size, trip, fixed_at);
    }
    return size;
}

struct sent *find_sent(struct trip *trip, int64_t fixed_at) {
    uint64_t low = trip->fixes > SENT ? trip->fixes - SENT : 0, high = trip->fixes;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        struct sent *sent = &trip->sent[middle % SENT];
        if (sent->fixed_at == fixed_at) return sent;
        if (sent->fixed_at < fixed_at) low = middle + 1;
        else high = middle;
    }
    return NULL;
}
