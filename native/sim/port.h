#ifndef DLB_SIM_PORT_H
#define DLB_SIM_PORT_H

#include <atomic>
#include <cstdint>
#include <mutex>

#include "consumer_queue.h"
#include "credits.h"
#include "libdlb.h"

namespace dlb_sim {

class Domain;

// What a receive needs of the handle that it is called with.
struct Receiver {
  // 0 means that the port is not in epoll mode, as in libdlb.
  int eventfd = 0;
  dlb_wait_profile_t profile{};
};

// The library's part of a port: what is owed, the credits, and the calls of the data path. The
// device's part is the consumer queue.
class Port {
 public:
  Port(Domain* domain, ConsumerQueue* cq, PortCredits credits) : domain_(domain), cq_(cq), credits_(credits) {}

  int id() const { return cq_->id; }
  bool directed() const { return cq_->directed; }
  ConsumerQueue* cq() { return cq_; }
  Domain* domain() { return domain_; }

  // These functions return 0..n, or -1 with an errno.
  int Send(uint32_t count, dlb_event_t* events);
  int Forward(uint32_t count, dlb_event_t* events);
  int AdvancedSend(uint32_t count, dlb_event_t* events);
  int Release(uint32_t count);
  int Pop(uint32_t count);
  int Receive(const Receiver& receiver, uint32_t max, bool wait, bool pop, dlb_event_t* events);

  void Enable();
  void Disable();
  void SetScheduling(bool on);
  // Does the library's part of a device reset. Under the domain's lock.
  void OnDeviceReset();
  // Arms at once, whatever the driver's result for the descriptor.
  void StartEpoll(int eventfd);

  int handles = 0;
  // The number of calls of the data path that are under way. More than one is a breach.
  std::atomic<uint32_t> users{0};

 private:
  using Lock = std::unique_lock<std::mutex>;

  void WriteTokens(uint32_t count);
  int CheckSend(uint32_t count, const dlb_event_t* events) const;
  bool KnowsQueue(const dlb_event_t& event) const;
  uint32_t Allowed(uint32_t count) const;
  unsigned KindOf(const dlb_event_t& event) const;
  int SendAll(uint32_t count, dlb_event_t* events, uint8_t command);
  bool OwesAll(uint32_t count, const dlb_event_t* events) const;
  uint8_t AdvancedCommand(const dlb_event_t& event) const;
  void CountForward();

  uint32_t TakeEvents(uint32_t max, dlb_event_t* events);
  bool IsThereSomething() const { return cq_->ring.Next() != nullptr || !enabled_; }
  // Returns 0, or the errno that ended the wait.
  int Wait(const dlb_wait_profile_t& profile, Lock* lock);
  void WaitForInterrupt(Lock* lock);
  void PollForEvents(const dlb_wait_profile_t& profile, Lock* lock);
  void Rearm(int eventfd, Lock* lock);

  Domain* domain_;
  ConsumerQueue* cq_;
  PortCredits credits_;
  // The number of events that were received and not released. It has 16 bits, as in libdlb, so that
  // a forward of events that were never received wraps it.
  uint16_t owed_ = 0;
  // The tokens of received events that are not returned yet. The library keeps this count itself,
  // since tokens that it has returned may still be on their way to the device.
  uint32_t owed_tokens_ = 0;
  bool enabled_ = true;
  bool was_reset_ = false;
  bool has_vector_ = false;
};

}  // namespace dlb_sim

#endif
