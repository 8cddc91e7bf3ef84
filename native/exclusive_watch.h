#pragma once

#include <uv.h>

namespace node_dlb {

// Makes the kernel wake one of the threads that wait for the same socket, instead of all of them
// (EPOLLEXCLUSIVE, epoll_ctl(2)).
//
// libuv cannot ask the kernel for that. But libuv puts a descriptor into its epoll set once, and
// leaves the entry alone as long as the handle waits for the same events. Once an event has shown
// that libuv's entry exists, this class replaces it by an exclusive one, which it can take out and
// put in again at any time. The poll handle must not be started from then on. It may be stopped for
// good, or closed: libuv takes the descriptor out then.
//
// The kernel wakes the first thread that sleeps, in the order in which the threads began to wait. A
// thread goes to the end of that line when it has accepted a connection, so that one thread does
// not get all of a light load. A thread that begins to wait is told of the connections that wait
// already.
class ExclusiveWatch {
 public:
  // To be called when an event of the descriptor has come through libuv's own entry. If the kernel
  // or libuv do not behave as described, nothing changes, and later calls have no effect.
  void Begin(uv_loop_t* loop, int fd);
  bool active() const { return set_ != -1; }

  // Goes to the end of the line, from wherever it is. This can fail without notice when memory or
  // the user's limit on watches has run out.
  void Wait();
  void Leave();

 private:
  bool tried_ = false;
  int set_ = -1;
  int fd_ = -1;
};

}  // namespace node_dlb
