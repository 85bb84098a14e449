// spawn TASKS PARALLEL [RECORDS]: posix_spawn and wait of /bin/true; with RECORDS, one line and one fsync(2) a task.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int record(int file, pid_t child, int status) {
  char line[64];
  int length = snprintf(line, sizeof line, "%d %d\n", (int)child, status);
  return write(file, line, length) == length && fsync(file) == 0;
}

int main(int count, char **arguments) {
  if (count < 3) return fprintf(stderr, "usage: spawn TASKS PARALLEL [RECORDS]\n"), 64;
  int tasks = atoi(arguments[1]), parallel = atoi(arguments[2]), running = 0, started = 0;
  int file = count > 3 ? open(arguments[3], O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  if (count > 3 && file < 0) return perror(arguments[3]), 73;
  char *command[] = {"/bin/true", NULL};
  for (int done = 0; done < tasks; done++) {
    for (; running < parallel && started < tasks; running++, started++) {
      pid_t child;
      int error = posix_spawn(&child, command[0], NULL, NULL, command, environ);
      if (error) return fprintf(stderr, "spawn: %s\n", strerror(error)), 71;
    }
    int status;
    pid_t child = wait(&status);
    if (child < 0 || status != 0) return fprintf(stderr, "spawn: a task failed\n"), 1;
    if (file >= 0 && !record(file, child, status)) return perror("spawn: record"), 74;
    running--;
  }
  return 0;
}
