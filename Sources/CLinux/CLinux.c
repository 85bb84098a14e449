#define _GNU_SOURCE
#include "CLinux.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
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

int clinux_open_place(const char *path) { return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

int clinux_create_locked(int directory, const char *name, int flags) {
  while (1) {
    int fd = openat(directory, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR) continue;
    // Where there are no locks nobody removes anything either.
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_nlink > 0) return fd;
    close(fd);
  }
}

int clinux_remove_unlocked(int directory, const char *name) {
  int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return 0;
  struct stat opened, named;
  int removed = fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == opened.st_ino &&
                named.st_dev == opened.st_dev && unlinkat(directory, name, 0) == 0;
  close(fd);
  return removed;
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

int clinux_is_delegated(const char *path) {
  char value = 0;
  return (getxattr(path, "trusted.delegate", &value, 1) == 1 && value == '1') ||
         (getxattr(path, "user.delegate", &value, 1) == 1 && value == '1');
}

int clinux_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

void clinux_pidfd_kill(int pidfd) { syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); }
int clinux_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

void clinux_forbid_dumps(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

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

int clinux_punch_hole(int fd, int64_t offset, int64_t length) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int64_t clinux_seek_data(int fd, int64_t offset) { return lseek(fd, offset, SEEK_DATA); }
int64_t clinux_seek_hole(int fd, int64_t offset) { return lseek(fd, offset, SEEK_HOLE); }

static int copy_by_hand(int from, off_t from_offset, int to, off_t to_offset, int64_t length) {
  char buffer[65536];
  while (length > 0) {
    const ssize_t got = pread(from, buffer, length < (int64_t)sizeof buffer ? (size_t)length : sizeof buffer, from_offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || pwrite(to, buffer, got, to_offset) != got) return -1;
    from_offset += got;
    to_offset += got;
    length -= got;
  }
  return 0;
}

int clinux_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, int64_t length) {
  off_t source = from_offset, target = to_offset;
  while (length > 0) {
    const ssize_t got = copy_file_range(from, &source, to, &target, (size_t)length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOSPC) return -1;
    if (got <= 0) return copy_by_hand(from, source, to, target, length);
    length -= got;
  }
  return 0;
}

int clinux_syncfs(int fd) { return syncfs(fd); }

int clinux_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  (void)fcntl(ends[0], F_SETPIPE_SZ, 256 << 10);  // else 64 KiB
  // Only of this end: the two are separate open files, and whoever writes expects to wait.
  return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

int clinux_memory_file(const void *bytes, size_t length) {
  int fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  // By place: whoever is given it finds the position at the beginning.
  for (size_t written = 0; written < length;) {
    ssize_t count = pwrite(fd, (const char *)bytes + written, length - written, (off_t)written);
    if (count > 0) written += (size_t)count;
    else if (count == 0 || errno != EINTR) {
      const int problem = errno;
      close(fd);
      errno = problem;
      return -1;
    }
  }
  fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  return fd;
}

void clinux_give_back_memory(void) { malloc_trim(0); }

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static void clinux_wake(int number) { (void)number; }

static int64_t clinux_monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int clinux_flock_within(int fd, int operation, int64_t microseconds) {
  if (flock(fd, operation | LOCK_NB) == 0) return 0;
  if (errno != EWOULDBLOCK) return -1;
  const int number = SIGRTMIN + 4;
  struct sigaction action = {.sa_handler = clinux_wake};  // without SA_RESTART: flock returns with EINTR
  sigaction(number, &action, NULL);
  sigset_t mask, former;
  sigemptyset(&mask);
  sigaddset(&mask, number);
  pthread_sigmask(SIG_UNBLOCK, &mask, &former);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number};
  event._sigev_un._tid = gettid();
  timer_t timer;
  const int timer_result = timer_create(CLOCK_MONOTONIC, &event, &timer);
  int result = -1;
  int problem = EWOULDBLOCK;
  if (timer_result == 0) {
    const int64_t deadline = clinux_monotonic() + microseconds;
    // Again and again, because a signal that comes just before flock sleeps wakes nobody.
    const struct itimerspec period = {
        .it_interval = {.tv_nsec = 10000000},
        .it_value = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000 + 1},
    };
    timer_settime(timer, 0, &period, NULL);
    do {
      result = flock(fd, operation);
      problem = errno;
    } while (result != 0 && problem == EINTR && clinux_monotonic() < deadline);
    if (problem == EINTR) problem = EWOULDBLOCK;
    timer_delete(timer);
  }
  // No timer to be had (RLIMIT_SIGPENDING): then it is asked again and again.
  const int64_t deadline = clinux_monotonic() + microseconds;
  const struct timespec pause = {.tv_nsec = 5000000};
  while (timer_result != 0) {
    result = flock(fd, operation | LOCK_NB);
    problem = errno;
    if (result == 0 || problem != EWOULDBLOCK || clinux_monotonic() >= deadline) break;
    nanosleep(&pause, NULL);
  }
  pthread_sigmask(SIG_SETMASK, &former, NULL);
  errno = problem;
  return result;
}
