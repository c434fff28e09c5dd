/* What the load generator checks: every message is the next of its stream, and all clients got the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { ID_MAX = 250 };

static const char ID_START[] = "{\"id\":\"", SNAPSHOT[] = ":snapshot";

static bool contains(const char *text, size_t size, const char *part) {
    return memmem(text, size, part, strlen(part)) != NULL;
}

static uint64_t hash_of(const char *text, size_t size) {
    const uint64_t factor = 0x9E3779B97F4A7C15u;
    uint64_t hash = size * factor, word;
    for (; size >= 8; size -= 8, text += 8) {
        memcpy(&word, text, 8);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, text, size);
    hash = (hash ^ word) * factor;
    return hash ^ hash >> 32;
}

/* Returns the id of a message, or one of size 0. */
static Bytes id_of(const char *text, size_t size) {
    const size_t start = sizeof ID_START - 1;
    if (size <= start || memcmp(text, ID_START, start) != 0) return (Bytes){NULL, 0};
    size_t most = size - start < ID_MAX ? size - start : ID_MAX;
    const char *end = memchr(text + start, '"', most);
    return end ? (Bytes){(char *)text + start, (size_t)(end - text) - start} : (Bytes){NULL, 0};
}

/* Returns the place of the flow whose messages have such ids, or -1; the next message is mostly of the next flow. */
static int find_flow(Client *client, Bytes id) {
    const Group *group = client->group;
    for (uint32_t turn = 0; turn < group->stream_count; turn++) {
        uint32_t place = client->hint + turn < group->stream_count ? client->hint + turn
                                                                   : client->hint + turn - group->stream_count;
        const Bytes *prefix = &plan.streams[group->streams[place]].prefix;
        if (id.size > prefix->size && memcmp(id.data, prefix->data, prefix->size) == 0) {
            client->hint = place;
            return (int)place;
        }
    }
    return -1;
}

/* Reads the decimal number at the end of an id; returns false if there is none. */
static bool read_number(Bytes id, uint64_t *number) {
    uint64_t factor = 1;
    size_t left = id.size;
    for (*number = 0; left && id.data[left - 1] >= '0' && id.data[left - 1] <= '9'; left--, factor *= 10)
        *number += factor * (uint64_t)(id.data[left - 1] - '0');
    return left < id.size && left && id.data[left - 1] == ':';
}

/* A snapshot of a book says where its updates go on. */
static bool take_snapshot(Client *client, Bytes id) {
    const size_t size = sizeof SNAPSHOT - 1;
    if (id.size <= size || memcmp(id.data + id.size - size, SNAPSHOT, size) != 0) return false;
    id.size -= size;
    int place = find_flow(client, id);
    return place >= 0 && read_number(id, &client->flows[place].last);
}

/* A message of no stream: a slow client may be told that it lags, or be sent its book again; nobody else is. */
static void take_other(Client *client, const char *text, size_t size) {
    if (client->group->kind != STEADY && take_snapshot(client, id_of(text, size))) return;
    if (client->group->kind == SLOW && contains(text, size, "\"connection_status\"")) {
        client->told = client->told || contains(text, size, "\"status\":\"lagging\"");
        return;
    }
    fail("client %u got what it did not ask for: %.*s", client->number, size < 200 ? (int)size : 200, text);
}

static void check_number(const Client *client, int place, uint64_t number) {
    const Stream *stream = &plan.streams[client->group->streams[place]];
    uint64_t last = client->flows[place].last;
    if (!last || (stream->contiguous ? number == last + 1 : number >= last)) return;
    fail("client %u: of %s came %" PRIu64 " after %" PRIu64 ", so that something was lost, doubled or reordered",
         client->number, stream->prefix.data, number, last);
}

/* Takes a reply or the present state of a stream; if ticks go on, updates of other streams can come between. */
static void take_opening(Client *client, const char *text, size_t size) {
    uint64_t number;
    if (contains(text, size, "\"error\"")) fail("client %u is refused: %.*s", client->number, (int)size, text);
    Bytes id = id_of(text, size);
    int place = id.size ? find_flow(client, id) : -1;
    if (place >= 0 && !take_snapshot(client, id) && read_number(id, &number)) {
        check_number(client, place, number);
        client->flows[place].last = number;
    }
    answered(&client->connection);
}

/* Counts a message towards the ticks that were sent. */
static void advance(Client *client) {
    const uint32_t *needs = client->group->needs;
    while (client->tick < sent_ticks && needs[client->tick % plan.tick_count] == 0) client->tick++;
    if (client->tick >= sent_ticks) fail("client %u got more messages than there were", client->number);
    if (++client->got < needs[client->tick % plan.tick_count]) return;
    complete_tick(client);
    client->got = 0;
    client->tick++;
}

void take_message(Client *client, const char *text, size_t size) {
    uint64_t number;
    if (client->connection.state == OPENING) {
        take_opening(client, text, size);
        return;
    }
    Bytes id = id_of(text, size);
    int place = id.size ? find_flow(client, id) : -1;
    if (place < 0 || !read_number(id, &number)) {
        take_other(client, text, size);
        return;
    }
    check_number(client, place, number);
    Flow *flow = &client->flows[place];
    flow->last = number;
    flow->count++;
    flow->hash = flow->hash * 31 + hash_of(text, size);
    if (++client->hint == client->group->stream_count) client->hint = 0;
    messages++;
    if (client->group->kind == STEADY) advance(client);
}

/* Each steady client that has a stream must have got as much of it as the first, and the same. */
void compare_clients(void) {
    const Flow **first = calloc(plan.stream_count, sizeof *first);
    for (uint32_t i = 0; first && i < (plan.witness ? 1 : client_count); i++) {
        const Client *client = &clients[i];
        for (uint32_t place = 0; client->group->kind == STEADY && place < client->group->stream_count; place++) {
            uint32_t stream = client->group->streams[place];
            const Flow *flow = &client->flows[place];
            if (!first[stream]) first[stream] = flow;
            if (flow->count != first[stream]->count || flow->hash != first[stream]->hash)
                fail("client %u got other messages of %s than the first that has it: %" PRIu64 " against %" PRIu64,
                     client->number, plan.streams[stream].prefix.data, flow->count, first[stream]->count);
        }
    }
    free(first);
}
