#include "fd.h"

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace node_dlb {

void Fd::Reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old >= 0) close(old);
}

int CloseFd(int fd) {
  // EINTR: on Linux the descriptor is closed all the same, and trying again could close somebody else's.
  return close(fd) == 0 || errno == EINTR ? 0 : errno;
}

int ResetFd(int fd) {
  const linger drop{1, 0};
  // ENOTSOCK and the like are of no interest: what matters is that the descriptor gets closed.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
  return CloseFd(fd);
}

}  // namespace node_dlb
