/* SM3 (GB/T 32905) and HMAC over it: how service and caller show each other that both read the same token file. */
#ifndef ONECARD_SM3_H
#define ONECARD_SM3_H

#include <stddef.h>

#define SM3_SIZE 32

/* out: 32 bytes. */
void sm3(const unsigned char *data, size_t length, unsigned char *out);

/* HMAC-SM3 of at most 128 bytes of data under a key of at most 64 bytes. out: 32 bytes. */
void hmac_sm3(const unsigned char *key, size_t key_length, const unsigned char *data, size_t length,
              unsigned char *out);

#endif
