/// Starting a command, with what posix_spawn(3) cannot do: another user, limits, a cgroup.
#ifndef CLINUX_SPAWN_H
#define CLINUX_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/// Whom a command runs as, when not as its starter: without capabilities, and without a way to gain any
/// (PR_SET_NO_NEW_PRIVS).
struct clinux_account {
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  size_t group_count;
};

/// A command. It leads a process group of its own, blocks no signal, and has every disposition at its default. Every
/// other descriptor of the caller must be close-on-exec.
struct clinux_command {
  /// The program, an absolute path or one from the directory on, and its arguments, with a final NULL. A bare name of an
  /// account's command is looked up in the PATH of the environment, as the account may see it.
  char *const *arguments;
  char *const *environment;
  /// Those of its variables by which others tell whose it is, with a final NULL; for an account's command.
  const char *const *marks;
  /// Where it starts.
  const char *directory;
  /// The descriptor that it reads as standard input, above 2; -1 is /dev/null.
  int input;
  /// Files that take standard output and standard error, appended to.
  const char *outputs[2];
  /// Descriptors that take them instead, or -1. Above 2.
  int pipes[2];
  /// Whether it is killed when the caller, a process of one thread, has ended (PR_SET_PDEATHSIG).
  int ends_with_caller;
  /// RLIMIT_NOFILE, soft and hard.
  uint64_t open_files, most_open_files;
  /// RLIMIT_AS in bytes; UINT64_MAX leaves it.
  uint64_t memory;
  /// RLIMIT_NPROC, of all that its user has; UINT64_MAX leaves it.
  uint64_t processes;
  /// The directory of a group of cgroup v2 to be born in (clone3(2), CLONE_INTO_CGROUP), or -1.
  int cgroup;
  /// Files `cgroup.procs` of other groups to enter.
  const int *groups;
  int group_count;
  /// NULL: the caller's own.
  const struct clinux_account *account;
};

/// The name, with its `=`, of a variable that the caller is started with, of any value: room for the marks of an account's command
/// that has not reached its program.
#define CLINUX_ROOM "ASTRO_ROOM="

/// What a start failed in.
enum {
  CLINUX_STEP_CLONE = 1,
  CLINUX_STEP_GROUP,
  CLINUX_STEP_CGROUP,
  CLINUX_STEP_FILES,
  CLINUX_STEP_LIMITS,
  CLINUX_STEP_ACCOUNT,
  CLINUX_STEP_DIRECTORY,
  CLINUX_STEP_PROGRAM,
};

/// Starts it from a process of one thread. 0 and its pid, or the errno of the step that failed; then nothing is left of it.
///
/// As vfork(2): the caller goes on when the program has taken over. Not for another user's command, which could keep the
/// caller waiting for ever, by a signal or by a directory that never answers, and which must never share its memory: that one
/// is forked, and counts as started when it has not failed within 100 ms.
int clinux_spawn(const struct clinux_command *command, int *pid, int *step);

#endif
