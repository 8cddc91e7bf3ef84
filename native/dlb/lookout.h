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

// Makes the threads of a domain's ports read their CQs while events are under way, whether or not
// an interrupt comes.
//
// An interrupt can be lost or never come, for two reasons. First, libdlb reads the eventfd after it
// has found the CQ empty, and so consumes the interrupt of an event that comes in between; a device
// that fires for arrivals only does not repeat it. Second, a virtual function has 31 interrupt
// vectors, and announces nothing for a CQ that got none. A thread that waits for such an interrupt
// would wait for ever.
//
// The lookout checks the domain every 10 ms once an event has been sent. If events were queued at
// two checks in a row, and a watched port has received none in between, it wakes that port. (An
// event that is queued at one check only has usually just been sent.) It wakes the port again, with
// twice the wait each time, as long as anything is queued. One wake is not enough, because the read
// that it causes can lose an interrupt in the same way. Once nothing is queued, no interrupt can be
// lost, and the lookout sleeps until a sender wakes it. A wake is a write to the port's eventfd:
// the port's own thread reads the CQ.
//
// Thread: one of its own, from the first port that is watched until Stop. Other threads call Watch,
// Unwatch and NoteSent, with or without the lock of a port; for this reason its own thread takes
// ports' locks only while it does not hold its mutex.
class Lookout {
 public:
  explicit Lookout(const DomainState* domain) : domain_(domain) {}

  // To be called once, before events can be sent.
  void SetPorts(std::vector<std::shared_ptr<Port>> ports);
  // A port's loop begins to watch for events, or stops.
  void Watch();
  void Unwatch();
  // To be called after the event was counted as queued.
  //
  // Invariant: no event is missed. If this call sees that the lookout is awake, the lookout has not
  // read the count yet: it sets `sleeps_` before it reads the count, and both are sequentially
  // consistent.
  void NoteSent() {
    if (sleeps_.load(std::memory_order_seq_cst)) Wake();
  }
  // Ends the thread, and drops the ports.
  void Stop();

 private:
  static constexpr uint32_t kFirstWait = 2;
  // The progress of a port: its reads at the last check, and, in rounds, the wait between two wakes
  // and the time until the next one.
  struct Progress {
    uint32_t nonempty_reads = 0;
    uint32_t wait = 1;
    uint32_t due = kFirstWait;
  };

  static void* Main(void* self);
  void Run();
  void SleepUntilSent(std::unique_lock<std::mutex>* lock);
  void WakeOverduePorts();
  void Wake();
  bool IsAnythingQueued() const;

  const DomainState* const domain_;
  std::atomic<bool> sleeps_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  // The fields below are under the mutex.
  bool stopped_ = false;
  int watched_ = 0;
  std::optional<pthread_t> thread_;
  // These two belong to the lookout's thread, once there is one.
  std::vector<std::shared_ptr<Port>> ports_;
  std::vector<Progress> progress_;
};

}  // namespace node_dlb::dlb
