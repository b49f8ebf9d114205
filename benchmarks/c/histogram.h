/* Durations in nanoseconds in log-linear buckets: 64 per power of two, so a quantile is right to within 1.6 %. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { SUB_BITS = 6, SUB = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS + 1) * SUB };

struct histogram {
    uint64_t bucket[BUCKETS], count, sum, max;
};

static inline void record(struct histogram *h, uint64_t ns) {
    int power = ns < SUB ? 0 : 63 - __builtin_clzll(ns) - SUB_BITS + 1;
    uint64_t index = power ? (uint64_t)power * SUB + ((ns >> (power - 1)) - SUB) : ns;
    h->bucket[index]++;
    h->count++;
    h->sum += ns;
    if (ns > h->max) h->max = ns;
}

/* Upper edge of the bucket that holds the given share (0 to 1) of all values. */
static inline double quantile_us(const struct histogram *h, double share) {
    uint64_t wanted = (uint64_t)(share * h->count + 0.5), seen = 0;
    if (!h->count) return 0;
    if (!wanted) wanted = 1;
    for (int i = 0; i < BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen < wanted) continue;
        int power = i / SUB;
        uint64_t edge = power ? ((uint64_t)(i % SUB + SUB) + 1) << (power - 1) : (uint64_t)i + 1;
        return (edge < h->max ? edge : h->max) / 1e3;
    }
    return h->max / 1e3;
}

static inline double mean_us(const struct histogram *h) { return h->count ? h->sum / 1e3 / h->count : 0; }

#endif
