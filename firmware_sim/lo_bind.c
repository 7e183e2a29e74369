/* The vpcd driver listens on every network interface; this preload makes it listen on loopback only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in local;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "bind");
    if (address && address->sa_family == AF_INET && length >= (socklen_t)sizeof local) {
        memcpy(&local, address, sizeof local);
        if (local.sin_addr.s_addr == htonl(INADDR_ANY)) {
            local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            return next(fd, (struct sockaddr *)&local, sizeof local);
        }
    }
    return next(fd, address, length);
}
