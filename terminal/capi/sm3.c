#include "sm3.h"

#include <string.h>

#define BLOCK 64
#define HMAC_DATA_MAX 128

typedef unsigned int word; /* 32 bits on every target */

static word rol(word x, unsigned n) {
    n &= 31;
    return n ? (x << n) | (x >> (32 - n)) : x;
}

static word p0(word x) { return x ^ rol(x, 9) ^ rol(x, 17); }
static word p1(word x) { return x ^ rol(x, 15) ^ rol(x, 23); }

/* GB/T 32905 clause 5.3 */
static void compress(word v[8], const unsigned char block[BLOCK]) {
    word w[68], s[8], tt1, tt2, ss1, ff, gg;
    int j;
    for (j = 0; j < 16; j++)
        w[j] = (word)block[4 * j] << 24 | (word)block[4 * j + 1] << 16 | (word)block[4 * j + 2] << 8 | block[4 * j + 3];
    for (j = 16; j < 68; j++)
        w[j] = p1(w[j - 16] ^ w[j - 9] ^ rol(w[j - 3], 15)) ^ rol(w[j - 13], 7) ^ w[j - 6];
    memcpy(s, v, sizeof s);
    for (j = 0; j < 64; j++) {
        ss1 = rol(rol(s[0], 12) + s[4] + rol(j < 16 ? 0x79CC4519u : 0x7A879D8Au, (unsigned)j), 7);
        ff = j < 16 ? s[0] ^ s[1] ^ s[2] : (s[0] & s[1]) | (s[0] & s[2]) | (s[1] & s[2]);
        gg = j < 16 ? s[4] ^ s[5] ^ s[6] : (s[4] & s[5]) | (~s[4] & s[6]);
        tt1 = ff + s[3] + (ss1 ^ rol(s[0], 12)) + (w[j] ^ w[j + 4]);
        tt2 = gg + s[7] + ss1 + w[j];
        s[3] = s[2];
        s[2] = rol(s[1], 9);
        s[1] = s[0];
        s[0] = tt1;
        s[7] = s[6];
        s[6] = rol(s[5], 19);
        s[5] = s[4];
        s[4] = p0(tt2);
    }
    for (j = 0; j < 8; j++)
        v[j] ^= s[j];
}

void sm3(const unsigned char *data, size_t length, unsigned char *out) {
    word v[8] = {0x7380166Fu, 0x4914B2B9u, 0x172442D7u, 0xDA8A0600u, 0xA96F30BCu, 0x163138AAu, 0xE38DEE4Du, 0xB0FB0E4Eu};
    unsigned char last[2 * BLOCK];
    unsigned long long bits = (unsigned long long)length * 8;
    size_t rest, size, i;
    while (length >= BLOCK) {
        compress(v, data);
        data += BLOCK;
        length -= BLOCK;
    }
    rest = length;
    size = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    memset(last, 0, sizeof last);
    memcpy(last, data, rest);
    last[rest] = 0x80;
    for (i = 0; i < 8; i++)
        last[size - 1 - i] = (unsigned char)(bits >> (8 * i));
    for (i = 0; i < size; i += BLOCK)
        compress(v, last + i);
    for (i = 0; i < 32; i++)
        out[i] = (unsigned char)(v[i / 4] >> (24 - 8 * (i % 4)));
}

void hmac_sm3(const unsigned char *key, size_t key_length, const unsigned char *data, size_t length,
              unsigned char *out) {
    unsigned char pad[BLOCK + HMAC_DATA_MAX], inner[SM3_SIZE];
    size_t i;
    if (key_length > BLOCK || length > HMAC_DATA_MAX) {
        memset(out, 0, SM3_SIZE);
        return;
    }
    memset(pad, 0x36, BLOCK);
    for (i = 0; i < key_length; i++)
        pad[i] = key[i] ^ 0x36;
    memcpy(pad + BLOCK, data, length);
    sm3(pad, BLOCK + length, inner);
    memset(pad, 0x5C, BLOCK);
    for (i = 0; i < key_length; i++)
        pad[i] = key[i] ^ 0x5C;
    memcpy(pad + BLOCK, inner, SM3_SIZE);
    sm3(pad, BLOCK + SM3_SIZE, out);
}
