// scan DIRECTORY: names every file, opens, reads and closes it, as any reader of a backlog must.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **arguments) {
  DIR *directory = count == 2 ? opendir(arguments[1]) : NULL;
  if (!directory) return fprintf(stderr, "usage: scan DIRECTORY\n"), 64;
  char buffer[65536];
  long files = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_type != DT_REG) continue;
    int file = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, buffer, sizeof buffer) < 0) return perror(entry->d_name), 74;
    close(file);
    files++;
  }
  printf("%ld files\n", files);
  return 0;
}
