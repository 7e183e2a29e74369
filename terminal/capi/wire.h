/* The bytes between the library and the local service (docs/ldt33.md), without any input or output: what is fuzzed.
 *
 * hello    service: "OL33" 01 nonce 16
 * proof    caller:  nonce 16, HMAC-SHA-256(token, 'C' nonces) 32;  service: HMAC-SHA-256(token, 'S' nonces) 32
 * request  length 4, name length 1, name, count 1, then for each argument 'i' number 4 or 's' length 4 text
 * answer   length 4, return code 4, text length 4, text
 * Numbers are big-endian. Neither a request nor an answer is longer than WIRE_MAX.
 */
#ifndef ONECARD_WIRE_H
#define ONECARD_WIRE_H

#include <stddef.h>

#define WIRE_MAX 65536
#define WIRE_TEXT_MAX 16384
#define WIRE_HELLO 21
#define WIRE_NONCE 16
#define WIRE_TOKEN 32
#define WIRE_ANSWER_HEAD 8

typedef struct {
    int is_text;
    int number;
    const char *text;
} wire_argument;

typedef struct {
    int port;
    unsigned char token[WIRE_TOKEN];
} wire_address;

/* Token file: "onecard-ldt33 1", "port N", "token 64 hex digits", a line each. 0 when it is one. */
int wire_read_address(const char *text, size_t length, wire_address *out);

/* Length of the request written to `out` (WIRE_MAX bytes), 0 when it does not fit or a text is too long. */
size_t wire_write_request(const char *name, const wire_argument *arguments, unsigned count, unsigned char *out);

/* Length that follows the four bytes `head`, 0 when no answer is that short or that long. */
size_t wire_answer_length(const unsigned char *head);

/* Writes the text and a zero byte to `out` of `room` bytes and gives the return code through `code`. Returns 0; or -1
 * when the answer is malformed or does not fit, and then nothing but one zero byte was written. */
int wire_read_answer(const unsigned char *body, size_t length, char *out, size_t room, int *code);

#endif
