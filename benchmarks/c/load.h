/* What the parts of the load generator share; load.c says what it does. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "histogram.h"

enum { SENT = 1024, CODES = 5000, REQUEST_MAX = 4096, FRAME_MAX = 256, BURST_MAX = 64 };

struct sent {
    int64_t fixed_at;
    uint64_t at_ns;
};

struct trip {
    int device, watchers, awaited; /* awaited: watchers that do not have the newest fix yet */
    double lat_e7, lon_e7, lat_e7_per_ms, lon_e7_per_ms;
    int bearing_deg;
    int64_t started_at, last_fixed_at;
    uint64_t fixes; /* sent so far; the last SENT of them are remembered */
    struct sent sent[SENT];
};

struct connection {
    enum { DEVICE, WATCHER, STALLED } role;
    enum { CLOSED, CONNECTING, OPEN } state;
    int trip, fd;
    char *path, *headers;
    uint8_t *in, *out; /* an unfinished frame; what the socket did not take */
    size_t in_size, in_room, out_size;
};

struct options {
    const char *plan, *host;
    int port, open_loop, burst, publishers, handshakes, cpu, pids[64], pid_count;
    double rate, seconds, warmup;
};

/* All but the closings start anew when the measured time begins. */
struct counts {
    uint64_t fixes, positions, position_bytes, late, other_frames, acks, errors, withheld, unanswered, ended;
};

extern struct options options;
extern struct trip *trips;
extern struct connection *connections;
extern int trip_count, connection_count;
extern struct counts counts;
extern uint64_t closings[CODES];
extern struct histogram latency;

_Noreturn void die(const char *format, ...);

static inline uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static inline int64_t now_ms(void) { return clock_ns(CLOCK_REALTIME) / 1000000; }

/* load_plan.c */
void read_plan(void);

/* load_fixes.c */
void place_trip(struct trip *trip, double lat, double lon, double bearing_deg);
int send_fixes(struct trip *trip, int count); /* 0 when the device cannot send now */
struct sent *find_sent(struct trip *trip, int64_t fixed_at);

/* load_sockets.c */
void open_poller(void);
void dial(struct connection *c);
int transmit(struct connection *c, const uint8_t *bytes, size_t size);
void poll_sockets(int64_t wait_ns);

#endif
