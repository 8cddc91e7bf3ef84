#ifndef DLB_SIM_CREDITS_H
#define DLB_SIM_CREDITS_H

#include <array>
#include <cstdint>

namespace dlb_sim {

struct CreditPool {
  uint32_t free;
};

// The credits that a port keeps, and libdlb's rules for taking and returning them. Kind 0 is
// load-balanced or combined, kind 1 is directed. Under the domain's lock.
class PortCredits {
 public:
  PortCredits(CreditPool* first, CreditPool* second) : holdings_{{{first, 0}, {second, 0}}} {}

  bool Spend(unsigned kind) {
    Holding& holding = holdings_[kind];
    if (holding.count == 0 && !Refill(&holding)) return false;
    holding.count--;
    return true;
  }

  // To be called at the start of a send, forward, release or pop.
  void OnProduce() { ReturnAbove(64); }
  // To be called at the end of a send.
  void OnSent(uint32_t offered, uint32_t taken);
  // To be called for one receive of `count` events.
  void OnReceive(uint32_t count, unsigned kind);
  // To be called before a wait, or when the CQ was found empty in epoll mode.
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
  // If the port has more than `most` credits, it returns all but a batch.
  void ReturnAbove(uint32_t most);

  std::array<Holding, 2> holdings_;
  uint32_t failed_sends_ = 0;
  uint32_t rich_receives_ = 0;
  uint32_t empty_receives_ = 0;
};

}  // namespace dlb_sim

#endif
