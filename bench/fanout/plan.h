/* The plan of a run, as plan.py writes it: whom to connect to, what to say, what to expect. */
#ifndef FANOUT_PLAN_H
#define FANOUT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { STEADY = 0, SLOW = 1, CHURNING = 2 };

typedef struct {
    char *data;
    size_t size;
} Bytes;

typedef struct {
    bool contiguous; /* numbers grow by one; otherwise they never fall */
    Bytes prefix;    /* of the ids of its messages */
} Stream;

/* Clients that say the same and have the same streams. */
typedef struct {
    uint32_t clients, kind, answers, stream_count;
    uint32_t *streams;
    uint32_t *needs; /* by tick of the cycle: how many messages of it each of them gets */
    Bytes handshake, opening;
} Group;

typedef struct {
    uint32_t stream, offset;
} Patch;

typedef struct {
    uint32_t replies, patch_count;
    Patch *patches;
    uint32_t *counts; /* by stream: how many messages */
    Bytes data;
} Tick;

typedef struct {
    char host[64], reading[16], triggering[16];
    uint32_t port, trigger_port;
    bool fixed, witness; /* with a witness: only the first client is sent anything */
    uint32_t window;
    double rate, warm_up_s, seconds;
    double slow_from_s, slow_to_s, churn_per_s;
    char switch_path[512];
    uint32_t pid_count, phase_count, stream_count, group_count, tick_count;
    uint32_t *pids;
    double *phase_ends_s;
    Stream *streams;
    Group *groups;
    uint32_t trigger_answers;
    Bytes trigger_handshake, trigger_opening;
    Tick *ticks;
} Plan;

/* Reads a plan; prints what is wrong with it and ends the program if it cannot. */
void read_plan(const char *path, Plan *plan);

#endif
