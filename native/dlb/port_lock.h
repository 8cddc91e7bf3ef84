#pragma once

#include <atomic>
#include <mutex>

namespace node_dlb::dlb {

// The lock that is held for every call into libdlb about a port.
//
// Invariant: two threads are never inside at the same time. libdlb has no lock of its own there,
// and its disable functions, which other threads call, touch the same credit counters as send and
// receive.
//
// Nearly all calls come from the port's owner, the thread that has the port, so they have to cost
// the least. The owner sets `inside_`, and then reads `wanted_`, by which another thread asks for
// the lock. This is right only if the store is visible before the read. The CPU would reorder them,
// and the instruction that forbids it costs more than all the rest. The other threads pay for it
// instead: a thread that wants the lock sets `wanted_`, and then has the kernel make every running
// thread of the process execute such an instruction (membarrier(2)). If the owner's read came
// before that, its store is visible, and the other thread waits for it. If the read came after, the
// owner sees `wanted_`, and waits. Either waits for one call, which is short (a wait in libdlb is
// bounded by the port's wait profile).
//
// Where the kernel has no membarrier, or a sandbox forbids it, the owner executes the instruction.
class PortLock {
 public:
  PortLock();

  // For the thread that has the port, and no other.
  void Enter() {
    SayInside();
    if (wanted_.load(std::memory_order_seq_cst)) GiveWay();
  }
  void Leave() { inside_.store(false, std::memory_order_release); }

  // For any thread that is not inside.
  void lock();
  void unlock();

 private:
  void SayInside() {
    if (has_membarrier_) {
      inside_.store(true, std::memory_order_relaxed);
      // This keeps the compiler from reordering them, too.
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      inside_.exchange(true, std::memory_order_seq_cst);
    }
  }
  void GiveWay();

  const bool has_membarrier_;
  std::atomic<bool> inside_{false};
  std::atomic<bool> wanted_{false};
  // Lets only one thread at a time ask for the lock.
  std::mutex others_;
};

}  // namespace node_dlb::dlb
