#define _GNU_SOURCE
#include "CLinux.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int clinux_lease_read(int fd) { return fcntl(fd, F_SETLEASE, F_RDLCK); }
int clinux_lease_write(int fd) { return fcntl(fd, F_SETLEASE, F_WRLCK); }
int clinux_lease_is_read(int fd) { return fcntl(fd, F_GETLEASE) == F_RDLCK; }
int clinux_lease_release(int fd) { return fcntl(fd, F_SETLEASE, F_UNLCK); }

int clinux_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
  return renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE);
}

int clinux_signalfd(const sigset_t *mask) { return signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK); }

int clinux_signalfd_read(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

int clinux_spawn_chdir(posix_spawn_file_actions_t *actions, const char *path) {
  return posix_spawn_file_actions_addchdir_np(actions, path);
}
int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
short clinux_spawn_setsid(void) { return POSIX_SPAWN_SETSID; }

int clinux_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int clinux_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int64_t clinux_boot_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int clinux_lock_byte(int fd, int64_t offset, int kind) {
  struct flock lock = {.l_type = (short)kind, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
  return fcntl(fd, F_OFD_SETLK, &lock);
}

int clinux_byte_is_locked(int fd, int64_t offset) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0) return -1;
  return lock.l_type != F_UNLCK;
}

void clinux_wait_for_write(int fd) {
  int before = errno;
  (void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1);
  errno = before;
}

int clinux_backtrace(void **addresses, int size) { return backtrace(addresses, size); }

int clinux_locate(const void *address, struct clinux_symbol *place) {
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_fname) return 0;
  place->image = info.dli_fname;
  place->offset = (uint64_t)((const char *)address - (const char *)info.dli_fbase);
  place->name = info.dli_sname;
  return 1;
}

int64_t clinux_filesystem_type(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 ? (int64_t)(uint32_t)status.f_type : -1;
}

void clinux_shed_code(void) {
  FILE *maps = fopen("/proc/self/maps", "re");
  if (!maps) return;
  char line[4096];
  while (fgets(line, sizeof line, maps)) {
    unsigned long from, to;
    char mode[5];
    // Code only: what is mapped without write permission and may have been relocated must not be dropped.
    if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && strcmp(mode, "r-xp") == 0 && strchr(line, '/'))
      madvise((void *)from, to - from, MADV_DONTNEED);
  }
  fclose(maps);
  int marks = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (marks < 0) return;
  (void)!write(marks, "5", 1);
  close(marks);
}
