/* What the parts of the crowd share; crowd.c says what it does. */
#ifndef CROWD_H
#define CROWD_H

#include "load.h"

enum { EPOCH_MAX = 32, SERIES_MAX = 900, STATUS_MAX = 600, WRITES = 4096 };

/* One socket that is to be open. Roles, and the states CLOSED, CONNECTING and OPEN, are those of load.h. */
struct member {
    int role, state, trip, fd;
    int connected;   /* the connection stands; the handshake is on its way */
    int deaf;        /* a STALLED one that was told to stop reading */
    int attempt;     /* dials in a row that brought no message: the wait doubles */
    int close_code;  /* the server's, while its end of the connection is still awaited */
    char *path, *headers;
    uint8_t *in, *out;
    size_t in_size, out_size;
    uint64_t dialed_ns, due_ns; /* due: when to dial again, 0 when not waiting */
    char epoch[EPOCH_MAX];
    int64_t seq, seen;          /* the newest of each this watcher was told; seen is a fixed_at */
    uint64_t seen_sent_ns;      /* when that fix was sent */
    int welcomed;               /* on this connection */
    uint64_t back_ns, current_ns; /* when it was welcomed again, and had a position as new as the newest (`wanted`) */
    int64_t wanted;
};

/* What a device handed over: the newest fixed_at the kernel took whole, waits to take, and the server acknowledged; and
 * when which of the last writes left, by the last fixed_at of each. */
struct handed {
    int64_t newest, waiting, acked;
    uint64_t newest_ns, waiting_ns, writes;
    struct sent write[WRITES];
};

struct crowd_options {
    const char *plan, *host;
    int port, cpu, stalled_receive_buffer, device_send_buffer;
};

/* Since the last report. */
struct heard {
    uint64_t dialed, welcomed, refused, closed_early, stayed_away, reset_by_server, compressed;
    uint64_t statuses[STATUS_MAX], closings[CODES];
    uint64_t fixes, withheld, unsendable, ahead, acks, errors, positions, late, other_frames;
    struct histogram welcome, latency, age, behind, lag;
};

/* Never anew: what must stay zero must stay zero all the time. */
struct wrongs {
    uint64_t seq_regressions, seq_repeats, older_positions, older_after_restart;
};

struct age_second {
    double p50_us, p99_us, max_us;
};

extern struct crowd_options crowd;
extern struct member *members;
extern struct handed *handed;
extern int member_count;
extern struct heard heard;
extern struct wrongs wrongs;
extern struct age_second ages[SERIES_MAX];
extern int age_seconds;
extern int returning; /* whoever loses the connection comes back by itself */

/* crowd_plan.c */
void read_crowd(void);

/* crowd_sockets.c */
void open_crowd_poller(void);
void dial_member(struct member *m);
void reset_member(struct member *m); /* RST, nothing is told */
void schedule_return(struct member *m);
void dial_due(uint64_t now);
int transmit_member(struct member *m, const uint8_t *bytes, size_t size); /* 0: an earlier rest still waits */
void listen_to(struct member *m, int listens);
void poll_members(int64_t wait_ns);
int handshakes_under_way(void);

/* crowd_watchers.c */
size_t write_hello(const struct member *m, char *text, size_t room);
void hear(struct member *m, const uint8_t *text, size_t length, uint64_t read_ns);
void sample_ages(void);
void finish_age_second(void);

/* crowd_devices.c */
void set_rate(double fixes_per_s, int burst);
uint64_t send_due_fixes(void); /* returns when the next are due */
uint64_t when_sent(int trip, int64_t fixed_at); /* 0: not by us, or too long ago */
void hear_device(struct member *m, const uint8_t *text, size_t length);
void rest_was_taken(struct member *m);
void device_left(struct member *m);

/* crowd_report.c */
void print_report(const char *command, uint64_t start_ns, uint64_t start_cpu_ns);

static inline int starts_with_text(const uint8_t *bytes, size_t length, const char *text) {
    size_t n = __builtin_strlen(text);
    return length >= n && !__builtin_memcmp(bytes, text, n);
}

#endif
