#pragma once

#include <mutex>
#include <uv.h>
#include <vector>

#include "abi.h"

namespace node_dlb::dlb {

// Alerts on their way from libdlb's alert thread to a loop. The callback only stores and wakes: a
// reset of the domain spins until it has returned, so if it waited for the thread that resets,
// neither would go on; and libdlb must not be called from it.
//
// Thread: OnAlert on libdlb's, the others on the loop's. Ownership: the domain's. It frees it after
// the reset, which waits for the alert thread's last callback; if the reset fails, never.
class Alerts {
 public:
  static void OnAlert(abi::Alert* alert, int domain, void* self);

  // Wakes this from now on, at once if something waits; null: nobody. The handle stays open until
  // it was replaced.
  void Wake(uv_async_t* handle);
  std::vector<abi::Alert> Take();

 private:
  std::mutex mutex_;
  std::vector<abi::Alert> alerts_;
  uv_async_t* handle_ = nullptr;
};

}  // namespace node_dlb::dlb
