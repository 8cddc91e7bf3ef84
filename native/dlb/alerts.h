#pragma once

#include <mutex>
#include <uv.h>
#include <vector>

#include "abi.h"

namespace node_dlb::dlb {

// A domain's alerts on their way from libdlb's alert thread to a loop. The callback only stores an
// alert and wakes the loop. It must not wait for the thread that resets the domain: a reset spins
// until the callback has returned, so neither would continue. It must not call libdlb either.
//
// Thread: OnAlert on libdlb's alert thread, the others on the loop's. Ownership: the domain's. The
// domain frees it after the reset, which waits for the alert thread's last callback; if the reset
// fails, it is never freed.
class Alerts {
 public:
  static void OnAlert(abi::Alert* alert, int domain, void* self);

  // From now on, an alert wakes this handle; if alerts wait already, it is woken at once. Null:
  // alerts wake nobody. The handle must stay open until it is replaced.
  void Wake(uv_async_t* handle);
  std::vector<abi::Alert> Take();

 private:
  std::mutex mutex_;
  std::vector<abi::Alert> alerts_;
  uv_async_t* handle_ = nullptr;
};

}  // namespace node_dlb::dlb
