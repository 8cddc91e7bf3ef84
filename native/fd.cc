#include "fd.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace node_dlb {

void Fd::Reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old >= 0) close(old);
}

int CloseFd(int fd) {
  // On Linux the descriptor is closed even after EINTR. A second attempt could close a descriptor
  // that another thread has opened meanwhile.
  return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

int PeekFd(int fd, char* to, size_t size) {
  const ssize_t count = recv(fd, to, size, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 ? -errno : static_cast<int>(count);
}

int SkipFd(int fd, size_t size) {
  char skipped[512];
  while (size > 0) {
    const ssize_t count = recv(fd, skipped, std::min(size, sizeof skipped), MSG_DONTWAIT);
    if (count <= 0) return count < 0 ? -errno : -EAGAIN;
    size -= static_cast<size_t>(count);
  }
  return 0;
}

int UnreadOfFd(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 0;
}

int ReplyAndCloseFd(int fd, const char* data, size_t size) {
  constexpr int kMostReads = 16;
  char unread[4096];
  // It does not matter how much is sent: a peer that gets nothing still sees the connection end.
  const ssize_t sent = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) shutdown(fd, SHUT_WR);
  for (int i = 0; i < kMostReads && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0; ++i) continue;
  return CloseFd(fd);
}

int DuplicateFd(int fd) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? -errno : copy;
}

int ResetFd(int fd) {
  const linger drop{1, 0};
  // Errors such as ENOTSOCK do not matter, as long as the descriptor gets closed.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
  return CloseFd(fd);
}

uint32_t ClientOf(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  in6_addr bytes{};
  if (address.ss_family == AF_INET) {
    bytes.s6_addr[10] = bytes.s6_addr[11] = 0xff;
    std::memcpy(&bytes.s6_addr[12], &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr, 4);
  } else if (address.ss_family == AF_INET6) {
    bytes = reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  } else {
    return 0;
  }
  // FNV-1a.
  uint32_t hash = 2166136261;
  for (const uint8_t byte : bytes.s6_addr) hash = (hash ^ byte) * 16777619;
  return hash == 0 ? 1 : hash;
}

}  // namespace node_dlb
