/* What watchers hear, and what must never happen to them: a seq that goes back, a position older than the last. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

struct age_second ages[SERIES_MAX];
int age_seconds;

/* The page greets with what it knows, so that the server can tell which states were missed. */
size_t write_hello(const struct member *m, char *text, size_t room) {
    if (!m->epoch[0]) return snprintf(text, room, "{\"type\":\"hello\"}");
    return snprintf(text, room, "{\"type\":\"hello\",\"since\":{\"epoch\":\"%s\",\"seq\":%ld}}", m->epoch, m->seq);
}

static const uint8_t *after(const uint8_t *text, size_t length, const char *name) {
    const uint8_t *found = memmem(text, length, name, strlen(name));
    return found ? found + strlen(name) : NULL;
}

static int64_t number_after(const uint8_t *text, size_t length, const char *name) {
    const uint8_t *at = after(text, length, name), *end = text + length;
    int64_t value = 0;
    if (!at) return -1;
    for (; at < end && *at >= '0' && *at <= '9'; at++) value = value * 10 + *at - '0';
    return value;
}

/* Returns when the fix was sent; 0: not by us, or too long ago. */
static uint64_t hear_position(struct member *m, int64_t fixed_at, int is_new_epoch, uint64_t read_ns) {
    uint64_t sent_ns = when_sent(m->trip, fixed_at);
    if (fixed_at < m->seen) {
        (*(is_new_epoch ? &wrongs.older_after_restart : &wrongs.older_positions))++;
        return sent_ns;
    }
    m->seen = fixed_at;
    m->seen_sent_ns = sent_ns;
    if (!sent_ns) {
        /* Another run's fix: the device's clock was ours. */
        int64_t age_ms = now_ms() - fixed_at;
        m->seen_sent_ns = read_ns - (age_ms > 0 ? (uint64_t)age_ms * 1000000 : 0);
    }
    return sent_ns;
}

static void perhaps_current(struct member *m, uint64_t read_ns) {
    if (m->welcomed && !m->current_ns && m->seen >= m->wanted) m->current_ns = read_ns;
}

static void hear_welcome(struct member *m, const uint8_t *text, size_t length, uint64_t read_ns) {
    const uint8_t *from = after(text, length, "\"epoch\":\""), *end = text + length;
    if (!from) return;
    const uint8_t *to = memchr(from, '"', end - from);
    if (!to || to - from >= EPOCH_MAX) die("a welcome without an epoch: %.*s", (int)length, text);
    int is_new_epoch = strlen(m->epoch) != (size_t)(to - from) || memcmp(m->epoch, from, to - from);
    int64_t seq = number_after(to, end - to, "\"seq\":");
    if (!is_new_epoch && seq < m->seq) wrongs.seq_regressions++;
    memcpy(m->epoch, from, to - from);
    m->epoch[to - from] = 0;
    m->seq = seq;
    const uint8_t *position = after(to, end - to, "\"position\":{");
    int64_t fixed_at = position ? number_after(position, end - position, "\"fixed_at\":") : -1;
    if (fixed_at > 0) hear_position(m, fixed_at, is_new_epoch, read_ns);
    m->welcomed = 1;
    m->attempt = 0;
    m->back_ns = read_ns;
    m->current_ns = 0;
    m->wanted = handed[m->trip].newest;
    heard.welcomed++;
    record(&heard.welcome, read_ns - m->dialed_ns);
    perhaps_current(m, read_ns);
}

void hear(struct member *m, const uint8_t *text, size_t length, uint64_t read_ns) {
    if (starts_with_text(text, length, "{\"type\":\"welcome\"")) {
        hear_welcome(m, text, length, read_ns);
        return;
    }
    int64_t seq = number_after(text, length, "\"seq\":");
    if (seq >= 0) {
        wrongs.seq_regressions += seq < m->seq;
        wrongs.seq_repeats += seq == m->seq;
        m->seq = seq;
    }
    if (!starts_with_text(text, length, "{\"type\":\"position\"")) {
        heard.other_frames++;
        return;
    }
    int64_t fixed_at = number_after(text, length, "\"fixed_at\":");
    heard.positions++;
    uint64_t sent_ns = hear_position(m, fixed_at, 0, read_ns);
    perhaps_current(m, read_ns);
    if (m->role != WATCHER) return;
    if (sent_ns) record(&heard.latency, read_ns - sent_ns);
    else heard.late++;
}

static struct histogram second;
static uint64_t second_ends_ns;

void finish_age_second(void) {
    if (second.count && age_seconds < SERIES_MAX)
        ages[age_seconds++] =
            (struct age_second){quantile_us(&second, 0.5), quantile_us(&second, 0.99), second.max / 1e3};
    second = (struct histogram){0};
    second_ends_ns = now_ns() + 1000000000;
}

void sample_ages(void) {
    uint64_t now = now_ns();
    if (now >= second_ends_ns) finish_age_second();
    for (int i = 0; i < member_count; i++) {
        const struct member *m = &members[i];
        if (m->role == DEVICE || m->deaf || !m->seen || !handed[m->trip].newest_ns) continue;
        uint64_t newest_ns = handed[m->trip].newest_ns;
        record(&heard.age, now - m->seen_sent_ns);
        record(&second, now - m->seen_sent_ns);
        record(&heard.behind, newest_ns > m->seen_sent_ns ? newest_ns - m->seen_sent_ns : 0);
    }
}
