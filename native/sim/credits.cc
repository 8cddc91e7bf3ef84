#include "credits.h"

#include <algorithm>

namespace dlb_sim {

bool PortCredits::Refill(Holding* holding) {
  if (holding->pool == nullptr || holding->pool->free == 0) return false;
  holding->count = std::min(kBatch, holding->pool->free);
  holding->pool->free -= holding->count;
  return true;
}

void PortCredits::ReturnDownTo(Holding* holding, uint32_t keep) {
  if (holding->pool == nullptr || holding->count <= keep) return;
  holding->pool->free += holding->count - keep;
  holding->count = keep;
}

void PortCredits::ReturnAbove(uint32_t most) {
  for (Holding& holding : holdings_) {
    if (holding.count > most) ReturnDownTo(&holding, kBatch);
  }
}

void PortCredits::ReturnAll() {
  for (Holding& holding : holdings_) ReturnDownTo(&holding, 0);
}

void PortCredits::OnSent(uint32_t offered, uint32_t taken) {
  if (taken > 0 || offered == 0) {
    failed_sends_ = 0;
  } else if (++failed_sends_ == 100) {
    failed_sends_ = 0;
    ReturnAll();
  }
}

void PortCredits::OnReceive(uint32_t count, unsigned kind) {
  if (count == 0) {
    if (++empty_receives_ > 1024) {
      empty_receives_ = 0;
      ReturnAll();
    }
    return;
  }
  empty_receives_ = 0;
  holdings_[kind].count += count;
  if (holdings_[kind].count <= kBatch) {
    rich_receives_ = 0;
  } else if (++rich_receives_ == 1024) {
    rich_receives_ = 0;
    ReturnAbove(kBatch);
  }
}

void PortCredits::OnIdle() {
  const auto low = [](const Holding& holding) { return holding.pool != nullptr && holding.pool->free < kBatch; };
  if (std::any_of(holdings_.begin(), holdings_.end(), low)) ReturnAll();
}

}  // namespace dlb_sim
