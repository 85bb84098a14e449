// answers: a provider of models that answers every request at once with the same words, streamed where that is asked for.
// Prints its port; ends with whoever started it. Requests must have a Content-Length and come one after another.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 64 << 10 };

struct connection {
  int descriptor;
  size_t held;
  char bytes[ROOM];
};

static char plain[4096], streamed[4096];
static size_t plain_length, streamed_length;

static void prepare(void) {
  const char *body =
      "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"finish_reason\":"
      "\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"one two three four five six\"}}],"
      "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":6,\"total_tokens\":26}}";
  plain_length = snprintf(plain, sizeof plain,
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", strlen(body), body);
  streamed_length = snprintf(streamed, sizeof streamed,
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
  const char *words[] = {"one", " two", " three", " four", " five", " six", NULL};
  char event[512];
  for (int at = 0; at < 9; at++) {
    if (at < 6)
      snprintf(event, sizeof event, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
          "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}\n\n", words[at]);
    else
      snprintf(event, sizeof event, "%s",
          at == 6 ? "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":"
                    "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
          : at == 7 ? "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],"
                      "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":6,\"total_tokens\":26}}\n\n"
                    : "data: [DONE]\n\n");
    streamed_length += snprintf(streamed + streamed_length, sizeof streamed - streamed_length, "%zx\r\n%s\r\n",
        strlen(event), event);
  }
  streamed_length += snprintf(streamed + streamed_length, sizeof streamed - streamed_length, "0\r\n\r\n");
}

/// Answers what is whole of a connection; 0 when it is to be closed.
static int serve(struct connection *from) {
  ssize_t read = recv(from->descriptor, from->bytes + from->held, ROOM - 1 - from->held, 0);
  if (read < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
  if (read <= 0) return 0;
  from->held += read;
  from->bytes[from->held] = 0;
  char *end = memmem(from->bytes, from->held, "\r\n\r\n", 4);
  if (!end) return from->held < ROOM - 1;
  char *field = strcasestr(from->bytes, "\r\ncontent-length:");
  size_t whole = end + 4 - from->bytes + (field && field < end ? strtoul(field + 17, NULL, 10) : 0);
  if (from->held < whole) return whole < ROOM;
  int streams = memmem(end, from->bytes + whole - end, "\"stream\":true", 13) != NULL;
  from->held = 0;
  const char *answer = streams ? streamed : plain;
  size_t length = streams ? streamed_length : plain_length;
  return send(from->descriptor, answer, length, MSG_NOSIGNAL) == (ssize_t)length;
}

int main(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prepare();
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024) ||
      getsockname(listener, (struct sockaddr *)&address, &length))
    return perror("answers"), 71;
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(epoll, ready, 256, -1);
    for (int at = 0; at < count; at++) {
      struct connection *from = ready[at].data.ptr;
      if (from && !serve(from)) {
        close(from->descriptor);
        free(from);
      } else if (!from) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (descriptor < 0) continue;
        if (!(from = malloc(sizeof *from))) return perror("answers"), 71;
        from->descriptor = descriptor;
        from->held = 0;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        event.data.ptr = from;
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
      }
    }
  }
}
