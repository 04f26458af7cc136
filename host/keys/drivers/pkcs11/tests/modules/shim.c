/*
 * A PKCS#11 library in front of another one (SHIM_LIBRARY), which misbehaves as SHIM_BEHAVIOUR says as long as the file
 * SHIM_FLAG is there. It writes a line about each login into SHIM_LOG.
 *
 *   crash          C_Sign segfaults
 *   crash-once     the same, and takes the file away first
 *   hang           C_Sign never returns
 *   huge           C_Sign says that a signature is almost as long as the address space
 *   long           C_Sign says that it wrote more than there was room for
 *   none           C_Sign says that a signature has no bytes
 *   garbage        C_Sign answers with other bytes than a signature's
 *   away-once      the first C_GetTokenInfo hides the token's label, and takes the file away
 *   memory         C_Sign takes a gigabyte, and says CKR_HOST_MEMORY if it gets none
 *   files          C_Sign opens 200 files, and says CKR_HOST_MEMORY if it cannot
 *
 * With SHIM_SESSIONS no more sessions than that can be open, flag or not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef ulong_t (*function)();

/* CK_FUNCTION_LIST: a version, and the functions in the order of the standard. */
struct list {
    unsigned char version[2];
    function functions[68];
};

enum { GET_TOKEN_INFO = 6, OPEN_SESSION = 12, CLOSE_SESSION = 13, LOGIN = 18, SIGN = 43, FINALIZE = 1 };
enum { SESSION_COUNT = 0xb1, HOST_MEMORY = 2 };
enum { MAX_SESSION_COUNT_AT = 104, MAX_RW_SESSION_COUNT_AT = 120 };

static struct list *below, own;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ulong_t sessions;

static int misbehaves(const char *how) {
    const char *behaviour = getenv("SHIM_BEHAVIOUR"), *flag = getenv("SHIM_FLAG");
    return behaviour && flag && strcmp(behaviour, how) == 0 && access(flag, F_OK) == 0;
}

static ulong_t sessions_max(void) {
    const char *text = getenv("SHIM_SESSIONS");
    return text ? strtoul(text, NULL, 10) : 0;
}

/* Whether 200 more files can be open at once. */
static int opens_files(void) {
    int files[200], opened = 0;
    while (opened < 200 && (files[opened] = open("/dev/null", O_RDONLY)) >= 0) opened++;
    for (int at = 0; at < opened; at++) close(files[at]);
    return opened == 200;
}

/* Whether a gigabyte can be had. */
static int takes_memory(void) {
    void *taken = malloc(1UL << 30);
    free(taken);
    return taken != NULL;
}

static ulong_t sign(ulong_t session, unsigned char *data, ulong_t len, unsigned char *out, ulong_t *out_len) {
    if (misbehaves("crash")) *(volatile int *)0 = 1;
    if (misbehaves("crash-once") && unlink(getenv("SHIM_FLAG")) == 0) *(volatile int *)0 = 1;
    if (misbehaves("hang")) for (;;) pause();
    if (misbehaves("memory") && !takes_memory()) return HOST_MEMORY;
    if (misbehaves("files") && !opens_files()) return HOST_MEMORY;
    if (misbehaves("huge") && !out) { *out_len = ~0UL / 2; return 0; }
    if (misbehaves("none") && !out) { *out_len = 0; return 0; }
    ulong_t result = below->functions[SIGN](session, data, len, out, out_len);
    if (out && misbehaves("long")) *out_len = 1UL << 40;
    if (out && misbehaves("garbage")) memset(out, 0xab, *out_len);
    return result;
}

static ulong_t open_session(ulong_t slot, ulong_t flags, void *application, void *notify, ulong_t *session) {
    ulong_t max = sessions_max();
    pthread_mutex_lock(&lock);
    ulong_t result = max && sessions >= max ? SESSION_COUNT : below->functions[OPEN_SESSION](slot, flags, application, notify, session);
    if (result == 0) sessions++;
    pthread_mutex_unlock(&lock);
    return result;
}

static ulong_t close_session(ulong_t session) {
    pthread_mutex_lock(&lock);
    ulong_t result = below->functions[CLOSE_SESSION](session);
    if (result == 0) sessions--;
    pthread_mutex_unlock(&lock);
    return result;
}

static ulong_t finalize(void *reserved) {
    pthread_mutex_lock(&lock);
    sessions = 0;
    pthread_mutex_unlock(&lock);
    return below->functions[FINALIZE](reserved);
}

static ulong_t token_info(ulong_t slot, unsigned char *info) {
    ulong_t result = below->functions[GET_TOKEN_INFO](slot, info), max = sessions_max();
    if (result == 0 && misbehaves("away-once") && unlink(getenv("SHIM_FLAG")) == 0) memset(info, ' ', 32);
    if (result == 0 && max) {
        memcpy(info + MAX_SESSION_COUNT_AT, &max, sizeof max);
        memcpy(info + MAX_RW_SESSION_COUNT_AT, &max, sizeof max);
    }
    return result;
}

static ulong_t login(ulong_t session, ulong_t user, unsigned char *pin, ulong_t len) {
    ulong_t result = below->functions[LOGIN](session, user, pin, len);
    const char *path = getenv("SHIM_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (log) {
        fprintf(log, "login %lu\n", result);
        fclose(log);
    }
    return result;
}

ulong_t C_GetFunctionList(struct list **list) {
    if (!below) {
        void *library = dlopen(getenv("SHIM_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
        ulong_t (*get)(struct list **) = library ? (ulong_t(*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
        if (!get || get(&below) != 0) return 5;
        own = *below;
        own.functions[FINALIZE] = (function)finalize;
        own.functions[3] = (function)C_GetFunctionList;
        own.functions[GET_TOKEN_INFO] = (function)token_info;
        own.functions[OPEN_SESSION] = (function)open_session;
        own.functions[CLOSE_SESSION] = (function)close_session;
        own.functions[LOGIN] = (function)login;
        own.functions[SIGN] = (function)sign;
    }
    *list = &own;
    return 0;
}
