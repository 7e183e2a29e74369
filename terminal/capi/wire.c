#include "wire.h"

#include <string.h>

static void put32(unsigned char *out, unsigned long value) {
    out[0] = (unsigned char)(value >> 24);
    out[1] = (unsigned char)(value >> 16);
    out[2] = (unsigned char)(value >> 8);
    out[3] = (unsigned char)value;
}

static unsigned long get32(const unsigned char *in) {
    return (unsigned long)in[0] << 24 | (unsigned long)in[1] << 16 | (unsigned long)in[2] << 8 | in[3];
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Steps over `word` at *at; 0 when it is there. */
static int skip(const char *text, size_t length, size_t *at, const char *word) {
    size_t size = strlen(word);
    if (length - *at < size || memcmp(text + *at, word, size) != 0)
        return -1;
    *at += size;
    return 0;
}

static void skip_line_end(const char *text, size_t length, size_t *at) {
    while (*at < length && (text[*at] == '\r' || text[*at] == '\n'))
        ++*at;
}

int wire_read_address(const char *text, size_t length, wire_address *out) {
    size_t at = 0, i;
    long port = 0;
    if (skip(text, length, &at, "onecard-ldt33 1") != 0)
        return -1;
    skip_line_end(text, length, &at);
    if (skip(text, length, &at, "port ") != 0)
        return -1;
    while (at < length && text[at] >= '0' && text[at] <= '9' && port <= 65535)
        port = port * 10 + (text[at++] - '0');
    skip_line_end(text, length, &at);
    if (port < 1 || port > 65535 || skip(text, length, &at, "token ") != 0 || length - at < 2 * WIRE_TOKEN)
        return -1;
    for (i = 0; i < WIRE_TOKEN; i++) {
        int high = hex_digit(text[at + 2 * i]), low = hex_digit(text[at + 2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out->token[i] = (unsigned char)(high << 4 | low);
    }
    out->port = (int)port;
    return 0;
}

/* Length of a caller's text, WIRE_TEXT_MAX + 1 when no zero byte comes in time. */
static size_t text_length(const char *text) {
    size_t size = 0;
    while (size <= WIRE_TEXT_MAX && text[size])
        size++;
    return size;
}

size_t wire_write_request(const char *name, const wire_argument *arguments, unsigned count, unsigned char *out) {
    size_t at = 4, size = strlen(name);
    unsigned i;
    if (size > 255 || count > 255)
        return 0;
    out[at++] = (unsigned char)size;
    memcpy(out + at, name, size);
    at += size;
    out[at++] = (unsigned char)count;
    for (i = 0; i < count; i++) {
        size = arguments[i].is_text ? text_length(arguments[i].text) : 0;
        if (size > WIRE_TEXT_MAX || WIRE_MAX - at < 5 + size)
            return 0;
        out[at++] = arguments[i].is_text ? 's' : 'i';
        put32(out + at, arguments[i].is_text ? (unsigned long)size : (unsigned long)arguments[i].number);
        at += 4;
        if (size)
            memcpy(out + at, arguments[i].text, size);
        at += size;
    }
    put32(out, (unsigned long)(at - 4));
    return at;
}

size_t wire_answer_length(const unsigned char *head) {
    unsigned long length = get32(head);
    return length >= WIRE_ANSWER_HEAD && length <= WIRE_MAX - 4 ? (size_t)length : 0;
}

int wire_read_answer(const unsigned char *body, size_t length, char *out, size_t room, int *code) {
    unsigned long size, value;
    if (room == 0)
        return -1;
    out[0] = '\0';
    if (length < WIRE_ANSWER_HEAD)
        return -1;
    value = get32(body);
    size = get32(body + 4);
    if (size != length - WIRE_ANSWER_HEAD || size >= room || memchr(body + WIRE_ANSWER_HEAD, 0, size) != NULL)
        return -1;
    memcpy(out, body + WIRE_ANSWER_HEAD, size);
    out[size] = '\0';
    *code = value & 0x80000000UL ? -(int)(0xFFFFFFFFUL - value) - 1 : (int)value;
    return 0;
}
