#pragma once

#include <pthread.h>

namespace node_dlb::dlb {

// While an object of this class exists, a thread that is started without attributes of its own gets
// a stack that no thread has had before: fresh pages, all zero.
//
// libdlb's domain server, a thread that dlb_create_sched_domain starts, shares the domain's
// descriptor with each process that attaches, by a msghdr on its stack whose name fields it does
// not set. glibc keeps the stacks of threads that have ended, and gives them to new threads with
// the contents of their uppermost 16 KiB. With such a stack, the server's sendmsg fails, and
// dlb_attach_sched_domain reads through a null pointer. On a fresh stack the fields are zero, and
// they still are at the first share, which is the only one: a domain is attached once, and its
// handle is shared within the process.
//
// No kept stack can match the request: glibc chooses the smallest one that is at least as large as
// asked for. glibc keeps 40 MiB of stacks altogether, and frees what is above that when a thread
// has ended, so it keeps none of 64 MiB. Each stack that this class asks for is also larger than
// the one before, so none of its own would match even if glibc kept more (which a tunable allows).
// Only larger stacks of another library's threads could match, with such a tunable. A stack is
// address space: pages that are not touched take no memory. A C library without this function keeps
// no stacks (musl).
//
// Thread: one at a time, which CallGuard ensures. Threads that others start meanwhile may get such
// a stack, too, which does no harm.
class FreshStacks {
 public:
  FreshStacks();
  ~FreshStacks();
  FreshStacks(const FreshStacks&) = delete;
  FreshStacks& operator=(const FreshStacks&) = delete;

 private:
  pthread_attr_t before_{};
  bool is_set_ = false;
};

}  // namespace node_dlb::dlb
