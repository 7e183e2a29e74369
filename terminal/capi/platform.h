/* What differs between Windows and the rest: a socket to this machine, chance, a MAC, a lock, a file, a clock. */
#ifndef ONECARD_PLATFORM_H
#define ONECARD_PLATFORM_H

#include <stddef.h>

#define PLATFORM_HMAC_SIZE 32

/* A connection to 127.0.0.1, or -1. */
long long platform_connect(int port, int timeout_ms);
/* 1 when the connection is open and nothing unread waits in it, else 0. */
int platform_idle(long long handle);
/* 0 when all `length` bytes went out or came in before `timeout_ms` passed, else -1. */
int platform_send(long long handle, const unsigned char *data, size_t length, int timeout_ms);
int platform_receive(long long handle, unsigned char *data, size_t length, int timeout_ms);
void platform_close(long long handle);
/* 0 when `out` is full of random bytes. */
int platform_random(unsigned char *out, size_t length);
/* HMAC-SHA-256 by the system's own library (CNG, libcrypto); out: 32 bytes. 0 when it was computed. */
int platform_hmac(const unsigned char *key, size_t key_length, const unsigned char *data, size_t length,
                  unsigned char *out);
void platform_lock(void);
void platform_unlock(void);
/* Path of the token file, or an empty string. */
void platform_token_path(char *out, size_t room);

#endif
