/* Makes sending a no-op: what is left of a server's CPU time is its own, in user space, on any machine.
 *
 * Preloaded (LD_PRELOAD) with NOSEND_SWITCH naming a file of at least one byte. While its first byte is '0' nothing is
 * different. Once it is '1', send, sendto, sendmsg, write and writev on a connected TCP socket return at once that all
 * was sent, but for sockets whose peer is 127.0.0.2: the witness that tells when a tick is done, and the trigger.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES_MAX = 1 << 16, UNKNOWN = 0, REAL = 1, SILENT = 2 };

static volatile const char *switch_byte = "0";
static unsigned char kinds[FILES_MAX]; /* by file descriptor, as found out after the switch */

static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
static ssize_t (*real_sendmsg)(int, const struct msghdr *, int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_close)(int);

static void find(void *function, const char *name) { *(void **)function = dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void set_up(void) {
    find(&real_send, "send");
    find(&real_sendto, "sendto");
    find(&real_sendmsg, "sendmsg");
    find(&real_write, "write");
    find(&real_writev, "writev");
    find(&real_close, "close");
    const char *path = getenv("NOSEND_SWITCH");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) switch_byte = page;
    real_close(fd);
}

static unsigned char kind_of(int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t size = sizeof peer;
    if (getpeername(fd, &peer.any, &size) < 0) return REAL;
    in_addr_t address = peer.v4.sin_addr.s_addr;
    if (peer.any.sa_family == AF_INET6) memcpy(&address, peer.v6.sin6_addr.s6_addr + 12, sizeof address);
    else if (peer.any.sa_family != AF_INET) return REAL;
    return address == inet_addr("127.0.0.2") ? REAL : SILENT;
}

static int silent(int fd) {
    if (!real_close) set_up(); /* somebody's constructor came before ours */
    if (*switch_byte != '1' || fd < 0 || fd >= FILES_MAX) return 0;
    if (kinds[fd] == UNKNOWN) kinds[fd] = kind_of(fd);
    return kinds[fd] == SILENT;
}

static ssize_t sum(const struct iovec *parts, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += parts[i].iov_len;
    return (ssize_t)size;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    return silent(fd) ? (ssize_t)size : real_send(fd, data, size, flags);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size) {
    return silent(fd) ? (ssize_t)size : real_sendto(fd, data, size, flags, to, to_size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    return silent(fd) ? sum(message->msg_iov, message->msg_iovlen) : real_sendmsg(fd, message, flags);
}

ssize_t write(int fd, const void *data, size_t size) {
    return silent(fd) ? (ssize_t)size : real_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return silent(fd) ? sum(parts, (size_t)count) : real_writev(fd, parts, count);
}

int close(int fd) {
    if (!real_close) set_up();
    if (fd >= 0 && fd < FILES_MAX) kinds[fd] = UNKNOWN;
    return real_close(fd);
}
