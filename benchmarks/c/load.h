/* What the parts of the load generator share; load.c says what it does. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "histogram.h"

enum { SENT = 1024, CODES = 5000, REQUEST_MAX = 4096, FRAME_MAX = 256, BURST_MAX = 64 };
enum { MESSAGE_MAX = 4096, TOPIC_MAX = 128 }; /* what a relayed fix may be filled up to; a broker's topic */
enum dialect { PLAIN, MQTT, NATS };

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
    enum { DEVICE, WATCHER, STALLED, FLEET } role; /* FLEET: a watcher of all trips */
    enum { CLOSED, CONNECTING, OPEN } state;
    int trip, fd;
    char *path, *headers;
    uint8_t *in, *out; /* an unfinished frame; what the socket did not take */
    size_t in_size, in_room, out_size;
    int upgraded;   /* the handshake is answered; with a broker the log-in follows before it is OPEN */
    char *topic;    /* the broker's, else NULL */
    uint8_t *rest;  /* of a broker's stream: an unfinished packet */
    size_t rest_size;
    int64_t *seen;  /* of a FLEET watcher: the newest fixed_at of each trip */
};

struct options {
    const char *plan, *host;
    int port, open_loop, burst, publishers, handshakes, cpu, pids[64], pid_count;
    double rate, seconds, warmup;
    enum dialect dialect; /* this and the next come from the plan */
    int message_bytes;    /* size of a relayed fix without its frame; 0: as Enroute's devices send it */
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

/* load_trips.c */
void place_trip(struct trip *trip, double lat, double lon, double bearing_deg);
int may_fix(const struct trip *trip, int count); /* 0 while the trip's fixes are ahead of the clock */
size_t write_fixes(uint8_t *out, struct trip *trip, int count, uint64_t at_ns); /* at most BURST_MAX of FRAME_MAX */
struct sent *find_sent(struct trip *trip, int64_t fixed_at);

/* load_fixes.c */
int send_fixes(struct trip *trip, int count); /* 0 when the device cannot send now */

/* load_sockets.c */
void open_poller(void);
void dial(struct connection *c);
int transmit(struct connection *c, const uint8_t *fixes, size_t size); /* whole frames, in Enroute's own form */
int send_frame(struct connection *c, int opcode, const uint8_t *payload, size_t length);
void receive_message(struct connection *c, uint8_t *text, size_t length, uint64_t read_ns);
void poll_sockets(int64_t wait_ns);

/* load_dialects.c */
int is_translated(const struct connection *c);
size_t translate_fixes(const struct connection *c, const uint8_t *fixes, size_t size, uint8_t *out, size_t room);
void log_in(struct connection *c);
void receive_stream(struct connection *c, uint8_t *bytes, size_t length, uint64_t read_ns);

#endif
