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

// What the handle that receives brings along.
struct Receiver {
  // 0: no epoll mode, as in libdlb.
  int eventfd = 0;
  dlb_wait_profile_t profile{};
};

// A port as the library has it: what is owed, the credits, and the calls of the data path. Its
// device's part is the consumer queue.
class Port {
 public:
  Port(Domain* domain, ConsumerQueue* cq, PortCredits credits) : domain_(domain), cq_(cq), credits_(credits) {}

  int id() const { return cq_->id; }
  bool directed() const { return cq_->directed; }
  ConsumerQueue* cq() { return cq_; }
  Domain* domain() { return domain_; }

  // 0..n, or -1 and errno.
  int Send(uint32_t count, dlb_event_t* events);
  int Forward(uint32_t count, dlb_event_t* events);
  int AdvancedSend(uint32_t count, dlb_event_t* events);
  int Release(uint32_t count);
  int Pop(uint32_t count);
  int Receive(const Receiver& receiver, uint32_t max, bool wait, bool pop, dlb_event_t* events);

  void Enable();
  void Disable();
  void SetScheduling(bool on);
  // The library's part of a device reset, under the domain's lock.
  void OnDeviceReset();
  // Arms at once, whatever the driver said of the descriptor.
  void StartEpoll(int eventfd);

  int handles = 0;
  // Calls of the data path that are under way: more than one is a breach.
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
  // 0, or the errno that ended the wait.
  int Wait(const dlb_wait_profile_t& profile, Lock* lock);
  void WaitForInterrupt(Lock* lock);
  void PollForEvents(const dlb_wait_profile_t& profile, Lock* lock);
  void Rearm(int eventfd, Lock* lock);

  Domain* domain_;
  ConsumerQueue* cq_;
  PortCredits credits_;
  // Received and not released. 16 bits, which a forward of what was never received wraps, as in
  // libdlb.
  uint16_t owed_ = 0;
  // Tokens of what was received, not yet returned. The library keeps this count itself, since what
  // it has returned may still be on its way to the device.
  uint32_t owed_tokens_ = 0;
  bool enabled_ = true;
  bool was_reset_ = false;
  bool has_vector_ = false;
};

}  // namespace dlb_sim

#endif
