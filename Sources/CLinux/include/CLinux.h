/// Linux calls and constants that the Glibc overlay of Swift does not carry, one thin wrapper each.
/// Every function returns what the call returns and leaves `errno` as the call left it.
#ifndef CLINUX_H
#define CLINUX_H

#include <signal.h>
#include <spawn.h>
#include <stdint.h>

#include "CLinuxSandbox.h"
#include "CLinuxSpawn.h"

/// fcntl(2) F_SETLEASE with F_RDLCK: 0 when no process holds the file open for writing,
/// else -1 with EAGAIN (being written), EACCES (not owner, no CAP_LEASE) or EINVAL (file system cannot).
int clinux_lease_read(int fd);
/// fcntl(2) F_SETLEASE with F_WRLCK: 0 when no other open file description of the file exists at all.
int clinux_lease_write(int fd);
/// fcntl(2) F_GETLEASE: 1 while the read lease stands unbroken, 0 when it was broken or released.
int clinux_lease_is_read(int fd);
/// fcntl(2) F_SETLEASE with F_UNLCK.
int clinux_lease_release(int fd);

/// renameat2(2) with RENAME_NOREPLACE: fails with EEXIST instead of replacing the target.
int clinux_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to);

/// signalfd(2), non-blocking and close-on-exec, for the signals of `mask`.
int clinux_signalfd(const sigset_t *mask);
/// Reads one pending signal from a signalfd; 0 when none is pending.
int clinux_signalfd_read(int fd);

/// open(2) with O_PATH, O_NOFOLLOW and O_CLOEXEC: a descriptor by which a file, also a link, can be examined and is not opened.
int clinux_open_place(const char *path);

/// A new file (openat(2) with O_CREAT, O_EXCL, O_NOFOLLOW and `flags`) that only its owner may use, and of which the
/// descriptor holds flock(2) LOCK_EX: until that lock goes, with the descriptor or the process, the file has a maker who lives.
/// A remover that was faster than the lock is outwaited: what is returned has its name.
int clinux_create_locked(int directory, const char *name, int flags);
/// Removes a regular file that nobody holds a lock on: 1 when it did, 0 when somebody does or the name is another file's.
int clinux_remove_unlocked(int directory, const char *name);

/// posix_spawn_file_actions_addchdir_np(3).
int clinux_spawn_chdir(posix_spawn_file_actions_t *actions, const char *path);
/// posix_spawn_file_actions_addclosefrom_np(3).
int clinux_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
/// POSIX_SPAWN_SETSID of posix_spawnattr_setflags(3).
short clinux_spawn_setsid(void);

/// Whether systemd has left the control group at `path` to whoever runs in it (systemd.resource-control(5), Delegate=), which
/// it says in an extended attribute.
int clinux_is_delegated(const char *path);

/// pidfd_open(2).
int clinux_pidfd_open(int pid);
/// pidfd_send_signal(2) of SIGKILL; nothing happens when the process has ended.
void clinux_pidfd_kill(int pidfd);
/// prctl(2) PR_SET_CHILD_SUBREAPER: orphaned descendants become children of this process.
int clinux_become_subreaper(void);
/// prctl(2) PR_SET_DUMPABLE 0: no core file of this process is written, and nobody but root can read its memory or its
/// environment, or trace it. What it starts with execve(2) is as it would have been.
void clinux_forbid_dumps(void);
/// CLOCK_BOOTTIME in microseconds.
int64_t clinux_boot_microseconds(void);

/// malloc_trim(3): what was freed goes back to the system.
void clinux_give_back_memory(void);
/// The magic number of the file system of `path` (statfs(2), f_type; 32 bits of it), or -1.
int64_t clinux_filesystem_type(const char *path);

/// flock(2) LOCK_SH or LOCK_EX that gives up after `microseconds` with EWOULDBLOCK. Those who wait are served in the kernel's order, as
/// with flock itself. Uses the signal SIGRTMIN+4 of the calling thread to wake up.
int clinux_flock_within(int fd, int operation, int64_t microseconds);

/// fcntl(2) F_OFD_SETLK on the one byte at `offset`, `kind` being F_RDLCK, F_WRLCK or F_UNLCK: -1 with EAGAIN when
/// another open file description holds a lock that excludes it.
int clinux_lock_byte(int fd, int64_t offset, int kind);
/// fcntl(2) F_OFD_GETLK: 1 when another open file description holds any lock on the byte, 0 when none does, else -1.
int clinux_byte_is_locked(int fd, int64_t offset);

/// Returns once a write(2) that is in progress on the file has ended. fallocate(2) of a byte that is there changes nothing,
/// but takes the inode's lock, which a write holds; file systems that cannot do it return at once.
void clinux_wait_for_write(int fd);

/// fallocate(2) FALLOC_FL_PUNCH_HOLE: gives the disk space of a range back, which reads as zeros from then on; the size stays.
/// -1 with EOPNOTSUPP where the file system cannot.
int clinux_punch_hole(int fd, int64_t offset, int64_t length);
/// lseek(2) SEEK_DATA and SEEK_HOLE: the next data, or the next hole, at `offset` or behind it; -1 with ENXIO when there is none.
/// Both move the position of the descriptor.
int64_t clinux_seek_data(int fd, int64_t offset);
int64_t clinux_seek_hole(int fd, int64_t offset);
/// Copies `length` bytes between two files, in the kernel where it can (copy_file_range(2)): 0, or -1 when not all could be copied.
int clinux_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, int64_t length);
/// From now on a crash of this process first writes one `!` over the first byte of `fd`: SIGSEGV, SIGBUS, SIGILL, SIGTRAP,
/// SIGABRT, SIGFPE or SIGSYS, also when the stack of the calling thread has overflowed. Then the signal takes the course
/// it would have taken. -1: no longer. For one thread at a time.
void clinux_mark_crash(int fd);

/// syncfs(2).
int clinux_syncfs(int fd);
/// pipe2(2), close-on-exec: ends[0] is read from, without waiting, and ends[1] is written to. Of 256 KiB where it may be.
int clinux_pipe(int ends[2]);
/// memfd_create(2), close-on-exec: a file in memory that holds `length` bytes and can never be changed, read from its beginning;
/// -1 when there is no memory or no descriptor for it.
int clinux_memory_file(const void *bytes, size_t length);
/// eventfd(2), non-blocking and close-on-exec, of the value 0.
int clinux_eventfd(void);

/// backtrace(3): up to `size` return addresses, the nearest first; returns how many.
int clinux_backtrace(void **addresses, int size);

/// Where an address lies: in which file, how far from its start, and in which exported function (NULL when in none).
struct clinux_symbol {
  const char *image;
  uint64_t offset;
  const char *name;
};
/// dladdr(3): 0 when the address lies in no file.
int clinux_locate(const void *address, struct clinux_symbol *place);

/// Gives back the pages of program code that starting up has touched (madvise(2), MADV_DONTNEED; they come back from the
/// page cache as they are needed), and lets the peak of resident memory count from here (proc(5), clear_refs).
void clinux_shed_code(void);

#endif
