/// What a process does to itself before it becomes a sandbox.
#ifndef CLINUX_SANDBOX_H
#define CLINUX_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

/// A filter of system calls (seccomp(2), a classic BPF program as bwrap(1) reads it): refuses with EPERM what no program needs
/// for its work and what has let programs out of sandboxes before: namespaces and mounts, keyrings, tracing, kernel modules, BPF, handles
/// of files, the machine's clock and power. clone3(2), whose flags a filter cannot see, is refused with ENOSYS, so that
/// C libraries take clone(2). As a file in memory (memfd_create(2)), close-on-exec; -1 when it cannot be made, as on a processor
/// it is not written for.
int clinux_system_call_filter(void);

/// openat(2) with O_PATH and O_CLOEXEC: the place, without a look at what is there.
int clinux_open_place_at(int directory, const char *path, int flags);

/// keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: the keys of whoever started this process are no longer at hand.
int clinux_leave_keyring(void);
/// unshare(2) CLONE_NEWNS, and nothing that is mounted from here on shows elsewhere.
int clinux_own_mounts(void);
/// Becomes another user for good, with no group but `gid`.
int clinux_become(uid_t uid, gid_t gid);
/// prctl(2) PR_SET_PDEATHSIG: `signal` when the parent ends. -1 with ESRCH when it has ended already.
int clinux_end_with_parent(int signal, pid_t parent);

#endif
