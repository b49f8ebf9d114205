/* Fixes by the clock, whatever the server does; what the device's own socket does not take is withheld, and counted. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

enum { SENDS_PER_TURN = 8 }; /* behind the clock, the watchers must still be read */

static double rate;
static int burst = 1, next_trip;
static uint64_t slot, first_ns;

void set_rate(double fixes_per_s, int fixes_per_write) {
    rate = fixes_per_s;
    burst = fixes_per_write < 1 ? 1 : fixes_per_write > BURST_MAX ? BURST_MAX : fixes_per_write;
    slot = 0;
    first_ns = now_ns();
}

static struct member *next_device(void) {
    for (int i = 0; i < trip_count; i++) {
        int trip = next_trip++ % trip_count;
        if (next_trip >= trip_count) next_trip = 0;
        if (trips[trip].device >= 0) return &members[trips[trip].device];
    }
    die("there are no devices to publish");
}

static void send_burst(struct member *m) {
    static uint8_t out[BURST_MAX * FRAME_MAX];
    struct trip *trip = &trips[m->trip];
    struct handed *own = &handed[m->trip];
    if (!may_fix(trip, burst)) {
        heard.ahead += burst;
        return;
    }
    if (m->state != OPEN || m->close_code) {
        heard.unsendable += burst;
        return;
    }
    if (m->out_size) {
        heard.withheld += burst;
        return;
    }
    uint64_t at_ns = now_ns();
    size_t size = write_fixes(out, trip, burst, at_ns);
    if (!transmit_member(m, out, size)) return;
    heard.fixes += burst;
    own->write[own->writes++ % WRITES] = (struct sent){trip->last_fixed_at, at_ns};
    own->waiting = trip->last_fixed_at;
    own->waiting_ns = at_ns;
    if (!m->out_size) rest_was_taken(m);
}

uint64_t send_due_fixes(void) {
    if (rate <= 0) return UINT64_MAX;
    double slot_ns = 1e9 / rate * burst;
    for (int i = 0; i < SENDS_PER_TURN; i++) {
        uint64_t due = first_ns + (uint64_t)(slot * slot_ns), now = now_ns();
        if (due > now) return due;
        record(&heard.lag, now - due);
        send_burst(next_device());
        slot++;
    }
    return 0;
}

void rest_was_taken(struct member *m) {
    struct handed *own = &handed[m->trip];
    if (own->waiting <= own->newest) return;
    own->newest = own->waiting;
    own->newest_ns = own->waiting_ns;
}

uint64_t when_sent(int trip, int64_t fixed_at) {
    const struct handed *own = &handed[trip];
    uint64_t oldest = own->writes > WRITES ? own->writes - WRITES : 0, low = oldest, high = own->writes;
    if (!own->writes || fixed_at < trips[trip].started_at) return 0;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (own->write[middle % WRITES].fixed_at < fixed_at) low = middle + 1;
        else high = middle;
    }
    /* What is not newer than the oldest write we remember may have left with one that we forgot. */
    if (low == own->writes || (low == oldest && oldest)) return 0;
    return own->write[low % WRITES].at_ns;
}

/* What was not acknowledged may be lost with the connection: nobody can be asked to show it. */
void device_left(struct member *m) {
    struct handed *own = &handed[m->trip];
    own->newest = own->acked;
    own->newest_ns = when_sent(m->trip, own->acked);
    own->waiting = 0;
}

void hear_device(struct member *m, const uint8_t *text, size_t length) {
    static const char name[] = "\"upto\":";
    if (starts_with_text(text, length, "{\"type\":\"ack\"")) {
        const uint8_t *at = memmem(text, length, name, sizeof name - 1);
        int64_t upto = at ? strtoll((const char *)at + sizeof name - 1, NULL, 10) : 0;
        if (upto > handed[m->trip].acked) handed[m->trip].acked = upto;
        heard.acks++;
    } else if (starts_with_text(text, length, "{\"type\":\"error\"")) {
        if (!heard.errors++) fprintf(stderr, "crowd: first error: %.*s\n", (int)length, text);
    } else {
        heard.other_frames++;
    }
}
