#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <vector>

namespace node_dlb::dlb {

class Port;
struct DomainState;

// Has the ports of a domain looked at while events are on their way, whatever their interrupts say.
//
// An interrupt can be lost, or never come: libdlb reads the eventfd after it has found the CQ
// empty, and so eats the interrupt of an event that comes in between, which a device that fires for
// arrivals only does not repeat; and a virtual function has 31 interrupt vectors, and says nothing
// of a CQ that gets none. Whoever waits for the interrupt then waits for ever. So once an event has
// been sent, this wakes every port that is watched and has found nothing by itself while something
// was queued at two looks at the domain, 10 ms apart (at one only, it has mostly just been sent);
// and again with twice the wait each time, as long as anything is queued. One look is not enough,
// since it has the same window. Once nothing is queued there is nothing to lose, and it sleeps
// until a sender wakes it. A wake is a write to the port's eventfd: its own thread looks.
//
// Thread: one of its own, from the first port that is watched until Stop. Others call Watch,
// Unwatch and NoteSent, any of them, with the lock of a port or without; so its own thread takes
// ports' locks only without its mutex.
class Lookout {
 public:
  explicit Lookout(const DomainState* domain) : domain_(domain) {}

  // Once, before events can be sent.
  void SetPorts(std::vector<std::shared_ptr<Port>> ports);
  // A port is watched from now on; or not any more.
  void Watch();
  void Unwatch();
  // After the event was counted as queued. If this sees that the lookout is awake, that has not
  // looked at the count yet: it says that it sleeps before it looks, and both are sequentially
  // consistent.
  void NoteSent() {
    if (sleeps_.load(std::memory_order_seq_cst)) Wake();
  }
  // Ends the thread, and lets go of the ports.
  void Stop();

 private:
  static constexpr uint32_t kFirstWait = 2;
  // Of a port, in rounds: how long it has until the next wake, and when that is due.
  struct Sight {
    uint32_t finds = 0;
    uint32_t wait = 1;
    uint32_t due = kFirstWait;
  };

  static void* Main(void* self);
  void Run();
  void SleepUntilSent(std::unique_lock<std::mutex>* lock);
  void LookAround();
  void Wake();
  bool IsAnythingQueued() const;

  const DomainState* const domain_;
  std::atomic<bool> sleeps_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  // Below: under the mutex.
  bool stopped_ = false;
  int watched_ = 0;
  std::optional<pthread_t> thread_;
  // Its thread's, once there are any.
  std::vector<std::shared_ptr<Port>> ports_;
  std::vector<Sight> sights_;
};

}  // namespace node_dlb::dlb
