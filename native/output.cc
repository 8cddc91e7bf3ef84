#include "output.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <mutex>
#include <poll.h>
#include <unistd.h>

namespace node_dlb {
namespace {

// Orders the writers of this process: the thread that holds it has found room, and fills it. If
// another process writes to the same pipe at that moment, the thread may still have to wait, so no
// thread waits longer than kPatience for the lock.
std::timed_mutex turn;
constexpr std::chrono::milliseconds kPatience{50};

// Whether a write of up to PIPE_BUF bytes would not wait. True also if the write would fail: the
// write itself then reports the error.
bool HasRoom(int fd) {
  pollfd asked{fd, POLLOUT, 0};
  int count;
  do count = poll(&asked, 1, 0);
  while (count < 0 && errno == EINTR);
  return count != 0;
}

}  // namespace

long WriteWithoutWaiting(int fd, const char* data, size_t size) {
  const std::unique_lock<std::timed_mutex> lock(turn, kPatience);
  if (!lock.owns_lock()) return 0;
  size_t written = 0;
  while (written < size && HasRoom(fd)) {
    const ssize_t count = write(fd, data + written, std::min<size_t>(size - written, PIPE_BUF));
    if (count >= 0) {
      written += static_cast<size_t>(count);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      // The bytes that were written are reported first; the next write fails in the same way.
      return written > 0 ? static_cast<long>(written) : -errno;
    }
  }
  return static_cast<long>(written);
}

}  // namespace node_dlb
