// lines FILE COUNT LENGTH: one write(2) of a line of LENGTH bytes, newline included, COUNT times.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "usage: lines FILE COUNT LENGTH\n"), 64;
  long lines = atol(arguments[2]), length = atol(arguments[3]);
  int file = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
  char *line = malloc(length);
  if (file < 0 || !line) return perror(arguments[1]), 73;
  memset(line, 'x', length);
  memcpy(line, "{\"message\":\"", 12);
  memcpy(line + length - 3, "\"}\n", 3);
  long long start = now();
  for (long i = 0; i < lines; i++)
    if (write(file, line, length) != length) return perror("lines: write"), 74;
  long long end = now();
  printf("{\"lines\":%ld,\"start_ns\":%lld,\"end_ns\":%lld}\n", lines, start, end);
  return 0;
}
