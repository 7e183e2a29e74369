/* The standard terminal functions for programs that load a library: each call goes to the local service and back.
 *
 * Nothing is decided here. pOutInfo is written only after the whole answer was checked, and never beyond the least
 * buffer of the function (functions.inc). One call at a time; the connection is kept, because the steps of one sequence
 * belong to one caller.
 */
#include "ldt33.h"

#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "wire.h"

#define LIBRARY_ERROR (-5)      /* no service behind the library */
#define BAD_PARAMETER (-14)     /* a missing pointer */
#define BAD_INFORMATION (-15)   /* the service's answer did not check */
#define TOO_LONG (-42)          /* a text without end */
#define CONNECT_MS 5000
#define ANSWER_MS 90000
#define PIN_ANSWER_MS 240000

static long long connection = -1;
static unsigned char buffer[WIRE_MAX]; /* under the lock */

static void drop(void) {
    if (connection >= 0)
        platform_close(connection);
    connection = -1;
}

static int read_address(wire_address *address) {
    char path[1024], text[1024];
    size_t size;
    FILE *file;
    platform_token_path(path, sizeof path);
    file = path[0] ? fopen(path, "rb") : NULL;
    if (!file)
        return -1;
    size = fread(text, 1, sizeof text, file);
    fclose(file);
    return wire_read_address(text, size, address);
}

/* Both sides show that they know the token; neither sends it. */
static int introduce(const wire_address *address) {
    unsigned char hello[WIRE_HELLO], said[1 + 2 * WIRE_NONCE], proof[WIRE_NONCE + PLATFORM_HMAC_SIZE], answer[PLATFORM_HMAC_SIZE];
    unsigned char different = 0;
    int i;
    if (platform_receive(connection, hello, sizeof hello, CONNECT_MS) != 0 || memcmp(hello, "OL33\1", 5) != 0)
        return -1;
    said[0] = 'C';
    memcpy(said + 1, hello + 5, WIRE_NONCE);
    if (platform_random(said + 1 + WIRE_NONCE, WIRE_NONCE) != 0)
        return -1;
    memcpy(proof, said + 1 + WIRE_NONCE, WIRE_NONCE);
    if (platform_hmac(address->token, WIRE_TOKEN, said, sizeof said, proof + WIRE_NONCE) != 0 ||
        platform_send(connection, proof, sizeof proof, CONNECT_MS) != 0 ||
        platform_receive(connection, answer, sizeof answer, CONNECT_MS) != 0)
        return -1;
    said[0] = 'S';
    if (platform_hmac(address->token, WIRE_TOKEN, said, sizeof said, proof) != 0)
        return -1;
    for (i = 0; i < PLATFORM_HMAC_SIZE; i++)
        different |= (unsigned char)(answer[i] ^ proof[i]);
    return different ? -1 : 0;
}

static int connected(void) {
    wire_address address;
    if (connection >= 0 && platform_idle(connection))
        return 0;
    drop();
    if (read_address(&address) != 0)
        return -1;
    connection = platform_connect(address.port, CONNECT_MS);
    if (connection < 0)
        return -1;
    if (introduce(&address) != 0) {
        drop();
        return -1;
    }
    return 0;
}

static long exchange(size_t length, char *out, size_t room, int timeout_ms) {
    unsigned char head[4];
    int code;
    if (platform_send(connection, buffer, length, CONNECT_MS) != 0)
        return LIBRARY_ERROR;
    if (platform_receive(connection, head, sizeof head, timeout_ms) != 0)
        return BAD_INFORMATION;
    length = wire_answer_length(head);
    if (length == 0 || platform_receive(connection, buffer, length, CONNECT_MS) != 0 ||
        wire_read_answer(buffer, length, out, room, &code) != 0)
        return BAD_INFORMATION;
    return code;
}

static long run(const char *name, size_t room, int pin, char *out, const wire_argument *arguments, unsigned count) {
    size_t length;
    long code;
    unsigned i;
    if (!out)
        return BAD_PARAMETER;
    out[0] = '\0';
    for (i = 0; i < count; i++)
        if (arguments[i].is_text && !arguments[i].text)
            return BAD_PARAMETER;
    platform_lock();
    length = wire_write_request(name, arguments, count, buffer);
    if (length == 0)
        code = TOO_LONG;
    else if (connected() != 0)
        code = LIBRARY_ERROR;
    else {
        code = exchange(length, out, room, pin ? PIN_ANSWER_MS : ANSWER_MS);
        if (code == LIBRARY_ERROR || code == BAD_INFORMATION)
            drop(); /* what comes next on this connection is not ours */
    }
    memset(buffer, 0, length); /* a PIN may have stood in it */
    platform_unlock();
    return code;
}

#define N(value) {0, (value), NULL}
#define S(value) {1, 0, (value)}
#define BODY(name, room, pin, ...)                                                                                     \
    {                                                                                                                  \
        const wire_argument arguments[] = {__VA_ARGS__};                                                               \
        return run(#name, room, pin, out, arguments, sizeof arguments / sizeof *arguments);                            \
    }
#define DEFINE_I(name, room, pin) LDT33_API long LDT33_CALL name(int a, char *out) BODY(name, room, pin, N(a))
#define DEFINE_T(name, room, pin) LDT33_API long LDT33_CALL name(char *a, char *out) BODY(name, room, pin, S(a))
#define DEFINE_IT(name, room, pin)                                                                                     \
    LDT33_API long LDT33_CALL name(int a, char *b, char *out) BODY(name, room, pin, N(a), S(b))
#define DEFINE_TT(name, room, pin)                                                                                     \
    LDT33_API long LDT33_CALL name(char *a, char *b, char *out) BODY(name, room, pin, S(a), S(b))
#define DEFINE_ITT(name, room, pin)                                                                                    \
    LDT33_API long LDT33_CALL name(int a, char *b, char *c, char *out) BODY(name, room, pin, N(a), S(b), S(c))
#define DEFINE_TTI(name, room, pin)                                                                                    \
    LDT33_API long LDT33_CALL name(char *a, char *b, int c, char *out) BODY(name, room, pin, S(a), S(b), N(c))
#define DEFINE_IITT(name, room, pin)                                                                                   \
    LDT33_API long LDT33_CALL name(int a, int b, char *c, char *d, char *out)                                          \
        BODY(name, room, pin, N(a), N(b), S(c), S(d))
#define DEFINE_ITTT(name, room, pin)                                                                                   \
    LDT33_API long LDT33_CALL name(int a, char *b, char *c, char *d, char *out)                                        \
        BODY(name, room, pin, N(a), S(b), S(c), S(d))
#define DEFINE_TTTI(name, room, pin)                                                                                   \
    LDT33_API long LDT33_CALL name(char *a, char *b, char *c, int d, char *out)                                        \
        BODY(name, room, pin, S(a), S(b), S(c), N(d))
#define DEFINE_TTTTI(name, room, pin)                                                                                  \
    LDT33_API long LDT33_CALL name(char *a, char *b, char *c, char *d, int e, char *out)                               \
        BODY(name, room, pin, S(a), S(b), S(c), S(d), N(e))
#define F(name, shape, room, pin) DEFINE_##shape(name, room, pin)
#include "functions.inc"
