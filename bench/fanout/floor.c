/* The floor: the least that fan-out over WebSocket costs on this machine, as a loop in C over epoll.
 *
 * `floor joined` sends each client the joined frames of a tick with one send(), `floor single` with one send() for each
 * message. It speaks the peers' small protocol (see target.py) and does no more than that: no timers, no pings,
 * no limits. It prints `READY <port>`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

enum { STREAMS_MAX = 512, MESSAGES_MAX = 4096, TICK_BYTES_MAX = 1 << 22, READ_BYTES = 1 << 16, EVENTS_MAX = 256 };

static const char ACCEPT[] = /* the answer to the benchmark's one Sec-WebSocket-Key */
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/* A set of streams, which clients with the same share. */
typedef struct Set {
    struct Set *next;
    bool has[STREAMS_MAX];
} Set;

typedef struct Client {
    struct Client *next, *previous;
    int fd;
    bool upgraded;
    Set *set;       /* NULL without a subscription */
    uint8_t *rest;  /* what was read of an incomplete request */
    size_t rest_size;
    char *waiting;  /* what the network did not take */
    size_t waiting_size;
} Client;

typedef struct {
    uint32_t stream;
    size_t start, size; /* of its frame in `frames` */
} Message;

static Client list = {.next = &list, .previous = &list};
static Set *sets;
static Message messages[MESSAGES_MAX];
static size_t message_count;
static char frames[TICK_BYTES_MAX], joined[TICK_BYTES_MAX];
static uint64_t numbers[STREAMS_MAX];
static size_t frames_size, joined_size;
static const Set *joined_for; /* `joined` is this tick's frames for this set */
static bool single;
static int epoll_fd;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* --- clients --- */

static void watch(Client *client, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    if (epoll_ctl(epoll_fd, operation, client->fd, &event) < 0) fail("epoll_ctl");
}

static void drop(Client *client) {
    client->next->previous = client->previous;
    client->previous->next = client->next;
    close(client->fd);
    free(client->rest);
    free(client->waiting);
    free(client);
}

static void enter(int listener) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Client *client = calloc(1, sizeof *client);
    if (!client) fail("calloc");
    client->fd = fd;
    client->next = &list;
    client->previous = list.previous;
    list.previous->next = client;
    list.previous = client;
    watch(client, EPOLL_CTL_ADD, EPOLLIN);
}

static void queue(Client *client, const char *data, size_t size) {
    client->waiting = realloc(client->waiting, client->waiting_size + size);
    if (!client->waiting) fail("realloc");
    memcpy(client->waiting + client->waiting_size, data, size);
    client->waiting_size += size;
}

