#define _GNU_SOURCE
#include "CLinuxSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/// How long one that is to become another user's may take to reach its program before it counts as started.
enum { PATIENCE_MILLISECONDS = 100 };

struct failure {
  int step;
  int number;
};

/// What parent and child share: memory where they do share it, else a copy and a pipe.
struct birth {
  const struct clinux_command *command;
  struct failure failure;
  pid_t caller;
  /// -1: they share their memory.
  int pipe;
};

/// Blocks every signal, also those two that the C library keeps to itself and that sigfillset(3) leaves out.
static void set_mask(const uint64_t *mask, uint64_t *former) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, former, sizeof *mask);
}

static _Noreturn void fail(struct birth *birth, int step) {
  birth->failure = (struct failure){step, errno};
  // Or SIGPIPE would end it where the parent has stopped listening, and its end would look like the command's own.
  const uint64_t every = UINT64_MAX;
  set_mask(&every, NULL);
  if (birth->pipe >= 0 && write(birth->pipe, &birth->failure, sizeof birth->failure) < 0) {
    // The parent has stopped listening: it is told as a shell would.
    static const char text[] = "astro: the command could not be started\n";
    (void)!write(2, text, sizeof text - 1);
  }
  _exit(127);
}

static void open_as(struct birth *birth, const char *path, int flags, int number) {
  int fd = open(path, flags | O_CLOEXEC);
  // Never equal: the caller has something open at 0, 1 and 2.
  if (fd < 0 || dup3(fd, number, 0) < 0) fail(birth, CLINUX_STEP_FILES);
  close(fd);  // One to spare is enough where descriptors are short.
}

/// Becomes the user for good: nothing that it executes gains anything. By raw system calls, because those of the C library
/// would have all threads of the parent follow.
static void become(struct birth *birth, const struct clinux_account *account) {
  // Or a script could not open /dev/stderr, which asks who owns the file behind it.
  if (fchown(1, account->uid, account->gid) != 0 || fchown(2, account->uid, account->gid) != 0)
    fail(birth, CLINUX_STEP_ACCOUNT);
  for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) {}
  if (errno != EINVAL) fail(birth, CLINUX_STEP_ACCOUNT);  // EINVAL is the first that there is not.
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      syscall(SYS_setgroups, account->group_count, account->groups) != 0 ||
      syscall(SYS_setresgid, account->gid, account->gid, account->gid) != 0 ||
      syscall(SYS_setresuid, account->uid, account->uid, account->uid) != 0 ||
      syscall(SYS_capset, &header, none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    fail(birth, CLINUX_STEP_ACCOUNT);
}

static void limit(struct birth *birth, int resource, uint64_t soft, uint64_t hard) {
  struct rlimit64 value = {.rlim_cur = soft, .rlim_max = hard};
  if (syscall(SYS_prlimit64, 0, resource, &value, NULL) != 0) fail(birth, CLINUX_STEP_LIMITS);
}

/// Lets /proc show the marks of the command as its environment already, by which a successor of the caller finds it: written
/// over the room that the caller was started with, in memory of its own. Whether there was enough of it.
static bool show_marks(const struct clinux_command *command) {
  char **variable = environ;
  while (*variable && strncmp(*variable, CLINUX_ROOM, strlen(CLINUX_ROOM)) != 0) variable++;
  if (!*variable || !command->marks) return false;
  size_t left = strlen(*variable);
  char *room = *variable;
  for (const char *const *mark = command->marks; *mark; mark++) {
    const size_t size = strlen(*mark) + 1;
    if (size > left) return false;
    room = (char *)memcpy(room, *mark, size) + size;
    left -= size;
  }
  memset(room, 0, left);
  return true;
}

/// Gives up what it has of the caller's before anything that can take for ever, as a directory or a program on a file system
/// that does not answer: else a caller that was killed would keep its locks, and its end would not be seen. But for the pipe
/// nothing is needed any more. Only where it can be found without them: by its control group or by its marks. What is left open then, also by a kernel before 5.9, execve(2) closes.
static void let_go(struct birth *birth) {
  const struct clinux_command *command = birth->command;
  const bool is_shown = command->account && show_marks(command);
  if (!is_shown && command->cgroup < 0 && command->group_count == 0) return;
  unsigned first = 3;
  if (birth->pipe >= 0) {
    if (birth->pipe != 3 && dup3(birth->pipe, 3, O_CLOEXEC) < 0) fail(birth, CLINUX_STEP_FILES);
    birth->pipe = 3;
    first = 4;
  }
  close_range(first, UINT_MAX, 0);
}

static const char *path_of(char *const *environment) {
  for (; *environment; environment++)
    if (strncmp(*environment, "PATH=", 5) == 0) return *environment + 5;
  return "";
}

/// As execvp(3), but for scripts without a first line that names their interpreter. Returns, with `errno` set, when nothing
/// could be executed: EACCES when something, or the way to it, was not allowed, else ENOENT.
static void execute_from_path(const struct clinux_command *command) {
  const char *name = command->arguments[0];
  const size_t length = strlen(name);
  int problem = ENOENT;
  for (const char *folder = path_of(command->environment); length > 0;) {
    const size_t size = strcspn(folder, ":");
    char candidate[PATH_MAX];
    if (size + 1 + length < sizeof candidate) {
      memcpy(candidate, folder, size);
      candidate[size] = '/';
      memcpy(candidate + size + 1, name, length + 1);
      // An empty entry is the directory it stands in.
      execve(size > 0 ? candidate : candidate + 1, command->arguments, command->environment);
      if (errno == EACCES) problem = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR) return;
    }
    if (folder[size] == 0) break;
    folder += size + 1;
  }
  errno = problem;
}

