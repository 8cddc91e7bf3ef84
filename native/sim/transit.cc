#include "transit.h"

#include "delay_line.h"
#include "domain.h"

namespace dlb_sim {

Scheduler& Transit::scheduler() { return gate_->domain->scheduler; }

void Transit::Write(ConsumerQueue* from, const dlb_event_t& event, uint8_t command) {
  const std::chrono::microseconds latency(knobs_->latency_us.load(std::memory_order_relaxed));
  if (latency.count() == 0 && records_.empty()) return scheduler().Take(from, event, command);
  records_.push_back({Clock::now() + latency, from, event, command});
  if (!waits_) Wait();
}

void Transit::Settle(bool all) {
  if (records_.empty()) return;
  const auto now = Clock::now();
  while (!records_.empty() && (all || records_.front().due <= now)) {
    const Record record = records_.front();
    records_.pop_front();
    scheduler().Take(record.from, record.event, record.command);
  }
  scheduler().Run();
}

void Transit::Wait() {
  waits_ = true;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(records_.front().due - Clock::now());
  DelayLine::Get().After(left, [this, gate = gate_] {
    const std::lock_guard alive(gate->mutex);
    if (gate->domain == nullptr) return;
    const std::lock_guard lock(gate->domain->mutex);
    waits_ = false;
    Settle();
    if (!records_.empty()) Wait();
  });
}

void Transit::Close() {
  const std::lock_guard lock(gate_->mutex);
  gate_->domain = nullptr;
}

}  // namespace dlb_sim
