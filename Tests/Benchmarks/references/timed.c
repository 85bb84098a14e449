// timed INPUT OUTPUT COMMAND...: runs one command and prints what it took:
//   nanoseconds wait-status peak-RSS-KiB user-us system-us
// A program of its own, and a static one, because ru_maxrss of a process counts what its parent held when it was
// spawned: measured from an interpreter, /bin/true would need 12 MiB.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int count, char **arguments) {
  if (count < 4) return fprintf(stderr, "usage: timed INPUT OUTPUT COMMAND...\n"), 64;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, arguments[1], O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, arguments[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t child;
  long long start = now();
  int error = posix_spawnp(&child, arguments[3], &files, NULL, arguments + 3, environ);
  if (error) return fprintf(stderr, "timed: %s: %s\n", arguments[3], strerror(error)), 69;
  int status;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) != child) return perror("timed: wait4"), 71;
  long long end = now();
  printf("%lld %d %ld %ld %ld\n", end - start, status, usage.ru_maxrss,
         usage.ru_utime.tv_sec * 1000000L + usage.ru_utime.tv_usec,
         usage.ru_stime.tv_sec * 1000000L + usage.ru_stime.tv_usec);
  return 0;
}
