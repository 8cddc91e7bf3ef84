#pragma once

#include <uv.h>

namespace node_dlb {

// Has the kernel wake one of the threads that wait for the same socket, instead of all of them
// (EPOLLEXCLUSIVE, epoll_ctl(2)).
//
// libuv cannot ask for that. But it puts a descriptor into its epoll set once, and leaves the entry
// alone as long as the handle waits for the same events. So once an event has shown that it is
// there, we put another in its place, and take that out and put it in again as we like. The poll
// handle must not be started from then on, but may be stopped for good, or closed: libuv takes the
// descriptor out then.
//
// Of those that wait, the kernel wakes the first that sleeps, and the order is that in which they
// came. So that one thread does not get all of a light load, it goes to the end when it has
// accepted a connection. Of what waits already when one comes, that one is told.
//
// Thread: the loop's.
class ExclusiveWatch {
 public:
  // An event of the descriptor has come through libuv's own entry. If the kernel or libuv do not do
  // as described, nothing changes, and it is not tried again.
  void Begin(uv_loop_t* loop, int fd);
  bool active() const { return set_ != -1; }

  // Goes to the end of the line, wherever it is. Memory, or the user's watches, may have run out:
  // it is no use relying on it.
  void Wait();
  void Leave();

 private:
  bool tried_ = false;
  int set_ = -1;
  int fd_ = -1;
};

}  // namespace node_dlb
