#ifndef DLB_SIM_API_H
#define DLB_SIM_API_H

#include <cerrno>
#include <mutex>

#include "world.h"

namespace dlb_sim {

inline int Fail(int error) {
  errno = error;
  return -1;
}

template <typename T>
T* FailNull(int error) {
  errno = error;
  return nullptr;
}

// Returns 0 for success; otherwise -1, with that errno.
inline int Result(int error) { return error == 0 ? 0 : Fail(error); }

// The object behind a handle, or null, with EINVAL.
template <typename Handle>
Handle* Checked(void* hdl, const char* function) {
  auto* handle = static_cast<Handle*>(hdl);
  if (handle != nullptr && handle->magic == Handle::kMagic) return handle;
  if (handle != nullptr && handle->magic == kDead) {
    World::Get().breaches.Add("%s with a %s handle that was given back", function, Handle::kName);
  }
  return nullptr;
}

// A set-up call. It holds the world's lock, and has an errno if it must not go on. `Handle` is the
// type of handle that it is called with.
template <typename Handle>
class SetupCall {
 public:
  SetupCall(void* hdl, const char* function) : world(World::Get()) {
    if (Alerts::InCallback()) world.breaches.Add("%s is called from the alert callback", function);
    lock = std::unique_lock(world.mutex);
    handle = Checked<Handle>(hdl, function);
    error = handle == nullptr ? EINVAL : world.faults.Hit(function);
  }

  World& world;
  std::unique_lock<std::mutex> lock;
  Handle* handle = nullptr;
  int error = 0;
};

// A call of the data path. It notices when another call is under way on the same port.
class PortCall {
 public:
  PortCall(void* hdl, const char* function) {
    PortHandle* checked = Checked<PortHandle>(hdl, function);
    error = checked == nullptr ? EINVAL : World::Get().faults.Hit(function);
    if (checked == nullptr) return;
    handle = checked;
    port = checked->port;
    if (port->users.fetch_add(1, std::memory_order_acquire) != 0) Report(function);
  }
  ~PortCall() {
    if (port != nullptr) port->users.fetch_sub(1, std::memory_order_release);
  }
  PortCall(const PortCall&) = delete;
  PortCall& operator=(const PortCall&) = delete;

  PortHandle* handle = nullptr;
  Port* port = nullptr;
  int error = 0;

 private:
  void Report(const char* function);
};

}  // namespace dlb_sim

#endif
