#pragma once

#include <atomic>
#include <sched.h>

namespace node_dlb::dlb {

// Held for every call into libdlb about a port: libdlb has no lock of its own there, and its disable functions, which other
// threads call, touch the same credit counters as send and receive. It is nearly always free: it costs one locked
// instruction. Whoever has to wait does so for one call of another thread, which is short (a wait in libdlb is
// bounded by the port's wait profile).
class PortLock {
 public:
  void lock() {
    for (int spins = 0; taken_.exchange(true, std::memory_order_acquire); ++spins) {
      if (spins >= kSpins) sched_yield();
    }
  }
  void unlock() { taken_.store(false, std::memory_order_release); }

 private:
  static constexpr int kSpins = 64;
  std::atomic<bool> taken_{false};
};

}  // namespace node_dlb::dlb
