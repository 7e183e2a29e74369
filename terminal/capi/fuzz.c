/* Feeds bytes to the parsers of what comes from outside (wire.c) and proves that nothing is written beyond a buffer.
 *
 *   fuzz CASES [SEED]     built with -fsanitize=address,undefined by tests/terminal/ldt33/test_capi.py
 *
 * Cases are random bytes, and well-formed answers with one thing changed. Every output buffer has its exact size on the
 * heap, so that the sanitizer sees a byte too many, and marked bytes around it, so that plain builds see it too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define GUARD 32
#define MARK 0xA5

static unsigned long long state;

static unsigned next(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned)((state * 2685821657736338717ULL) >> 32);
}

static int untouched(const unsigned char *at) {
    int i;
    for (i = 0; i < GUARD; i++)
        if (at[i] != MARK)
            return 0;
    return 1;
}

static unsigned long taken, refused;

static int answer(const unsigned char *bytes, size_t length, size_t room) {
    unsigned char *body = malloc(length ? length : 1), *guarded = malloc(room + 2 * GUARD), *exact = malloc(room);
    int code = 0, first, second, good = body && guarded && exact;
    if (good) {
        memcpy(body, bytes, length);
        memset(guarded, MARK, room + 2 * GUARD);
        first = wire_read_answer(body, length, (char *)guarded + GUARD, room, &code);
        second = wire_read_answer(body, length, (char *)exact, room, &code);
        good = first == second && untouched(guarded) && untouched(guarded + GUARD + room);
        good = good && memchr(guarded + GUARD, 0, room) != NULL && (first == 0 || guarded[GUARD] == 0);
        for (size_t i = 1; first != 0 && i < room; i++)
            good = good && guarded[GUARD + i] == MARK;
        if (first == 0)
            taken++;
        else
            refused++;
    }
    free(body);
    free(guarded);
    free(exact);
    return good;
}

static int one_answer(void) {
    static unsigned char bytes[WIRE_MAX];
    size_t room = 1 + next() % 5000, size = next() % 6000, length = 8 + size, i;
    for (i = 0; i < length; i++)
        bytes[i] = (unsigned char)(1 + next() % 255);
    if (next() % 8) { /* well-formed, then perhaps not quite */
        for (i = 0; i < 4; i++)
            bytes[4 + i] = (unsigned char)(size >> (24 - 8 * i));
        switch (next() % 6) {
        case 0: bytes[next() % length] ^= (unsigned char)(1 + next() % 255); break;
        case 1: length = next() % (length + 1); break;
        case 2: length += next() % 16; break;
        case 3: room = 1 + size; break;
        case 4: room = size ? size : 1; break;
        default: break;
        }
    }
    return answer(bytes, length, room);
}

static int one_address(void) {
    static const char good[] = "onecard-ldt33 1\nport 40000\ntoken "
                               "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n";
    size_t length = sizeof good - 1, i;
    char *text = malloc(length + 8);
    wire_address found;
    if (!text)
        return 0;
    memcpy(text, good, length);
    for (i = next() % 4; i > 0; i--)
        text[next() % length] = (char)next();
    if (next() % 2)
        length = next() % (length + 1);
    {
        char *exact = malloc(length ? length : 1);
        if (exact) {
            memcpy(exact, text, length);
            wire_read_address(exact, length, &found);
        }
        free(exact);
    }
    free(text);
    return 1;
}

static int one_request(void) {
    static unsigned char out[WIRE_MAX + GUARD];
    static char text[WIRE_TEXT_MAX + 64];
    wire_argument arguments[6];
    unsigned count = next() % 7, i;
    size_t size = next() % (sizeof text - 1), length;
    memset(text, 'x', sizeof text);
    text[size] = '\0';
    for (i = 0; i < count; i++) {
        arguments[i].is_text = (int)(next() % 4);
        arguments[i].number = (int)next();
        arguments[i].text = text;
    }
    memset(out + WIRE_MAX, MARK, GUARD);
    length = wire_write_request("iWriteCard", arguments, count, out);
    return untouched(out + WIRE_MAX) && length <= WIRE_MAX && (length == 0 || wire_answer_length(out) <= WIRE_MAX - 4);
}

int main(int count, char **words) {
    unsigned long cases = count > 1 ? strtoul(words[1], NULL, 10) : 100000, i;
    state = count > 2 ? strtoull(words[2], NULL, 10) : 1;
    state = state * 2862933555777941757ULL + 3037000493ULL;
    for (i = 0; i < cases; i++)
        if (!one_answer() || !one_address() || !one_request()) {
            printf("case %lu wrote where it may not\n", i);
            return 1;
        }
    printf("%lu cases, %lu answers taken, %lu refused\n", cases, taken, refused);
    return 0;
}
