#include "port_lock.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace node_dlb::dlb {
namespace {

bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

// Registers the process once, and only when there is a port: it takes some milliseconds.
bool RegisterForMembarrier() {
  static const bool registered = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
}

void WaitWhile(const std::atomic<bool>& flag) {
  constexpr int kSpins = 64;
  for (int spins = 0; flag.load(std::memory_order_seq_cst); ++spins) {
    if (spins >= kSpins) sched_yield();
  }
}

}  // namespace

PortLock::PortLock() : has_membarrier_(RegisterForMembarrier()) {}

void PortLock::GiveWay() {
  do {
    Leave();
    WaitWhile(wanted_);
    SayInside();
  } while (wanted_.load(std::memory_order_seq_cst));
}

void PortLock::lock() {
  others_.lock();
  wanted_.exchange(true, std::memory_order_seq_cst);
  // After the registration, this call cannot fail.
  if (has_membarrier_) Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  WaitWhile(inside_);
}

void PortLock::unlock() {
  wanted_.store(false, std::memory_order_release);
  others_.unlock();
}

}  // namespace node_dlb::dlb
