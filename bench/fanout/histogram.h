/* Latencies, kept to within 1 %: 64 linear steps in each power of two of nanoseconds. */
#ifndef FANOUT_HISTOGRAM_H
#define FANOUT_HISTOGRAM_H

#include <stdint.h>

enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS, CELLS = (64 - STEP_BITS + 1) * STEPS };

typedef struct {
    uint64_t cells[CELLS], count, max;
} Histogram;

static inline uint32_t cell_of(uint64_t value) {
    if (value < STEPS) return (uint32_t)value;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - STEP_BITS;
    return (shift + 1) * STEPS + (uint32_t)((value >> shift) - STEPS);
}

/* The middle of what falls into a cell. */
static inline double value_of(uint32_t cell) {
    if (cell < STEPS) return cell;
    uint32_t shift = cell / STEPS - 1;
    return (double)((uint64_t)(STEPS + cell % STEPS) << shift) + (double)((uint64_t)1 << shift) / 2;
}

static inline void add_value(Histogram *histogram, uint64_t value) {
    histogram->cells[cell_of(value)]++;
    histogram->count++;
    if (value > histogram->max) histogram->max = value;
}

static inline void add_all(Histogram *sum, const Histogram *part) {
    for (uint32_t i = 0; i < CELLS; i++) sum->cells[i] += part->cells[i];
    sum->count += part->count;
    if (part->max > sum->max) sum->max = part->max;
}

/* The value that a share of all values does not exceed; 0 if there are none. */
static inline double percentile(const Histogram *histogram, double share) {
    double left = share * (double)histogram->count;
    for (uint32_t i = 0; i < CELLS; i++) {
        left -= (double)histogram->cells[i];
        if (!histogram->cells[i] || left > 0) continue;
        return value_of(i) < (double)histogram->max ? value_of(i) : (double)histogram->max;
    }
    return (double)histogram->max;
}

#endif
