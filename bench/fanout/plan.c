/* Reading the plan: words and numbers apart by white space, bytes with their number before them. */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static FILE *file;

static void fail(const char *what) {
    fprintf(stderr, "load: the plan is not as it should be, at byte %ld: %s\n", ftell(file), what);
    exit(2);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) fail("too little memory");
    return memory;
}

static void expect(const char *word) {
    char found[32];
    if (fscanf(file, "%31s", found) != 1 || strcmp(found, word) != 0) fail(word);
}

static uint32_t number(void) {
    uint32_t value;
    if (fscanf(file, "%" SCNu32, &value) != 1) fail("a number is missing");
    return value;
}

static double decimal(void) {
    double value;
    if (fscanf(file, "%lf", &value) != 1) fail("a decimal number is missing");
    return value;
}

/* The size was read before; one line feed stands between. */
static Bytes bytes(size_t size) {
    Bytes result = {allocate(size + 1, 1), size};
    if (fgetc(file) != '\n' || fread(result.data, 1, size, file) != size) fail("bytes are missing");
    return result;
}

static uint32_t *numbers(uint32_t count) {
    uint32_t *values = allocate(count, sizeof *values);
    for (uint32_t i = 0; i < count; i++) values[i] = number();
    return values;
}

static void read_settings(Plan *plan) {
    expect("host");
    if (fscanf(file, "%63s", plan->host) != 1) fail("host");
    expect("ports");
    plan->port = number();
    plan->trigger_port = number();
    expect("reading");
    if (fscanf(file, "%15s", plan->reading) != 1) fail("reading");
    expect("triggering");
    if (fscanf(file, "%15s", plan->triggering) != 1) fail("triggering");
    expect("window");
    plan->window = number();
    expect("rate");
    plan->rate = decimal();
    plan->fixed = plan->rate > 0;
    expect("seconds");
    plan->warm_up_s = decimal();
    plan->seconds = decimal();
    expect("slow");
    plan->slow_from_s = decimal();
    plan->slow_to_s = decimal();
    expect("churn");
    plan->churn_per_s = decimal();
    expect("switch");
    if (fscanf(file, "%511s", plan->switch_path) != 1) fail("switch");
    plan->witness = strcmp(plan->switch_path, "-") != 0;
}

static void read_stream(Stream *stream) {
    char prefix[256];
    stream->contiguous = number() != 0;
    if (fscanf(file, "%255s", prefix) != 1) fail("prefix");
    stream->prefix.data = strdup(prefix);
    stream->prefix.size = strlen(prefix);
}

static void read_group(Group *group, uint32_t stream_count) {
    group->clients = number();
    group->kind = number();
    group->answers = number();
    group->stream_count = number();
    group->streams = numbers(group->stream_count);
    for (uint32_t i = 0; i < group->stream_count; i++)
        if (group->streams[i] >= stream_count) fail("a group has a stream that there is not");
    size_t handshake = number(), opening = number();
    group->handshake = bytes(handshake);
    group->opening = bytes(opening);
}

static void read_tick(Tick *tick, uint32_t stream_count) {
    tick->replies = number();
    tick->patch_count = number();
    tick->patches = allocate(tick->patch_count, sizeof *tick->patches);
    for (uint32_t i = 0; i < tick->patch_count; i++) {
        tick->patches[i].stream = number();
        tick->patches[i].offset = number();
    }
    tick->counts = numbers(stream_count);
    tick->data = bytes(number());
    for (uint32_t i = 0; i < tick->patch_count; i++)
        if (tick->patches[i].offset + 10 > tick->data.size || tick->patches[i].stream >= stream_count) fail("patch");
}

/* Works out how many messages of each tick a group's clients get. */
static void work_out_needs(const Plan *plan, Group *group) {
    uint32_t sum = 0;
    group->needs = allocate(plan->tick_count, sizeof *group->needs);
    for (uint32_t t = 0; t < plan->tick_count; t++)
        for (uint32_t i = 0; i < group->stream_count; i++) {
            group->needs[t] += plan->ticks[t].counts[group->streams[i]];
            sum += plan->ticks[t].counts[group->streams[i]];
        }
    if (group->clients && sum == 0) fail("a group gets nothing in the whole cycle");
}

void read_plan(const char *path, Plan *plan) {
    file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    expect("finalex-load");
    if (number() != 1) fail("version");
    read_settings(plan);
    expect("processes");
    plan->pid_count = number();
    plan->pids = numbers(plan->pid_count);
    expect("phases");
    plan->phase_count = number();
    plan->phase_ends_s = allocate(plan->phase_count, sizeof *plan->phase_ends_s);
    for (uint32_t i = 0; i < plan->phase_count; i++) plan->phase_ends_s[i] = decimal();
    expect("streams");
    plan->stream_count = number();
    plan->streams = allocate(plan->stream_count, sizeof *plan->streams);
    for (uint32_t i = 0; i < plan->stream_count; i++) read_stream(&plan->streams[i]);
    expect("groups");
    plan->group_count = number();
    plan->groups = allocate(plan->group_count, sizeof *plan->groups);
    for (uint32_t i = 0; i < plan->group_count; i++) read_group(&plan->groups[i], plan->stream_count);
    expect("trigger");
    plan->trigger_answers = number();
    size_t handshake = number(), opening = number();
    plan->trigger_handshake = bytes(handshake);
    plan->trigger_opening = bytes(opening);
    expect("ticks");
    plan->tick_count = number();
    if (plan->tick_count == 0) fail("there are no ticks");
    plan->ticks = allocate(plan->tick_count, sizeof *plan->ticks);
    for (uint32_t i = 0; i < plan->tick_count; i++) read_tick(&plan->ticks[i], plan->stream_count);
    for (uint32_t i = 0; i < plan->group_count; i++) work_out_needs(plan, &plan->groups[i]);
    fclose(file);
}
