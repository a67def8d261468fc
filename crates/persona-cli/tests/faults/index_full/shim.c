/* Preloaded into the program under test: the index of the log (files named *-shm) cannot be made longer than
 * PERSONA_TEST_INDEX_BYTES as long as the file PERSONA_TEST_FULL exists, as on a disk without room. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_refused(int fd, off64_t offset) {
    const char *full = getenv("PERSONA_TEST_FULL"), *bytes = getenv("PERSONA_TEST_INDEX_BYTES");
    char link[64], path[4096];
    if (!full || !bytes || offset < atoll(bytes)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && memcmp(path + length - 4, "-shm", 4) == 0 && access(full, F_OK) == 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    if (is_refused(fd, offset)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }
