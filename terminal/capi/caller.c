/* A program as a hospital has it: loads the library by name, calls one function after another, prints what came back.
 *
 *   caller LIBRARY FUNCTION ARGUMENT... [-- FUNCTION ARGUMENT...]...
 *
 * Arguments are GBK as the shell gives them; `@` alone stands for the last answer. Each pOutInfo has exactly the least
 * room, with marked bytes behind it that must not change (exit status 3). The same source is built for Windows and Linux.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define CALL __stdcall
static void *find(void *library, const char *name) { return (void *)(size_t)GetProcAddress((HMODULE)library, name); }
static void *load(const char *path) { return (void *)LoadLibraryA(path); }
#else
#include <dlfcn.h>
#define CALL
static void *find(void *library, const char *name) { return dlsym(library, name); }
static void *load(const char *path) { return dlopen(path, RTLD_NOW); }
#endif

#define MARKED 64
#define MARK 0xA5
#define ROOM_MAX 8192

typedef struct {
    const char *name, *shape;
    size_t room;
} entry;

#define F(name, shape, room, pin) {#name, #shape, room},
static const entry entries[] = {
#include "functions.inc"
};

static char last[ROOM_MAX];

static long invoke(void *where, const char *shape, char **a, char *out) {
#define NUMBER(i) atoi(a[i])
#define CASE(letters, types, values)                                                                                   \
    if (strcmp(shape, #letters) == 0) {                                                                                \
        long(CALL * function) types;                                                                                   \
        memcpy(&function, &where, sizeof function);                                                                    \
        return function values;                                                                                        \
    }
    CASE(I, (int, char *), (NUMBER(0), out))
    CASE(T, (char *, char *), (a[0], out))
    CASE(IT, (int, char *, char *), (NUMBER(0), a[1], out))
    CASE(TT, (char *, char *, char *), (a[0], a[1], out))
    CASE(ITT, (int, char *, char *, char *), (NUMBER(0), a[1], a[2], out))
    CASE(TTI, (char *, char *, int, char *), (a[0], a[1], NUMBER(2), out))
    CASE(IITT, (int, int, char *, char *, char *), (NUMBER(0), NUMBER(1), a[2], a[3], out))
    CASE(ITTT, (int, char *, char *, char *, char *), (NUMBER(0), a[1], a[2], a[3], out))
    CASE(TTTI, (char *, char *, char *, int, char *), (a[0], a[1], a[2], NUMBER(3), out))
    CASE(TTTTI, (char *, char *, char *, char *, int, char *), (a[0], a[1], a[2], a[3], NUMBER(4), out))
    return 1;
}

static int one(void *library, int count, char **words) {
    char *out;
    long code;
    size_t i, room;
    void *where;
    const entry *found = NULL;
    for (i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].name, words[0]) == 0)
            found = &entries[i];
    where = find(library, words[0]);
    if (!found || !where || (size_t)(count - 1) != strlen(found->shape)) {
        fprintf(stderr, "caller: %s is not exported, or takes other arguments\n", words[0]);
        return 64;
    }
    room = found->room;
    out = malloc(room + MARKED);
    if (!out)
        return 2;
    memset(out, MARK, room + MARKED);
    for (i = 1; i < (size_t)count; i++)
        if (strcmp(words[i], "@") == 0)
            words[i] = last;
    code = invoke(where, found->shape, words + 1, out);
    for (i = 0; i < MARKED; i++)
        if ((unsigned char)out[room + i] != MARK) {
            fprintf(stderr, "caller: %s wrote beyond its buffer\n", words[0]);
            return 3;
        }
    printf("%s %ld %s\n", words[0], code, out);
    fflush(stdout);
    snprintf(last, sizeof last, "%s", out);
    free(out);
    return 0;
}

int main(int count, char **words) {
    void *library = count > 2 ? load(words[1]) : NULL;
    int from = 2, at, status;
    if (!library) {
        fprintf(stderr, "usage: caller LIBRARY FUNCTION ARGUMENT... [-- FUNCTION ARGUMENT...]; the library must load\n");
        return 64;
    }
    for (at = 2; at <= count; at++)
        if (at == count || strcmp(words[at], "--") == 0) {
            status = one(library, at - from, words + from);
            if (status)
                return status;
            from = at + 1;
        }
    return 0;
}