static void write_out(Client *client, const char *data, size_t size) {
    ssize_t sent = client->waiting_size ? 0 : send(client->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return; /* reading will tell */
    if (sent < 0) sent = 0;
    if ((size_t)sent == size) return;
    if (!client->waiting_size) watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    queue(client, data + sent, size - (size_t)sent);
}

static void write_waiting(Client *client) {
    ssize_t sent = send(client->fd, client->waiting, client->waiting_size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    client->waiting_size -= (size_t)sent;
    memmove(client->waiting, client->waiting + sent, client->waiting_size);
    if (!client->waiting_size) watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

/* --- ticks --- */

static void join(const Set *set) {
    joined_for = set;
    joined_size = 0;
    for (size_t i = 0; i < message_count; i++) {
        if (!set->has[messages[i].stream]) continue;
        memcpy(joined + joined_size, frames + messages[i].start, messages[i].size);
        joined_size += messages[i].size;
    }
}

static void send_single(Client *client) {
    for (size_t i = 0; i < message_count; i++)
        if (client->set->has[messages[i].stream]) write_out(client, frames + messages[i].start, messages[i].size);
}

static void distribute(void) {
    joined_for = NULL;
    for (Client *client = list.next; client != &list; client = client->next) {
        if (!client->set) continue;
        if (single) {
            send_single(client);
            continue;
        }
        if (joined_for != client->set) join(client->set);
        if (joined_size) write_out(client, joined, joined_size);
    }
}

/* Appends one message of `size` bytes to the frames of the tick. */
static void add_message(uint32_t stream, size_t size) {
    char head[64];
    static const char middle[] = "\",\"pad\":\"", end[] = "\"}";
    int head_size = snprintf(head, sizeof head, "{\"id\":\"s%u:%llu", stream, (unsigned long long)++numbers[stream]);
    size_t least = (size_t)head_size + sizeof middle - 1 + sizeof end - 1;
    if (size < least || frames_size + size + HEADER_MAX > TICK_BYTES_MAX || message_count == MESSAGES_MAX) {
        fputs("floor: a message is too short, or a tick too large\n", stderr);
        exit(1);
    }
    char *frame = frames + frames_size;
    size_t header = write_header((uint8_t *)frame, OP_TEXT, size, false);
    memcpy(frame + header, head, (size_t)head_size);
    memcpy(frame + header + head_size, middle, sizeof middle - 1);
    memset(frame + header + head_size + sizeof middle - 1, 'x', size - least);
    memcpy(frame + header + size - (sizeof end - 1), end, sizeof end - 1);
    messages[message_count++] = (Message){stream, frames_size, header + size};
    frames_size += header + size;
}

static void take_tick(char *text) {
    frames_size = message_count = 0;
    for (char *next = text;; text = next) {
        unsigned long stream = strtoul(text, &next, 10);
        if (next == text) break;
        unsigned long size = strtoul(next, &next, 10);
        if (stream >= STREAMS_MAX) fail("there is no such stream");
        add_message((uint32_t)stream, size);
    }
    distribute();
}

/* --- requests --- */

static Set *intern(const Set *wanted) {
    for (Set *set = sets; set; set = set->next)
        if (memcmp(set->has, wanted->has, sizeof set->has) == 0) return set;
    Set *set = malloc(sizeof *set);
    if (!set) fail("malloc");
    *set = *wanted;
    set->next = sets;
    return sets = set;
}

static void subscribe(Client *client, char *text) {
    Set wanted = {0};
    for (char *next = text;; text = next) {
        unsigned long stream = strtoul(text, &next, 10);
        if (next == text) break;
        if (stream >= STREAMS_MAX) fail("there is no such stream");
        wanted.has[stream] = true;
    }
    client->set = intern(&wanted);
    write_out(client, "\x81\x02ok", 4);
}

/* Takes one text, which ends with a zero. */
static void take_text(Client *client, char *text) {
    if (text[0] == 's') subscribe(client, text + 1);
    if (text[0] == 't') take_tick(text + 1);
}

static size_t take_frames(Client *client, uint8_t *data, size_t size) {
    size_t used = 0, header;
    Frame frame;
    while ((header = read_header(data + used, size - used, &frame)) && size - used - header >= frame.size) {
        uint8_t *payload = data + used + header;
        unmask(payload, &frame);
        uint8_t after = payload[frame.size];
        payload[frame.size] = 0;
        if (frame.opcode == OP_TEXT) take_text(client, (char *)payload);
        payload[frame.size] = after;
        used += header + frame.size;
    }
    return used;
}

static size_t take_handshake(Client *client, const uint8_t *data, size_t size) {
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    client->upgraded = true;
    write_out(client, ACCEPT, sizeof ACCEPT - 1);
    return (size_t)(end - data) + 4;
}

/* Returns false if the client is gone. */
static bool read_from(Client *client) {
    static uint8_t buffer[READ_BYTES + 1]; /* one more for the zero after a text */
    size_t have = client->rest_size;
    if (have) memcpy(buffer, client->rest, have);
    ssize_t size = recv(client->fd, buffer + have, READ_BYTES - have, 0);
    if (size < 0 && errno == EAGAIN) return true;
    if (size <= 0) return false;
    have += (size_t)size;
    size_t used = client->upgraded ? 0 : take_handshake(client, buffer, have);
    if (client->upgraded) used += take_frames(client, buffer + used, have - used);
    free(client->rest);
    client->rest_size = have - used;
    client->rest = client->rest_size ? malloc(client->rest_size) : NULL;
    if (client->rest) memcpy(client->rest, buffer + used, client->rest_size);
    return true;
}

/* --- the loop --- */

static int listen_on(void) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0) fail("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("READY %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void serve(int listener) {
    struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            Client *client = events[i].data.ptr;
            if (!client) {
                enter(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT) write_waiting(client);
            if (events[i].events & ~(uint32_t)EPOLLOUT && !read_from(client)) drop(client);
        }
    }
}

int main(int count, char **arguments) {
    if (count != 2 || (strcmp(arguments[1], "joined") != 0 && strcmp(arguments[1], "single") != 0)) {
        fputs("usage: floor joined|single\n", stderr);
        return 2;
    }
    single = strcmp(arguments[1], "single") == 0;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    serve(listen_on());
}
