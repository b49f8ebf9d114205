/* Fixes out, when the device's socket takes them. */
#include "load.h"

int send_fixes(struct trip *trip, int count) {
    struct connection *c = &connections[trip->device];
    uint8_t out[BURST_MAX * FRAME_MAX];
    if (c->state != OPEN || !may_fix(trip, count)) return 0;
    if (c->out_size) {
        counts.withheld += count;
        return 0;
    }
    size_t size = write_fixes(out, trip, count, now_ns());
    if (!transmit(c, out, size)) return 0;
    trip->awaited = trip->watchers;
    counts.fixes += count;
    return 1;
}
