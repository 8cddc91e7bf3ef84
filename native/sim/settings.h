#ifndef DLB_SIM_SETTINGS_H
#define DLB_SIM_SETTINGS_H

#include <array>
#include <atomic>
#include <cstdint>
#include <set>

namespace dlb_sim {

// The resources of a device: the hardware's figures, unless a test wants fewer.
struct Limits {
  uint32_t domains = 32;
  uint32_t ldb_queues = 32;
  uint32_t ldb_ports = 64;
  uint32_t dir_ports = 96;
  uint32_t entries = 2048;
  uint32_t credits = 16384;
  uint32_t ldb_credits = 8192;
  uint32_t dir_credits = 4096;
  uint32_t pools = 64;
  uint32_t sn_slots = 16;
  // The most events of a load-balanced queue without sequence numbers that may be scheduled and not
  // completed, over all ports. libdlb asks the driver for this many.
  uint32_t queue_in_flight = 512;
};

// "Every n-th time", counted by all threads together; 0 means never.
class EveryNth {
 public:
  void Set(uint32_t n) {
    count_.store(0, std::memory_order_relaxed);
    n_.store(n, std::memory_order_relaxed);
  }
  bool Now() {
    const uint32_t n = n_.load(std::memory_order_relaxed);
    return n != 0 && (count_.fetch_add(1, std::memory_order_relaxed) + 1) % n == 0;
  }

 private:
  std::atomic<uint32_t> n_{0};
  std::atomic<uint32_t> count_{0};
};

// "For the next n times"; without a number, for ever. Counted by all threads together.
class Countdown {
 public:
  static constexpr uint32_t kForever = UINT32_MAX;
  void Set(uint32_t n) { left_.store(n, std::memory_order_relaxed); }
  bool IsOver() const { return left_.load(std::memory_order_relaxed) == 0; }
  void Count() {
    uint32_t left = left_.load(std::memory_order_relaxed);
    while (left != 0 && left != kForever && !left_.compare_exchange_weak(left, left - 1)) continue;
  }

 private:
  std::atomic<uint32_t> left_{kForever};
};

// The settings that the data path reads. They are atomic, since a command may come from any thread
// at any time.
struct Knobs {
  std::atomic<uint32_t> send_limit{UINT32_MAX};
  EveryNth send_zero;
  EveryNth send_half;
  EveryNth error_flag;
  EveryNth spurious_interrupts;
  EveryNth lost_interrupts;
  // The interrupt that is lost is the one after which the countdown is over; then the countdown is
  // endless again.
  Countdown until_lost_interrupt;
  // The number of events after which the device schedules nothing more.
  Countdown until_stop;
  // The number of consumer queues of a device that have an interrupt vector. The interrupts of the
  // others never fire.
  std::atomic<uint32_t> vectors{UINT32_MAX};
  // How long a receive takes between finding the CQ empty and reading the eventfd, in ms.
  std::atomic<uint32_t> slow_looks_ms{0};
  std::atomic<uint32_t> delay_interrupts_ms{0};
  // The time in µs that a port's writes take to reach the device.
  std::atomic<uint32_t> latency_us{0};
  // Whether the device compares the tokens in use when it is armed. If not, it fires on new
  // arrivals only (see README.md).
  std::atomic<bool> fires_on_arming{true};
  // Whether a receive of exactly the number of events in the CQ finds out that the CQ is then
  // empty.
  std::atomic<bool> exact_receives_look{false};
  std::atomic<bool> has_umwait{false};
  std::atomic<bool> refuse_start{false};
  // Whether new domains have the thread that shares them: see DomainServer.
  std::atomic<bool> serves_domains{false};
  // The driver refuses the alert by which a reset ends the alert thread.
  std::atomic<bool> refuse_domain_alerts{false};
  // The uninitialised id of an alert after a hardware error.
  std::atomic<uint32_t> garbage_alert_id{0};

  void Clear();
};

// The layout of a consumer queue's elements in its memory: four to a cache line, or one. See
// README.md.
enum class CqLayout : uint8_t { kStd, kSparse };

// The settings that are fixed while domains exist. Under the world's lock.
struct Settings {
  bool combined = true;
  CqLayout cq_layout = CqLayout::kSparse;
  std::set<int> devices{0};
  Limits limits;
};

}  // namespace dlb_sim

#endif
