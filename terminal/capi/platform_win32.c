#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0600 /* Vista: the first with CNG */
#include "platform.h"

#include <winsock2.h>
#include <windows.h>
/* after windows.h */
#include <bcrypt.h>

#include <stdio.h>

/* advapi32's documented random source, by the name it is exported with. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

static CRITICAL_SECTION lock;
static int sockets_ready;

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved) {
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        DisableThreadLibraryCalls(instance);
        InitializeCriticalSection(&lock);
    }
    return TRUE;
}

static int wait_for(SOCKET handle, int writing, DWORD begun, int timeout_ms) {
    fd_set one;
    struct timeval limit;
    int left = timeout_ms - (int)(GetTickCount() - begun);
    if (left <= 0)
        return -1;
    FD_ZERO(&one);
    FD_SET(handle, &one);
    limit.tv_sec = left / 1000;
    limit.tv_usec = (left % 1000) * 1000;
    return select(0, writing ? NULL : &one, writing ? &one : NULL, NULL, &limit) > 0 ? 0 : -1;
}

long long platform_connect(int port, int timeout_ms) {
    struct sockaddr_in address;
    WSADATA data;
    SOCKET handle;
    DWORD limit = (DWORD)timeout_ms;
    BOOL yes = TRUE;
    if (!sockets_ready && WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return -1;
    sockets_ready = 1;
    handle = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (handle == INVALID_SOCKET)
        return -1;
    setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, (const char *)&limit, sizeof limit);
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes);
    ZeroMemory(&address, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(handle, (struct sockaddr *)&address, sizeof address) != 0) {
        closesocket(handle);
        return -1;
    }
    return (long long)handle;
}

int platform_idle(long long handle) {
    fd_set one;
    struct timeval none = {0, 0};
    FD_ZERO(&one);
    FD_SET((SOCKET)handle, &one);
    return select(0, &one, NULL, NULL, &none) == 0;
}

int platform_send(long long handle, const unsigned char *data, size_t length, int timeout_ms) {
    DWORD begun = GetTickCount();
    while (length) {
        int sent;
        if (wait_for((SOCKET)handle, 1, begun, timeout_ms) != 0)
            return -1;
        sent = send((SOCKET)handle, (const char *)data, (int)length, 0);
        if (sent <= 0)
            return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

int platform_receive(long long handle, unsigned char *data, size_t length, int timeout_ms) {
    DWORD begun = GetTickCount();
    while (length) {
        int got;
        if (wait_for((SOCKET)handle, 0, begun, timeout_ms) != 0)
            return -1;
        got = recv((SOCKET)handle, (char *)data, (int)length, 0);
        if (got <= 0)
            return -1;
        data += got;
        length -= (size_t)got;
    }
    return 0;
}

void platform_close(long long handle) { closesocket((SOCKET)handle); }

int platform_random(unsigned char *out, size_t length) { return SystemFunction036(out, (ULONG)length) ? 0 : -1; }

int platform_hmac(const unsigned char *key, size_t key_length, const unsigned char *data, size_t length,
                  unsigned char *out) {
    BCRYPT_ALG_HANDLE algorithm = NULL;
    BCRYPT_HASH_HANDLE hash = NULL;
    int done = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, NULL, BCRYPT_ALG_HANDLE_HMAC_FLAG) == 0 &&
               BCryptCreateHash(algorithm, &hash, NULL, 0, (PUCHAR)key, (ULONG)key_length, 0) == 0 &&
               BCryptHashData(hash, (PUCHAR)data, (ULONG)length, 0) == 0 &&
               BCryptFinishHash(hash, out, PLATFORM_HMAC_SIZE, 0) == 0;
    if (hash)
        BCryptDestroyHash(hash);
    if (algorithm)
        BCryptCloseAlgorithmProvider(algorithm, 0);
    return done ? 0 : -1;
}

void platform_lock(void) { EnterCriticalSection(&lock); }
void platform_unlock(void) { LeaveCriticalSection(&lock); }

void platform_token_path(char *out, size_t room) {
    char folder[MAX_PATH];
    DWORD size = GetEnvironmentVariableA("ONECARD_LDT33", out, (DWORD)room);
    if (size > 0 && size < room)
        return;
    size = GetEnvironmentVariableA("LOCALAPPDATA", folder, sizeof folder);
    out[0] = '\0';
    if (size > 0 && size < sizeof folder && size + 24 < room)
        snprintf(out, room, "%s\\onecard\\ldt33.token", folder);
}
