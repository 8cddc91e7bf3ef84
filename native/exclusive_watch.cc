#include "exclusive_watch.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/epoll.h>

namespace node_dlb {
namespace {

epoll_event Event(uint32_t events, int fd) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return event;
}

// Whether libuv finds a handle by the descriptor in the entry's data, as it has always done. The kernel shows it (proc(5), fdinfo).
bool FindsByDescriptor(int set, int fd) {
  std::ifstream entries("/proc/self/fdinfo/" + std::to_string(set));
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
  tried_ = true;
  const int set = uv_backend_fd(loop);
  if (!FindsByDescriptor(set, fd) || epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr) != 0) return;
  set_ = set;
  fd_ = fd;
  Add();
}

void ExclusiveWatch::Add() {
  epoll_event event = Event(EPOLLIN | EPOLLEXCLUSIVE, fd_);
  if (epoll_ctl(set_, EPOLL_CTL_ADD, fd_, &event) == 0 || errno == EEXIST) return;
  // A kernel that does not know of it.
  event = Event(EPOLLIN, fd_);
  epoll_ctl(set_, EPOLL_CTL_ADD, fd_, &event);
}

void ExclusiveWatch::Remove() { epoll_ctl(set_, EPOLL_CTL_DEL, fd_, nullptr); }

void ExclusiveWatch::MoveToEnd() {
  Remove();
  Add();
}

}  // namespace node_dlb
