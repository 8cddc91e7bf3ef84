#pragma once

#include <pthread.h>

namespace node_dlb::dlb {

// While it lives, a thread that is started without attributes of its own gets a stack that no
// thread has had before: fresh pages, all zero.
//
// libdlb's domain server, a thread that dlb_create_sched_domain starts, shares the domain's
// descriptor with whoever attaches, by a msghdr on its stack whose name fields it does not set.
// glibc keeps the stacks of threads that have ended, and hands them to new ones with what is on
// their uppermost 16 KiB: then the server's sendmsg fails, and dlb_attach_sched_domain reads
// through a null pointer. On a fresh stack the fields are zero, and they still are at the first
// share, which is the only one: a domain is attached once, and its handle shared within the
// process.
//
// Why no kept stack can match: glibc gives the smallest one that is at least as large as asked for.
// It keeps 40 MiB of them altogether, and frees what is above that when a thread has ended, so none
// of 64 MiB is kept; and since each is larger than the one before, none of ours would do even if
// more were kept (a tunable of glibc's). Only another library's threads with larger stacks could,
// with such a tunable. The stack is address space: what is not touched takes no memory. A C library
// without this keeps no stacks (musl).
//
// Thread: one at a time, as CallGuard has it. Threads that others start meanwhile may get such a
// stack, too, which does no harm.
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
