#ifndef DLB_SIM_CREDITS_H
#define DLB_SIM_CREDITS_H

#include <array>
#include <cstdint>

namespace dlb_sim {

struct CreditPool {
  uint32_t free;
};

// The credits that a port keeps, and libdlb's rules of when it takes and returns them. Kind 0 is
// load-balanced or combined, 1 directed. Under the domain's lock.
class PortCredits {
 public:
  PortCredits(CreditPool* first, CreditPool* second) : holdings_{{{first, 0}, {second, 0}}} {}

  bool Spend(unsigned kind) {
    Holding& holding = holdings_[kind];
    if (holding.count == 0 && !Refill(&holding)) return false;
    holding.count--;
    return true;
  }

  // At the start of a send, forward, release or pop.
  void OnProduce() { ReturnAbove(64); }
  // At a send's end.
  void OnSent(uint32_t offered, uint32_t taken);
  // One receive of so many events.
  void OnReceive(uint32_t count, unsigned kind);
  // About to wait, or the CQ was found empty in epoll mode.
  void OnIdle();
  void ReturnAll();

 private:
  static constexpr uint32_t kBatch = 32;
  struct Holding {
    CreditPool* pool;
    uint32_t count;
  };

  static bool Refill(Holding* holding);
  static void ReturnDownTo(Holding* holding, uint32_t keep);
  // Those that have more than that return what is beyond a batch.
  void ReturnAbove(uint32_t most);

  std::array<Holding, 2> holdings_;
  uint32_t failed_sends_ = 0;
  uint32_t rich_receives_ = 0;
  uint32_t empty_receives_ = 0;
};

}  // namespace dlb_sim

#endif
