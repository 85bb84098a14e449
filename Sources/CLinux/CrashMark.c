#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGSYS};
enum { crash_count = sizeof crashes / sizeof *crashes };

static struct sigaction former[crash_count];
static volatile sig_atomic_t marked = -1;

// Only what signal-safety(7) allows.
static void clinux_crashed(int number, siginfo_t *info, void *context) {
  (void)context;
  const int before = errno;
  if (marked >= 0) (void)!pwrite(marked, "!", 1, 0);
  for (int index = 0; index < crash_count; index++)
    if (crashes[index] == number) sigaction(number, &former[index], NULL);
  // An instruction that faults does so again when this returns, and the core and the backtrace show it as it was. What
  // was sent, by abort(3) or by another process, comes once; and a trap may lie behind the program counter already.
  if (info->si_code <= 0 || number == SIGTRAP || number == SIGSYS) raise(number);
  errno = before;
}

static void clinux_catch_crashes(void) {
  // A stack that has overflowed has no room for the handler. The runtime may have made another one already.
  static char stack[64 * 1024];
  stack_t other;
  if (sigaltstack(NULL, &other) == 0 && other.ss_flags & SS_DISABLE) {
    other = (stack_t){.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&other, NULL);
  }
  struct sigaction action = {.sa_sigaction = clinux_crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  for (int index = 0; index < crash_count; index++) sigaction(crashes[index], &action, &former[index]);
}

void clinux_mark_crash(int fd) {
  static int caught = 0;
  if (!caught) clinux_catch_crashes();
  caught = 1;
  marked = fd;
}
