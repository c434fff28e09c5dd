/* What the parts of the load generator share. */
#ifndef FANOUT_LOAD_H
#define FANOUT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

typedef enum { CLOSED, UPGRADING, OPENING, RUNNING } State;

/* A TCP connection: what was read of it and could not be used yet waits in `rest`, and within frames in `inner`. */
typedef struct {
    int fd;
    State state;
    bool trigger;
    uint32_t answers; /* still to come before it runs */
    Bytes rest, inner;
} Connection;

/* One stream as one client sees it. */
typedef struct {
    uint64_t last, count, hash;
} Flow;

typedef struct {
    Connection connection; /* first: a pointer to it is one to the client */
    const Group *group;
    uint32_t number;
    bool told;           /* that it lags */
    uint16_t close_code; /* 0 while it is open */
    uint64_t tick;       /* the first that it does not have wholly */
    uint32_t got, hint;  /* messages of that tick; the flow where the next message is looked for first */
    Flow *flows;         /* as the streams of its group */
} Client;

typedef struct {
    Connection connection;
    Bytes out; /* what the network did not take yet */
    uint64_t replies, replies_due;
    uint64_t *published; /* by stream: the number of the last message */
} TriggerConnection;

extern Plan plan;
extern Client *clients;
extern uint32_t client_count, open_count;
extern uint64_t messages, received_bytes, sent_ticks, now_ns;

/* Says what went wrong and ends the program: a run that lost or changed anything has no result. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- connection.c: bytes to messages --- */
void open_connection(Connection *connection, uint32_t port, bool witness, bool narrow, const Bytes *first);
void close_connection(Connection *connection);
void watch_connection(Connection *connection, bool watching);
void send_all(Connection *connection, const char *data, size_t size);
void receive(Connection *connection); /* reads once, and gives what came to the functions below */
extern int epoll_fd;

/* --- check.c: what clients receive --- */
void take_message(Client *client, const char *text, size_t size);
void compare_clients(void);

/* --- load.c --- */
void connected(Connection *connection);                   /* the handshake is answered, if there is one */
void answered(Connection *connection);                    /* one more answer to the opening came */
void ended(Connection *connection, uint16_t close_code);  /* 1006 for an end without a close frame */
void take_reply(const char *text, size_t size);           /* to the trigger */
void complete_tick(Client *client);                       /* a client has all of `client->tick` */

#endif
