/* Preloaded into the daemon. The vpcd driver listens on every network interface; here it listens on loopback only.
 * The daemon will not start where it cannot make its own folder, which it does not use when its socket is handed to it;
 * here an ordinary user's daemon believes that the folder is there. The daemon asks a reader without an interrupt for a
 * card every 400 ms, which is all its waiting there is; a driver that only looks at a socket is asked more often. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

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

int mkdir(const char *path, mode_t mode)
{
    static int (*next)(const char *, mode_t);
    int done;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "mkdir");
    done = next(path, mode);
    if (done != 0 && strcmp(path, FIXED_FOLDER) == 0)
        errno = EEXIST;
    return done;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    static int (*next)(const struct timespec *, struct timespec *);
    struct timespec sooner = {0, LOOK_MS * 1000000L};

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "nanosleep");
    if (wanted && wanted->tv_sec == 0 && wanted->tv_nsec == 400000000L)
        return next(&sooner, left);
    return next(wanted, left);
}
