/* The load generator: N clients and a trigger, in one thread, with epoll.
 *
 * `load PLAN` opens all connections, waits until their subscriptions are acknowledged, causes ticks, checks every
 * message that clients receive, and prints one JSON object (and before it one for each phase that ends). Ticks are
 * caused in a closed loop, so many in flight, or at a fixed rate. It ends with status 1 and a sentence if anything was
 * lost, doubled, reordered or changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "load.h"
#include "websocket.h"

enum {
    IN_FLIGHT_MAX = 1 << 14, /* ticks */
    OPENING_MAX = 64,        /* connections that are being opened at once */
    EVENTS_MAX = 512,
    CODES_MAX = 5000,
    PATIENCE_S = 10, /* a tick that takes longer is lost, or, at a fixed rate, too much for the server */
    QUIET_MS = 200,  /* nothing may come after the last tick for so long */
    DIGITS = 10,
};
static const uint64_t SECOND_NS = 1000000000;

/* What the server's processes have used, and what has come, at one moment. */
typedef struct {
    uint64_t at_ns, messages, bytes, ticks, deliveries;
    double user_s, system_s, load_s;
    uint64_t rss_bytes;
} Sample;

typedef struct {
    uint64_t sent_ns, due_clients;
    int phase; /* -1 in the warm-up */
} Flight;

Plan plan;
Client *clients;
uint32_t client_count, open_count;
uint64_t messages, received_bytes, sent_ticks, now_ns;

static TriggerConnection trigger = {.connection.trigger = true};
static Flight flights[IN_FLIGHT_MAX];
static uint64_t done_ticks, deliveries, begin_ns, measured_ns, opening_ns, reconnects, late_max_ns;
static uint64_t *tick_clients, *tick_messages; /* by tick of the cycle, of all steady clients */
static Histogram *phases;
static Sample *phase_samples;
static uint32_t phase, opened_in_all, next_churning;
static int timer_fd;

_Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static uint64_t after(uint64_t from_ns, double seconds) { return from_ns + (uint64_t)(seconds * 1e9); }

/* --- what the server uses --- */

