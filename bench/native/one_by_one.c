/*
 * Shows the least that a new connection can cost: accept, read, write, close, one at a time. It
 * prints its port.
 */
#include "listen.h"

int main(void) {
  int listener = listen_and_tell(0);
  char request[8192];
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) continue;
    if (read(client, request, sizeof request) > 0) answer(client, "close");
    close(client);
  }
}