/// Only async-signal-safe calls from here on: the memory may be the parent's.
static int begin(void *argument) {
  struct birth *birth = argument;
  const struct clinux_command *command = birth->command;
  if (setpgid(0, 0) != 0) fail(birth, CLINUX_STEP_GROUP);
  // Dispositions are the child's own, also where memory is shared. Raw: sigaction(3) refuses two of them.
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } standard = {0};
  for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, &standard, NULL, sizeof(uint64_t));
  for (int index = 0; index < command->group_count; index++)
    if (write(command->groups[index], "0", 1) != 1) fail(birth, CLINUX_STEP_CGROUP);
  // As the warden, who alone may write there.
  if (command->input < 0) open_as(birth, "/dev/null", O_RDONLY, 0);
  else if (dup3(command->input, 0, 0) < 0 ||
           (command->account && fchown(0, command->account->uid, command->account->gid) != 0))
    fail(birth, CLINUX_STEP_FILES);
  for (int index = 0; index < 2; index++) {
    if (command->pipes[index] < 0) open_as(birth, command->outputs[index], O_WRONLY | O_APPEND, index + 1);
    else if (dup3(command->pipes[index], index + 1, 0) < 0) fail(birth, CLINUX_STEP_FILES);
  }
  let_go(birth);
  limit(birth, RLIMIT_NOFILE, command->open_files, command->most_open_files);
  if (command->memory != UINT64_MAX) limit(birth, RLIMIT_AS, command->memory, command->memory);
  if (command->processes != UINT64_MAX) limit(birth, RLIMIT_NPROC, command->processes, command->processes);
  if (command->account) become(birth, command->account);
  // After it: a change of user takes the wish back. One whose caller has ended before it was made is somebody else's child.
  if (command->ends_with_caller && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != birth->caller))
    fail(birth, CLINUX_STEP_CLONE);
  // As the user: the kernel judges what it may enter and execute.
  if (chdir(command->directory) != 0) fail(birth, CLINUX_STEP_DIRECTORY);
  const uint64_t nothing = 0;
  set_mask(&nothing, NULL);
  if (command->account && !strchr(command->arguments[0], '/')) execute_from_path(command);
  else execve(command->arguments[0], command->arguments, command->environment);
  fail(birth, CLINUX_STEP_PROGRAM);
}

/// clone3(2), the child calling `begin` on the stack that the arguments name. In assembly, because a child that shares the
/// memory must not return through frames that the parent still needs, and the C library has no clone3.
static long clone_into(struct clone_args *arguments, struct birth *birth) {
#if defined(__x86_64__)
  long result;
  register int (*start)(void *) __asm__("r8") = begin;
  register struct birth *argument __asm__("r9") = birth;
  __asm__ volatile(
      "syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tmov %%r9, %%rdi\n\tcall *%%r8\n\tud2\n1:"
      : "=a"(result)
      : "0"((long)SYS_clone3), "D"(arguments), "S"(sizeof *arguments), "r"(start), "r"(argument)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long result __asm__("x0") = (long)arguments;
  register long size __asm__("x1") = sizeof *arguments;
  register long number __asm__("x8") = SYS_clone3;
  register int (*start)(void *) __asm__("x9") = begin;
  register struct birth *argument __asm__("x10") = birth;
  __asm__ volatile("svc #0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, x10\n\tblr x9\n\tbrk #1\n1:"
                   : "+r"(result)
                   : "r"(size), "r"(number), "r"(start), "r"(argument)
                   : "memory", "cc");
  return result;
#else
  (void)arguments, (void)birth;
  return -ENOSYS;
#endif
}

/// What the child says before it has its program, or nothing when it has it or takes too long.
static struct failure hear(int pipe) {
  struct failure failure = {0, 0};
  struct pollfd polled = {.fd = pipe, .events = POLLIN};
  int ready;
  do ready = poll(&polled, 1, PATIENCE_MILLISECONDS);
  while (ready < 0 && errno == EINTR);
  if (ready != 1 || read(pipe, &failure, sizeof failure) != sizeof failure) failure = (struct failure){0, 0};
  return failure;
}

int clinux_spawn(const struct clinux_command *command, int *pid, int *step) {
  struct birth birth = {.command = command, .caller = getpid(), .pipe = -1};
  int ends[2] = {-1, -1};
  *step = CLINUX_STEP_CLONE;
  if (command->account) {
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    birth.pipe = ends[1];
  }
  _Alignas(16) char stack[16384];
  const int flags = command->account ? 0 : CLONE_VM | CLONE_VFORK;
  struct clone_args arguments = {
      .flags = (uint64_t)flags | CLONE_INTO_CGROUP,
      .exit_signal = SIGCHLD,
      .stack = (uintptr_t)stack,
      .stack_size = sizeof stack,
      .cgroup = (uint64_t)command->cgroup,
  };
  const uint64_t every = UINT64_MAX;
  uint64_t former;
  set_mask(&every, &former);
  // Where nothing asks for clone3 it is not used: the filters of containers refuse it.
  long result = command->cgroup >= 0 ? clone_into(&arguments, &birth)
                                     : clone(begin, stack + sizeof stack, flags | SIGCHLD, &birth);
  if (result == -1 && command->cgroup < 0) result = -errno;
  set_mask(&former, NULL);
  if (ends[1] >= 0) close(ends[1]);
  if (result > 0 && ends[0] >= 0) birth.failure = hear(ends[0]);
  if (ends[0] >= 0) close(ends[0]);
  if (result < 0) return (int)-result;
  *pid = (int)result;
  if (birth.failure.step == 0) return 0;
  while (waitpid((pid_t)result, NULL, 0) < 0 && errno == EINTR) {}
  *step = birth.failure.step;
  return birth.failure.number;
}
