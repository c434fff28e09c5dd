/* Connections of the load generator: sockets, the handshake's answer, frames, and what is in them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "websocket.h"

enum { BUFFER_BYTES = 1 << 20, NARROW_BYTES = 1 << 16 };

int epoll_fd;
static char buffer[BUFFER_BYTES];

/* --- sockets --- */

/* With a witness, it and the trigger come from an address of their own: nosend.c lets their data through. */
static void bind_to_witness(int fd) {
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.2")};
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0) fail("cannot bind to 127.0.0.2: %s", strerror(errno));
}

void open_connection(Connection *connection, uint32_t port, bool witness, bool narrow, const Bytes *first) {
    int one = 1, size = NARROW_BYTES, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (fd < 0) fail("no socket for another connection: %s", strerror(errno));
    if (inet_pton(AF_INET, plan.host, &address.sin_addr) != 1) fail("not an address: %s", plan.host);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (narrow) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* a slow client's kernel hides little */
    if (witness) bind_to_witness(fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("cannot connect: %s", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    connection->fd = fd;
    connection->state = UPGRADING;
    watch_connection(connection, true);
    if (first->size)
        send_all(connection, first->data, first->size);
    else
        connected(connection);
}

void watch_connection(Connection *connection, bool watching) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, watching ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, connection->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static void clear(Bytes *bytes) {
    free(bytes->data);
    *bytes = (Bytes){NULL, 0};
}

void close_connection(Connection *connection) {
    close(connection->fd);
    connection->state = CLOSED;
    clear(&connection->rest);
    clear(&connection->inner);
}

/* For small things that always fit into the socket's buffer. */
void send_all(Connection *connection, const char *data, size_t size) {
    ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return; /* reading will tell */
    if (sent != (ssize_t)size) fail("a connection does not take %zu bytes", size);
}

static void send_frame(Connection *connection, uint8_t opcode, const char *payload, size_t size) {
    char frame[HEADER_MAX + 125];
    size_t length = write_header((uint8_t *)frame, opcode, size, true);
    memcpy(frame + length, payload, size);
    send_all(connection, frame, length + size);
}

/* --- what comes in --- */

/* Keeps what is left of `data` in `rest`. */
static void keep(Bytes *rest, const char *data, size_t size) {
    char *kept = size ? malloc(size) : NULL;
    if (size && !kept) fail("too little memory");
    if (size) memcpy(kept, data, size);
    clear(rest);
    *rest = (Bytes){kept, size};
}

/* Returns the length of the handshake's answer, or 0 if it is not all there. */
static size_t take_handshake(Connection *connection, const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (size < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) fail("a handshake was refused: %.60s", data);
    connected(connection);
    return (size_t)(end - data) + 4;
}

/* Takes one line of NATS and what belongs to it; returns how much that was, 0 if it is not all there. */
static size_t take_operation(Connection *connection, const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n", 2);
    if (!end) return 0;
    size_t line = (size_t)(end - data) + 2;
    if (size >= 4 && memcmp(data, "MSG ", 4) == 0) {
        const char *digits = memrchr(data, ' ', line);
        size_t length = strtoul(digits + 1, NULL, 10);
        if (size < line + length + 2) return 0;
        take_message((Client *)connection, data + line, length);
        return line + length + 2;
    }
    if (line >= 6 && memcmp(data, "PING", 4) == 0) {
        if (connection->trigger)
            send_all(connection, "PONG\r\n", 6);
        else
            send_frame(connection, OP_TEXT, "PONG\r\n", 6);
    }
    if (line >= 6 && memcmp(data, "PONG", 4) == 0) answered(connection);
    if (data[0] == '-') fail("NATS refuses: %.*s", (int)line, data);
    return line;
}

static size_t take_operations(Connection *connection, const char *data, size_t size) {
    size_t used = 0, step;
    while (used < size && (step = take_operation(connection, data + used, size - used))) used += step;
    return used;
}

/* NATS does not care where its frames end: what is left of one belongs before the next. */
static void take_inner(Connection *connection, const char *data, size_t size) {
    Bytes *inner = &connection->inner;
    if (inner->size == 0) {
        size_t used = take_operations(connection, data, size);
        if (used < size) keep(inner, data + used, size - used);
        return;
    }
    inner->data = realloc(inner->data, inner->size + size);
    if (!inner->data) fail("too little memory");
    memcpy(inner->data + inner->size, data, size);
    inner->size += size;
    size_t used = take_operations(connection, inner->data, inner->size);
    Bytes whole = *inner;
    *inner = (Bytes){NULL, 0};
    keep(inner, whole.data + used, whole.size - used);
    free(whole.data);
}

/* Counts answers to pipelined requests; the last bytes may be the beginning of another. */
static size_t take_responses(const char *data, size_t size) {
    static const char mark[] = "HTTP/1.1 ";
    size_t used = 0;
    for (;;) {
        const char *next = memmem(data + used, size - used, mark, sizeof mark - 1);
        if (!next) break;
        used = (size_t)(next - data);
        if (size - used < sizeof mark + 2) return used;
        take_reply(next + sizeof mark - 1, 3);
        used += sizeof mark + 2;
    }
    return size - used > sizeof mark ? size - sizeof mark : used;
}

static void take_payload(Connection *connection, const char *text, size_t size) {
    if (strcmp(plan.reading, "nats") == 0)
        take_inner(connection, text, size);
    else if (connection->trigger && connection->state == RUNNING)
        take_reply(text, size);
    else if (connection->trigger)
        answered(connection);
    else
        take_message((Client *)connection, text, size);
}

static void take_frame(Connection *connection, const Frame *frame, const char *payload) {
    if (!frame->final || frame->reserved || frame->masked) fail("a frame is fragmented, compressed or masked");
    switch (frame->opcode) {
        case OP_TEXT:
        case OP_BINARY:
            take_payload(connection, payload, frame->size);
            break;
        case OP_PING:
            send_frame(connection, OP_PONG, payload, frame->size);
            break;
        case OP_PONG:
            break;
        case OP_CLOSE:
            send_frame(connection, OP_CLOSE, payload, frame->size < 2 ? 0 : 2);
            ended(connection, frame->size < 2 ? 1005 : (uint16_t)((uint8_t)payload[0] << 8 | (uint8_t)payload[1]));
            break;
        default:
            fail("a frame has the opcode %d", frame->opcode);
    }
}

static size_t take_frames(Connection *connection, const char *data, size_t size) {
    size_t used = 0;
    while (connection->state != CLOSED) {
        Frame frame;
        size_t header = read_header((const uint8_t *)data + used, size - used, &frame);
        if (!header || size - used - header < frame.size) break;
        if (frame.size > BUFFER_BYTES - HEADER_MAX) fail("a frame of %zu bytes", (size_t)frame.size);
        take_frame(connection, &frame, data + used + header);
        used += header + frame.size;
    }
    return used;
}

static size_t take_data(Connection *connection, const char *data, size_t size) {
    if (connection->trigger && strcmp(plan.triggering, "nats") == 0) return take_operations(connection, data, size);
    if (connection->trigger && strcmp(plan.triggering, "http") == 0) return take_responses(data, size);
    size_t used = 0;
    if (connection->state == UPGRADING && !(used = take_handshake(connection, data, size))) return 0;
    return used + take_frames(connection, data + used, size - used);
}

void receive(Connection *connection) {
    size_t have = connection->rest.size;
    if (have == BUFFER_BYTES) fail("a frame is larger than %d bytes", BUFFER_BYTES);
    ssize_t size = recv(connection->fd, buffer + have, BUFFER_BYTES - have, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        ended(connection, 1006);
        return;
    }
    if (have) memcpy(buffer, connection->rest.data, have);
    received_bytes += (uint64_t)size;
    have += (size_t)size;
    size_t used = take_data(connection, buffer, have);
    if (connection->state != CLOSED && (connection->rest.size || used < have))
        keep(&connection->rest, buffer + used, have - used);
}
