#pragma once

#include <set>
#include <signal.h>

#include "../system_error.h"

namespace node_dlb::dlb {

// Guards the calls of libdlb that make threads and descriptors. While an object of this class
// exists:
//  - All signals are blocked in this thread, so that libdlb's threads, which inherit the mask,
//    leave the process's signals to Node.
//  - No other such call runs. At the end, every descriptor that a child would inherit and would not
//    have inherited before gets FD_CLOEXEC, which libdlb forgets: a child would keep the domain and
//    all its resources. A descriptor that another thread of the process opens meanwhile gets the
//    flag as well; Node's own have it anyway. The flag decides, and not the number: another thread
//    may close one of the numbers meanwhile, and libdlb may get it.
class CallGuard {
 public:
  CallGuard();
  ~CallGuard();
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

  // The descriptor of this kind (such as S_IFCHR) that the calls have left open. -1 if there is
  // none, or more than one.
  int Opened(unsigned kind) const;
  // The same for a descriptor that is not a socket.
  int OpenedNoSocket() const;

 private:
  template <typename Fits>
  int OnlyOpened(Fits fits) const;

  sigset_t mask_{};
  std::set<int> before_;
};

// The error of a call that has just failed. libdlb sometimes leaves rubbish in errno (-1).
SystemError LastError(const char* call);

}  // namespace node_dlb::dlb
