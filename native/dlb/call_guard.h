#pragma once

#include <set>
#include <signal.h>

#include "../system_error.h"

namespace node_dlb::dlb {

// For the calls of libdlb that make threads and descriptors, while it lives:
//  - all signals are blocked in this thread, so that libdlb's threads, which inherit the mask,
//    leave the process's signals to Node;
//  - no other such call runs. At its end every descriptor that a child would inherit, and would not
//    have before, gets FD_CLOEXEC, which libdlb forgets: a child would keep the domain and all its
//    resources. One that another thread of the process opens meanwhile gets it as well; Node's own
//    have it anyway. What counts is the flag and not the number: another thread may close one of
//    the numbers meanwhile, and libdlb get it.
class CallGuard {
 public:
  CallGuard();
  ~CallGuard();
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

  // The descriptor of this kind (S_IFCHR and so on) that the calls have left open; -1 if there is
  // none, or it cannot be told from another.
  int Opened(unsigned kind) const;
  // The same for the one that is no socket.
  int OpenedNoSocket() const;

 private:
  template <typename Fits>
  int OnlyOpened(Fits fits) const;

  sigset_t mask_{};
  std::set<int> before_;
};

// The error of a call that has just failed. libdlb leaves rubbish in errno at times (-1).
SystemError LastError(const char* call);

}  // namespace node_dlb::dlb
