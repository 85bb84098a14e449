#define _GNU_SOURCE
#include "CLinuxSandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CLinux.h"

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef OWN_ARCHITECTURE
static const unsigned refused[] = {
    // Namespaces and mounts.
    SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_swapon, SYS_swapoff, SYS_quotactl,
    // Files past their paths.
    SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_lookup_dcookie,
    // Keys.
    SYS_keyctl, SYS_add_key, SYS_request_key,
    // Other processes.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise,
    // The kernel.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_syslog, SYS_acct, SYS_reboot,
    // The machine.
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_vhangup,
#if defined(__x86_64__)
    SYS_iopl, SYS_ioperm, SYS_kexec_file_load, SYS_modify_ldt,
#endif
};

enum { REFUSED = sizeof refused / sizeof *refused };

/// CLONE_NEWTIME is for clone3 only: its bit is the signal's in clone(2).
static const unsigned namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

static const unsigned arguments = offsetof(struct seccomp_data, args);

int clinux_system_call_filter(void) {
  struct sock_filter program[2 * REFUSED + 24];
  size_t length = 0;
#define ADD(...) program[length++] = (struct sock_filter)__VA_ARGS__
#define LOAD(offset) ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset))
#define ANSWER(value) ADD(BPF_STMT(BPF_RET | BPF_K, value))
#define UNLESS(test, value, skip) ADD(BPF_JUMP(BPF_JMP | test | BPF_K, value, 0, skip))
  LOAD(offsetof(struct seccomp_data, arch));
  ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0));
  ANSWER(SECCOMP_RET_KILL_PROCESS);
  LOAD(offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
  UNLESS(BPF_JGE, 0x40000000, 1);  // The x32 numbers of the same calls.
  ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
#endif
  for (size_t index = 0; index < REFUSED; index++) {
    UNLESS(BPF_JEQ, refused[index], 1);
    ANSWER(SECCOMP_RET_ERRNO | EPERM);
  }
  UNLESS(BPF_JEQ, SYS_clone3, 1);
  ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
  // The low half of an argument comes first: both processors are little-endian.
  UNLESS(BPF_JEQ, SYS_clone, 4);
  LOAD(arguments);
  UNLESS(BPF_JSET, namespaces, 1);
  ANSWER(SECCOMP_RET_ERRNO | EPERM);
  ANSWER(SECCOMP_RET_ALLOW);
  // Typing into the terminal of whoever started it.
  UNLESS(BPF_JEQ, SYS_ioctl, 3);
  LOAD(arguments + 8);
  UNLESS(BPF_JEQ, TIOCSTI, 1);
  ANSWER(SECCOMP_RET_ERRNO | EPERM);
  ANSWER(SECCOMP_RET_ALLOW);
  return clinux_memory_file(program, length * sizeof *program);
}
#else
int clinux_system_call_filter(void) {
  errno = ENOSYS;
  return -1;
}
#endif

int clinux_open_place_at(int directory, const char *path, int flags) {
  return openat(directory, path, flags | O_PATH | O_CLOEXEC);
}

int clinux_leave_keyring(void) { return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ? -1 : 0; }

int clinux_own_mounts(void) {
  if (unshare(CLONE_NEWNS) != 0) return -1;
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int clinux_become(uid_t uid, gid_t gid) {
  if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0) return -1;
  return setresuid(uid, uid, uid);
}

int clinux_end_with_parent(int signal, pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0) return -1;
  if (getppid() == parent) return 0;
  errno = ESRCH;
  return -1;
}
