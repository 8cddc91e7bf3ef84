/* A server with an event loop like Node's, and nothing else. It prints its port. */
#include "listen.h"
#include <strings.h>
#include <sys/epoll.h>

static void serve(int client) {
  char request[8192];
  ssize_t length = read(client, request, sizeof request - 1);
  if (length > 0) {
    request[length] = 0;
    if (!strcasestr(request, "connection: close")) {
      answer(client, "keep-alive");
      return;
    }
    answer(client, "close");
  }
  close(client);
}

int main(void) {
  int listener = listen_and_tell(SOCK_NONBLOCK);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[256], wanted = {.events = EPOLLIN, .data = {.fd = listener}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &wanted);
  for (;;) {
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd);
        continue;
      }
      int client;
      while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event readable = {.events = EPOLLIN, .data = {.fd = client}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, client, &readable);
      }
    }
  }
}
