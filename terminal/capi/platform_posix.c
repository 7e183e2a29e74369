#include "platform.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static long long now_ms(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (long long)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, long long until) {
    struct pollfd one = {fd, events, 0};
    long long left;
    int ready;
    do {
        left = until - now_ms();
        ready = left > 0 ? poll(&one, 1, (int)left) : 0;
    } while (ready < 0 && errno == EINTR);
    return ready > 0 ? 0 : -1;
}

long long platform_connect(int port, int timeout_ms) {
    struct sockaddr_in address;
    struct timeval limit = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int platform_idle(long long handle) {
    struct pollfd one = {(int)handle, POLLIN, 0};
    return poll(&one, 1, 0) == 0;
}

int platform_send(long long handle, const unsigned char *data, size_t length, int timeout_ms) {
    long long until = now_ms() + timeout_ms;
    while (length) {
        ssize_t sent;
        if (wait_for((int)handle, POLLOUT, until) != 0)
            return -1;
        sent = send((int)handle, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

int platform_receive(long long handle, unsigned char *data, size_t length, int timeout_ms) {
    long long until = now_ms() + timeout_ms;
    while (length) {
        ssize_t got;
        if (wait_for((int)handle, POLLIN, until) != 0)
            return -1;
        got = recv((int)handle, data, length, 0);
        if (got <= 0)
            return -1;
        data += got;
        length -= (size_t)got;
    }
    return 0;
}

void platform_close(long long handle) { close((int)handle); }

int platform_random(unsigned char *out, size_t length) {
    FILE *source = fopen("/dev/urandom", "rb");
    size_t got = 0;
    if (source) {
        got = fread(out, 1, length, source);
        fclose(source);
    }
    return got == length ? 0 : -1;
}

int platform_hmac(const unsigned char *key, size_t key_length, const unsigned char *data, size_t length,
                  unsigned char *out) {
    /* Looked up at run time: a program that brings its own libcrypto is not given a second one at link time. */
    typedef const void *(*digest_function)(void);
    typedef unsigned char *(*hmac_function)(const void *, const void *, int, const unsigned char *, size_t,
                                            unsigned char *, unsigned int *);
    static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1"};
    unsigned int size = 0;
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        digest_function sha256;
        hmac_function hmac;
        if (!library)
            continue;
        /* The one conversion POSIX has for a function looked up by name. */
        *(void **)&sha256 = dlsym(library, "EVP_sha256");
        *(void **)&hmac = dlsym(library, "HMAC");
        if (sha256 && hmac && hmac(sha256(), key, (int)key_length, data, length, out, &size) && size == PLATFORM_HMAC_SIZE)
            return 0; /* the library stays loaded */
        dlclose(library);
    }
    return -1;
}

void platform_lock(void) { pthread_mutex_lock(&lock); }
void platform_unlock(void) { pthread_mutex_unlock(&lock); }

void platform_token_path(char *out, size_t room) {
    const char *named = getenv("ONECARD_LDT33"), *home = getenv("HOME");
    int size = named ? snprintf(out, room, "%s", named) : snprintf(out, room, "%s/.onecard/ldt33.token", home ? home : "");
    if (size < 0 || (size_t)size >= room)
        out[0] = '\0';
}