static void add_process(Sample *sample, uint32_t pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (size <= 0) fail("the server's process %u is gone", pid);
    close(fd);
    text[size] = 0;
    unsigned long user, system, pages;
    const char *fields = strrchr(text, ')'); /* what is before can have blanks */
    static const char format[] = " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu" /* fields 3 to 15 */
                                 " %*d %*d %*d %*d %*d %*d %*u %*u %lu";
    if (!fields || sscanf(fields + 1, format, &user, &system, &pages) != 3) fail("%s cannot be read", path);
    double ticks_per_s = (double)sysconf(_SC_CLK_TCK);
    sample->user_s += (double)user / ticks_per_s;
    sample->system_s += (double)system / ticks_per_s;
    sample->rss_bytes += pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static Sample take_sample(void) {
    Sample sample = {.at_ns = clock_ns(), .messages = messages, .bytes = received_bytes, .ticks = done_ticks};
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    sample.deliveries = deliveries;
    sample.load_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    for (uint32_t i = 0; i < plan.pid_count; i++) add_process(&sample, plan.pids[i]);
    return sample;
}

/* --- connections --- */

static void run_if_open(Connection *connection) {
    if (connection->answers || connection->state != OPENING) return;
    connection->state = RUNNING;
    open_count++;
}

void connected(Connection *connection) {
    const Bytes *opening = connection->trigger ? &plan.trigger_opening : &((Client *)connection)->group->opening;
    connection->state = OPENING;
    connection->answers = connection->trigger ? plan.trigger_answers : ((Client *)connection)->group->answers;
    if (opening->size) send_all(connection, opening->data, opening->size);
    run_if_open(connection);
}

void answered(Connection *connection) {
    if (connection->state != OPENING) return; /* NATS: an answer to one of our PONGs */
    connection->answers--;
    run_if_open(connection);
}

void ended(Connection *connection, uint16_t close_code) {
    Client *client = (Client *)connection;
    if (connection->trigger) fail("the trigger's connection was closed (%u)", close_code);
    if (client->group->kind != SLOW || connection->state != RUNNING)
        fail("client %u was closed with %u", client->number, close_code);
    client->close_code = close_code;
    close_connection(connection);
}

static void open_client(Client *client) {
    bool witness = plan.witness && client->number == 0;
    open_connection(&client->connection, plan.port, witness, client->group->kind == SLOW, &client->group->handshake);
}

static void make_clients(void) {
    for (uint32_t i = 0; i < plan.group_count; i++) client_count += plan.groups[i].clients;
    clients = calloc(client_count, sizeof *clients);
    uint32_t number = 0;
    for (uint32_t i = 0; i < plan.group_count; i++)
        for (uint32_t j = 0; j < plan.groups[i].clients; j++, number++) {
            clients[number].group = &plan.groups[i];
            clients[number].number = number;
            clients[number].flows = calloc(plan.groups[i].stream_count, sizeof(Flow));
        }
}

static bool followed(const Client *client) {
    return client->group->kind == STEADY && (!plan.witness || client->number == 0);
}

/* Works out, for each tick of the cycle, how many clients it is followed at, and how many messages all get. */
static void count_deliveries(void) {
    tick_clients = calloc(plan.tick_count, sizeof *tick_clients);
    tick_messages = calloc(plan.tick_count, sizeof *tick_messages);
    for (uint32_t i = 0; i < client_count; i++)
        for (uint32_t t = 0; t < plan.tick_count; t++) {
            uint32_t need = clients[i].group->needs[t];
            tick_messages[t] += need;
            tick_clients[t] += need && followed(&clients[i]);
        }
}

/* --- ticks --- */

void complete_tick(Client *client) {
    if (!followed(client)) return;
    Flight *flight = &flights[client->tick % IN_FLIGHT_MAX];
    flight->due_clients--;
    if (flight->phase >= 0) add_value(&phases[flight->phase], now_ns - flight->sent_ns);
}

static void count_done(void) {
    while (done_ticks < sent_ticks && flights[done_ticks % IN_FLIGHT_MAX].due_clients == 0)
        deliveries += tick_messages[done_ticks++ % plan.tick_count];
}

void take_reply(const char *text, size_t size) {
    bool http = strcmp(plan.triggering, "http") == 0;
    if (http ? text[0] != '2' : memmem(text, size, "\"type\":\"error\"", 14) != NULL)
        fail("the trigger is refused: %.*s", size < 300 ? (int)size : 300, text);
    trigger.replies++;
}

static void flush_trigger(void) {
    Bytes *out = &trigger.out;
    ssize_t sent = send(trigger.connection.fd, out->data, out->size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail("the trigger cannot send: %s", strerror(errno));
    if (sent > 0) {
        out->size -= (size_t)sent;
        memmove(out->data, out->data + sent, out->size);
    }
    struct epoll_event event = {.events = EPOLLIN | (out->size ? EPOLLOUT : 0), .data.ptr = &trigger};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, trigger.connection.fd, &event);
}

/* Puts the next numbers into the messages that a trigger carries itself. */
static void patch(const Tick *tick, char *data) {
    for (uint32_t i = 0; i < tick->patch_count; i++) {
        uint64_t number = ++trigger.published[tick->patches[i].stream];
        char *digits = data + tick->patches[i].offset;
        for (int place = DIGITS - 1; place >= 0; place--, number /= 10) digits[place] = (char)('0' + number % 10);
    }
}

static void send_tick(uint64_t due_ns) {
    const Tick *tick = &plan.ticks[sent_ticks % plan.tick_count];
    size_t waiting = trigger.out.size;
    trigger.out.data = realloc(trigger.out.data, waiting + tick->data.size);
    if (!trigger.out.data) fail("too little memory");
    memcpy(trigger.out.data + waiting, tick->data.data, tick->data.size);
    patch(tick, trigger.out.data + waiting);
    trigger.out.size += tick->data.size;
    trigger.replies_due += tick->replies;
    uint64_t sent_ns = clock_ns();
    if (due_ns && sent_ns - due_ns > late_max_ns) late_max_ns = sent_ns - due_ns;
    flights[sent_ticks % IN_FLIGHT_MAX] = (Flight){
        .sent_ns = sent_ns,
        .due_clients = tick_clients[sent_ticks % plan.tick_count],
        .phase = measured_ns ? (int)phase : -1,
    };
    sent_ticks++;
    if (!waiting) flush_trigger();
}

static void arm_timer(uint64_t at_ns) {
    struct itimerspec when = {.it_value = {(time_t)(at_ns / SECOND_NS), (long)(at_ns % SECOND_NS)}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Sends what is due: by the clock at a fixed rate, else as soon as fewer ticks are in flight than may be. */
static void send_due_ticks(void) {
    static uint64_t due_ns;
    if (!plan.fixed) {
        while (sent_ticks < done_ticks + plan.window) send_tick(0);
        return;
    }
    if (!due_ns) due_ns = now_ns;
    for (; due_ns <= now_ns && sent_ticks - done_ticks < IN_FLIGHT_MAX; due_ns = after(due_ns, 1 / plan.rate))
        send_tick(due_ns);
    arm_timer(due_ns);
}

/* --- the loop --- */

static void turn(int timeout_ms) {
    static struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        Connection *connection = events[i].data.ptr;
        uint64_t expirations;
        if (!connection) {
            if (read(timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("the timer fails");
            continue;
        }
        if (connection->state == CLOSED) continue; /* by an event before in this turn */
        now_ns = clock_ns();
        if (connection->trigger && events[i].events & EPOLLOUT) flush_trigger();
        if (events[i].events & ~(uint32_t)EPOLLOUT) receive(connection);
    }
    now_ns = clock_ns();
    count_done();
}

static void open_all(void) {
    uint64_t start_ns = clock_ns();
    open_connection(&trigger.connection, plan.trigger_port, plan.witness, false, &plan.trigger_handshake);
    while (open_count < client_count + 1) {
        for (; opened_in_all < client_count && opened_in_all + 1 < open_count + OPENING_MAX; opened_in_all++)
            open_client(&clients[opened_in_all]);
        turn(100);
        if (now_ns > after(start_ns, 6 * PATIENCE_S))
            fail("of %u connections %u are open after a minute", client_count + 1, open_count);
    }
    opening_ns = clock_ns() - start_ns;
}

/* From now on all sends of the server but those to the witness and the trigger do nothing. */
static void flip_switch(void) {
    int fd = open(plan.switch_path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1", 1) != 1) fail("cannot write to %s", plan.switch_path);
    close(fd);
}

static void pause_slow(bool pausing) {
    for (uint32_t i = 0; i < client_count; i++)
        if (clients[i].group->kind == SLOW && clients[i].connection.state == RUNNING)
            watch_connection(&clients[i].connection, !pausing);
}

/* Lets the next of the churning clients come anew: every second one says goodbye first. */
static void churn(void) {
    for (uint32_t tries = 0; tries < client_count; tries++) {
        Client *client = &clients[next_churning++ % client_count];
        if (client->group->kind != CHURNING || client->connection.state != RUNNING) continue;
        if (reconnects++ % 2) send_all(&client->connection, "\x88\x82\0\0\0\0\x03\xe8", 8);
        close_connection(&client->connection);
        open_count--;
        memset(client->flows, 0, client->group->stream_count * sizeof(Flow));
        open_client(client);
        return;
    }
}

static void do_what_is_due(void) {
    static uint64_t churn_ns;
    static bool paused, resumed;
    if (!measured_ns) return;
    if (plan.slow_to_s > 0 && !paused && now_ns >= after(measured_ns, plan.slow_from_s)) {
        pause_slow(true);
        paused = true;
    }
    if (paused && !resumed && now_ns >= after(measured_ns, plan.slow_to_s)) {
        pause_slow(false);
        resumed = true;
    }
    if (plan.churn_per_s <= 0) return;
    if (!churn_ns) churn_ns = now_ns;
    for (; churn_ns <= now_ns; churn_ns = after(churn_ns, 1 / plan.churn_per_s)) churn();
}

static void print_latency(const Histogram *histogram) {
    printf("{\"p50\":%.1f,\"p99\":%.1f,\"p99.9\":%.1f,\"max\":%.1f}", percentile(histogram, 0.5) / 1e3,
           percentile(histogram, 0.99) / 1e3, percentile(histogram, 0.999) / 1e3, (double)histogram->max / 1e3);
}

static void print_phase(uint32_t number) {
    printf("{\"phase\":%u,\"rss_bytes\":%" PRIu64 ",\"latencies\":%" PRIu64 ",\"latency_us\":", number,
           phase_samples[number].rss_bytes, phases[number].count);
    print_latency(&phases[number]);
    printf("}");
}

static void end_phases(void) {
    while (phase < plan.phase_count && now_ns >= after(measured_ns, plan.phase_ends_s[phase])) {
        phase_samples[phase] = take_sample();
        print_phase(phase++);
        printf("\n");
        fflush(stdout);
    }
}

static void check_patience(void) {
    if (sent_ticks == done_ticks || now_ns < after(flights[done_ticks % IN_FLIGHT_MAX].sent_ns, PATIENCE_S)) return;
    if (plan.fixed && sent_ticks - done_ticks > plan.rate * PATIENCE_S / 2) {
        puts("{\"sustained\":false}");
        exit(0);
    }
    for (uint32_t i = 0; i < client_count; i++)
        if (followed(&clients[i]) && clients[i].tick <= done_ticks)
            fail("client %u has %u of the %u messages of tick %" PRIu64 ", and no more come", i, clients[i].got,
                 clients[i].group->needs[clients[i].tick % plan.tick_count], clients[i].tick);
    fail("tick %" PRIu64 " does not come", done_ticks);
}

/* Causes ticks for as long as planned; returns the samples at the beginning and at the end of what is measured. */
static void run(Sample samples[2]) {
    begin_ns = now_ns = clock_ns();
    while (phase < plan.phase_count) {
        if (!measured_ns && now_ns >= after(begin_ns, plan.warm_up_s)) {
            samples[0] = take_sample();
            measured_ns = samples[0].at_ns;
        }
        do_what_is_due();
        send_due_ticks();
        turn(20);
        check_patience();
        if (measured_ns) end_phases();
    }
    samples[1] = take_sample();
}

/* Waits for the last ticks, for the trigger's replies, and that no message comes after them. */
static void drain(void) {
    uint64_t quiet_ns = now_ns, before = messages;
    if (sent_ticks > done_ticks) flights[done_ticks % IN_FLIGHT_MAX].sent_ns = now_ns; /* patience begins anew */
    while (sent_ticks > done_ticks || trigger.replies < trigger.replies_due ||
           now_ns - quiet_ns < QUIET_MS * SECOND_NS / 1000) {
        turn(20);
        if (messages != before) quiet_ns = now_ns;
        before = messages;
        check_patience();
        if (now_ns > after(quiet_ns, PATIENCE_S))
            fail("%" PRIu64 " replies are missing", trigger.replies_due - trigger.replies);
    }
    if (trigger.replies > trigger.replies_due) fail("the trigger got more replies than there should be");
}

/* --- the report --- */

static void print_slow(void) {
    static uint32_t codes[CODES_MAX];
    uint32_t count = 0, told = 0;
    for (uint32_t i = 0; i < client_count; i++) {
        if (clients[i].group->kind != SLOW) continue;
        count++;
        told += clients[i].told;
        codes[clients[i].close_code % CODES_MAX]++;
    }
    printf(",\"slow\":{\"clients\":%u,\"told\":%u,\"open\":%u,\"closes\":{", count, told, codes[0]);
    for (uint32_t code = 1, any = 0; code < CODES_MAX; code++)
        if (codes[code]) printf("%s\"%u\":%u", any++ ? "," : "", code, codes[code]);
    printf("}}");
}

static void print_report(const Sample samples[2]) {
    const Sample *from = &samples[0], *to = &samples[1];
    static Histogram all;
    for (uint32_t i = 0; i < plan.phase_count; i++) add_all(&all, &phases[i]);
    uint64_t delivered = plan.witness ? to->deliveries - from->deliveries : to->messages - from->messages;
    printf("{\"sustained\":true,\"clients\":%u,\"ticks\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64,
           client_count, to->ticks - from->ticks, delivered, to->bytes - from->bytes);
    printf(",\"seconds\":%.6f,\"user_s\":%.3f,\"system_s\":%.3f,\"rss_bytes\":%" PRIu64 ",\"load_s\":%.3f",
           (double)(to->at_ns - from->at_ns) / 1e9, to->user_s - from->user_s, to->system_s - from->system_s,
           to->rss_bytes, to->load_s - from->load_s);
    printf(",\"opening_s\":%.3f,\"reconnects\":%" PRIu64 ",\"late_max_us\":%.1f,\"latency_us\":",
           (double)opening_ns / 1e9, reconnects, (double)late_max_ns / 1e3);
    print_latency(&all);
    print_slow();
    printf(",\"phases\":[");
    for (uint32_t i = 0; i < plan.phase_count; i++) {
        if (i) printf(",");
        print_phase(i);
    }
    printf("]}\n");
}

static void prepare(const char *path) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    read_plan(path, &plan);
    make_clients();
    count_deliveries();
    phases = calloc(plan.phase_count, sizeof *phases);
    phase_samples = calloc(plan.phase_count, sizeof *phase_samples);
    trigger.published = calloc(plan.stream_count, sizeof *trigger.published);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fputs("usage: load PLAN\n", stderr);
        return 2;
    }
    Sample samples[2] = {0};
    prepare(arguments[1]);
    open_all();
    if (plan.witness) flip_switch();
    run(samples);
    drain();
    compare_clients();
    print_report(samples);
    return 0;
}
