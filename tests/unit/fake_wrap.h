/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* Prototypes that --wrap asks for; CMakeLists.txt names the same functions to the linker. */
#ifndef VFIOWC_TESTS_FAKE_WRAP_H
#define VFIOWC_TESTS_FAKE_WRAP_H

#include <pthread.h>
#include <sys/types.h>
#include "upstream_names.h"

struct msghdr;
struct statfs;

void *__real_calloc(size_t n, size_t size);
void __real_free(void *memory);
int __real_close(int fd);
int __real_fcntl(int fd, int op, ...);
int __real_fstatfs(int fd, struct statfs *fs);
int __real_ioctl(int fd, unsigned long request, ...);
off_t __real_lseek(int fd, off_t offset, int whence);
void *__real_mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);

void *__wrap_calloc(size_t n, size_t size);
int __wrap_close(int fd);
int __wrap_fcntl(int fd, int op, ...);
void __wrap_free(void *memory);
int __wrap_fstatfs(int fd, struct statfs *fs);
int __wrap_ioctl(int fd, unsigned long request, ...);
off_t __wrap_lseek(int fd, off_t offset, int whence);
void *__wrap_mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t offset);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
ssize_t __wrap_readlink(const char *path, char *target, size_t len);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

int fake_rdma_ioctl(unsigned long request, void *arg);

#endif
