#pragma once

#include <atomic>
#include <mutex>

namespace node_dlb::dlb {

// Held for every call into libdlb about a port: libdlb has no lock of its own there, and its
// disable functions, which other threads call, touch the same credit counters as send and receive.
//
// Nearly all calls are of the thread that has the port, so they cost the least: it says that it is
// inside, and looks whether another thread wants in. That is right only if its word is out before
// it looks; the CPU would do it the other way round, and the instruction that forbids it costs more
// than all the rest. So it is the others that pay. Whoever wants in says so, and has the kernel
// make every running thread of the process do such an instruction (membarrier(2)). If the owner's
// look was before that, its word is out, and the other one waits for it; if it was after, the owner
// sees what is wanted, and waits. Whoever waits does so for one call, which is short (a wait in
// libdlb is bounded by the port's wait profile).
//
// Where the kernel has no membarrier, or a sandbox forbids it, the owner does the instruction.
class PortLock {
 public:
  PortLock();

  // Of the thread that has the port, and only there.
  void Enter() {
    SayInside();
    if (wanted_.load(std::memory_order_seq_cst)) GiveWay();
  }
  void Leave() { inside_.store(false, std::memory_order_release); }

  // Of any thread that is not inside.
  void lock();
  void unlock();

 private:
  void SayInside() {
    if (has_membarrier_) {
      inside_.store(true, std::memory_order_relaxed);
      // The compiler must not do it the other way round either.
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      inside_.exchange(true, std::memory_order_seq_cst);
    }
  }
  void GiveWay();

  const bool has_membarrier_;
  std::atomic<bool> inside_{false};
  std::atomic<bool> wanted_{false};
  // Of those who want in, only one at a time does.
  std::mutex others_;
};

}  // namespace node_dlb::dlb
