#include "exclusive_watch.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <sys/epoll.h>

namespace node_dlb {
namespace {

// Whether the data of libuv's epoll entry is the descriptor, by which libuv finds the handle, as it
// has always done. The kernel shows the data (proc(5), fdinfo). The answer is unknown if there is
// no free descriptor for reading it.
std::optional<bool> FindsByDescriptor(int set, int fd) {
  std::ifstream entries("/proc/self/fdinfo/" + std::to_string(set));
  if (!entries && (errno == EMFILE || errno == ENFILE)) return std::nullopt;
  for (std::string line; std::getline(entries, line);) {
    int entry = -1;
    unsigned events = 0;
    unsigned long long data = 0;
    if (std::sscanf(line.c_str(), "tfd: %d events: %x data: %llx", &entry, &events, &data) == 3 && entry == fd) {
      return static_cast<int>(data) == fd;
    }
  }
  return false;
}

}  // namespace

void ExclusiveWatch::Begin(uv_loop_t* loop, int fd) {
  if (tried_) return;
  const int set = uv_backend_fd(loop);
  const std::optional<bool> known = FindsByDescriptor(set, fd);
  tried_ = known.has_value();
  if (!known.value_or(false) || epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr) != 0) return;
  set_ = set;
  fd_ = fd;
  Wait();
}

void ExclusiveWatch::Wait() {
  Leave();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.fd = fd_;
  epoll_ctl(set_, EPOLL_CTL_ADD, fd_, &event);
}

void ExclusiveWatch::Leave() { epoll_ctl(set_, EPOLL_CTL_DEL, fd_, nullptr); }

}  // namespace node_dlb
