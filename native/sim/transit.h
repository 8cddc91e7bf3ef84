#ifndef DLB_SIM_TRANSIT_H
#define DLB_SIM_TRANSIT_H

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>

#include "libdlb.h"
#include "settings.h"

namespace dlb_sim {

class Domain;
class Scheduler;
struct ConsumerQueue;

// What ports have written and the device has not taken yet, in the order in which it was written.
// With a latency, nothing that a call does is visible when it returns. Records that are due are
// taken by the domain's next call, or by the delay line if no call comes. Thread: under the
// domain's lock, except that the delay line's thread begins without it: the gate keeps the domain
// from ending meanwhile.
class Transit {
 public:
  Transit(Domain* domain, Knobs* knobs) : gate_(std::make_shared<Gate>()), knobs_(knobs) { gate_->domain = domain; }

  // Writes a record for Scheduler::Take.
  void Write(ConsumerQueue* from, const dlb_event_t& event, uint8_t command);
  // Passes the records that are due to the device; with `all`, the others, too.
  void Settle(bool all = false);
  // Ends the transit when the domain ends. To be called without the domain's lock.
  void Close();

 private:
  using Clock = std::chrono::steady_clock;
  struct Gate {
    std::mutex mutex;
    Domain* domain = nullptr;
  };
  struct Record {
    Clock::time_point due;
    ConsumerQueue* from;
    dlb_event_t event;
    uint8_t command;
  };

  void Wait();
  Scheduler& scheduler();

  const std::shared_ptr<Gate> gate_;
  Knobs* const knobs_;
  std::deque<Record> records_;
  bool waits_ = false;
};

}  // namespace dlb_sim

#endif
