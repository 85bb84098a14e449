// watch DIRECTORY COMMAND ARGUMENT: the least a watcher can do: for every file closed in DIRECTORY, spawn and wait.
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "usage: watch DIRECTORY COMMAND ARGUMENT\n"), 64;
  int watch = inotify_init1(IN_CLOEXEC);
  if (watch < 0 || inotify_add_watch(watch, arguments[1], IN_CLOSE_WRITE) < 0) return perror(arguments[1]), 71;
  puts("ready");
  fflush(stdout);
  char *command[] = {arguments[2], arguments[3], NULL};
  char buffer[64 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
  for (;;) {
    ssize_t length = read(watch, buffer, sizeof buffer);
    if (length <= 0) return perror("watch: read"), 74;
    for (char *at = buffer; at < buffer + length; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
      pid_t child;
      int error = posix_spawn(&child, command[0], NULL, NULL, command, environ);
      if (error) return fprintf(stderr, "watch: %s\n", strerror(error)), 71;
      waitpid(child, NULL, 0);
    }
  }
}
