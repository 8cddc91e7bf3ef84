#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "../fd.h"
#include "../system_error.h"
#include "domain_state.h"
#include "event_ring.h"
#include "port_lock.h"

namespace node_dlb::dlb {

// The negative results of Port's methods; lib/device/dlb/codes.ts has the same values. An errno e
// of libdlb is kErrno - e.
enum PortCode : int {
  kClosed = -1,
  kDetached = -2,
  kNotStarted = -3,
  kUnknownQueue = -4,
  kWrongScheduling = -5,
  kReleaseExceeded = -6,
  kBadRange = -7,
  kAttached = -8,
  kOwes = -9,
  kTooManyLinks = -10,
  kUnsupported = -11,
  kErrno = -1000,
};

// A port of a domain, for all threads of the process: the one handle of libdlb for it, the thread
// that has attached it, and the events that this thread has received and not released.
//
// Thread: any; a lock of its own orders them. Methods that take a ticket are for the thread that
// has attached the port with that ticket; with a stale one they return kDetached. The end of a
// thread loses nothing: native calls are never cut short, so the state is always that between two
// calls. Ownership: shared by the domain and the threads that attached it. The eventfd is closed
// when the domain has ended and no thread's loop watches it any more.
class Port {
 public:
  struct Spec {
    bool directed;
    int id;
    // The most events that the port may have from the device at once: its event state entries, or a
    // directed port's CQ depth.
    uint32_t most_events;
  };

  Port(std::shared_ptr<DomainState> domain, const Spec& spec, abi::PortHandle handle);

  bool directed() const { return spec_.directed; }
  int id() const { return spec_.id; }

  // `ticket` is unique and not 0. Returns 0, kClosed, kAttached or kOwes.
  int Attach(uint64_t ticket, int thread);
  // `abandon` is true if the thread ends without having detached the port.
  void Detach(uint64_t ticket, bool abandon);
  bool IsAttached(uint64_t ticket) const { return ticket_.load(std::memory_order_acquire) == ticket; }
  // Whether the ticket's thread may use the port: 0, kClosed or kDetached.
  int Use(uint64_t ticket);

  // The calls of the device contract. They return a count, or a PortCode.
  int Send(uint64_t ticket, abi::Event* events, uint32_t count);
  int Forward(uint64_t ticket, abi::Event* events, uint32_t count);
  // Does what Send does, and ignores the domain's bound on queued events.
  int SendBeyond(uint64_t ticket, abi::Event* events, uint32_t count);
  int Receive(uint64_t ticket, abi::Event* events, uint32_t max);
  int Release(uint64_t ticket, uint32_t count);
  int Unreleased(uint64_t ticket);
  int Link(uint64_t ticket, int queue, int priority);
  int Unlink(uint64_t ticket, int queue);

  // libdlb's own calls; see docs/device.md.
  int ReceiveWithoutPop(uint64_t ticket, abi::Event* events, uint32_t max);
  int Pop(uint64_t ticket, uint32_t count);
  int AdvancedSend(uint64_t ticket, abi::Event* events, uint32_t count);
  int SetWaitProfile(uint64_t ticket, const abi::WaitProfile& profile);
  int GetWaitProfile(uint64_t ticket, abi::WaitProfile* profile);

  // Reads the CQ unless events wait in the ring. Returns 1 if there is something to receive, 0 if
  // not, or a PortCode. With `wait`, it waits in libdlb for as long as the wait profile says.
  int CheckForEvents(uint64_t ticket, bool wait);
  // From here on, the CQ's interrupt is written to the eventfd; see port_interrupts.cc. Returns 0
  // or a PortCode.
  int EnableEventfd(uint64_t ticket);
  // Returns a share of the eventfd, for a loop that watches it: another thread may close the domain
  // meanwhile, and drop the port's own share.
  std::shared_ptr<const Fd> eventfd();
  // To be called when the loop has seen that the eventfd is readable.
  void NoteWake() { signalled_.store(true, std::memory_order_relaxed); }
  // Makes the eventfd readable, so that the loop which watches it reads the CQ. Any thread.
  void Signal();
  // The same for the port's own thread. SignalIfWaiting does it only if events wait in the ring.
  void SignalMyself(uint64_t ticket);
  void SignalIfWaiting(uint64_t ticket);
  // Tells whether a loop watches the eventfd for the thread that has the port: see lookout.h.
  void SetWatched(uint64_t ticket, bool watched);

  // Any thread. `sched_only` selects the contract's disable, after which the port can still send.
  int SetEnabled(bool enabled, bool sched_only);
  // Takes the port's events, and completes them. One thread at a time.
  int Recover(abi::Event* events, uint32_t max);
  // Copies the events that wait to be received, and leaves them. For threads that do not have the
  // port.
  int CopyWaiting(abi::Event* events, uint32_t max);
  // The thread that has the port; -1 if none has.
  int thread() const { return ticket_.load(std::memory_order_acquire) == 0 ? -1 : thread_.load(); }
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  bool watched() const { return watched_.load(std::memory_order_relaxed); }
  // The number of reads of the CQ by the port's own thread that found events. It may wrap.
  uint32_t nonempty_reads() const { return nonempty_reads_.load(std::memory_order_relaxed); }
  // The number of events that were taken from the CQ and that nobody has received.
  uint32_t waiting();
  // Whether libdlb reports the port as disabled, although the binding did not disable it.
  bool IsDead();

  // Ends all use of the port, in every thread. The device schedules nothing more to it.
  void Stop();
  // To be called after all ports of the domain have stopped: gives the handle back, and with it
  // what the port holds. Until then, an event that is completed here could release another event of
  // its flow to a thread that still runs.
  //
  // If dlb_detach_port fails, the error is returned, and the domain continues to close. But then
  // libdlb refuses to detach and to reset the domain (EEXIST), because a port is attached. The
  // domain's share of the device, its descriptors and the eventfds of its ports are given back only
  // when the process ends.
  SystemError Close();
  // To be called after the domain's reset: until then, the driver writes to the eventfd.
  void DropEventfd();

 private:
  using Guard = std::lock_guard<PortLock>;
  // Holds the lock for a method that takes a ticket. Only the port's own thread attaches a ticket
  // and detaches it, so a caller that finds its ticket attached is that thread, and the ticket
  // stays attached. The caller with a stale ticket may be any thread.
  class Entry {
   public:
    Entry(Port* port, uint64_t ticket) : lock_(port->lock_), is_owner_(port->IsAttached(ticket)) {
      if (is_owner_) {
        lock_.Enter();
      } else {
        lock_.lock();
      }
    }
    ~Entry() {
      if (is_owner_) {
        lock_.Leave();
      } else {
        lock_.unlock();
      }
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    PortLock& lock_;
    const bool is_owner_;
  };

  static constexpr size_t kMaxLinks = 8;
  static constexpr uint32_t kMostKept = 64;

  // Precondition: the domain has started, and the events belong to the calling thread.
  bool FitAll(const abi::Event* events, uint32_t count) const;
  int CheckTargets(const abi::Event* events, uint32_t count) const;

  template <bool kForward>
  int SendBy(uint64_t ticket, abi::Event* events, uint32_t count);

  // The functions below are called under the lock.
  int Check(uint64_t ticket) const;
  int ReadCq(abi::Event* events, uint32_t max, bool wait, bool pop = true);
  int Failed() const;
  bool MayCqHoldMore() const;
  int ReadCqAndPop(abi::Event* events, uint32_t max, bool wait);
  int ReadCqFromOutside(uint32_t max);
  int PopUnpopped(uint32_t count);
  int ReceiveBy(uint64_t ticket, abi::Event* events, uint32_t max, bool pop);
  // Notes an effect of a send, release or pop in libdlb: if the port has more than 64 credits, it
  // gives back all but 32. A port with fewer has no more than 32, and those that it took to send.
  void NoteCreditsGivenBack() {
    if (credits_kept_ > kMostKept) credits_kept_ = kMostKept / 2;
  }
  int ReleaseInDevice(uint32_t count);
  void DropReturnedTokens(abi::Event* events, uint32_t count);
  uint32_t RoomFor(uint32_t max) const;
  int FindLink(int queue) const;
  int UnlinkAll();
  void ChangeWatched(bool watched);
  void WriteEventfd();
  void ClearSignal();
  void Empty();

  const std::shared_ptr<DomainState> domain_;
  const Library& library_;
  const Spec spec_;

  PortLock lock_;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> thread_{-1};
  std::atomic<bool> enabled_{true};
  // Null once the port is closed.
  abi::PortHandle handle_;
  bool ended_ = false;
  bool stopped_ = false;
  bool abandoned_ = false;
  // `interrupts_`: libdlb reads the eventfd. `announces_`: the device writes to it, too.
  bool interrupts_ = false;
  bool announces_ = false;
  // The eventfd is known to be readable.
  std::atomic<bool> signalled_{false};
  std::atomic<bool> watched_{false};
  std::atomic<uint32_t> nonempty_reads_{0};
  // `tokens_owed_`: tokens of events that were received without pop. `tokens_returned_`: those of
  // them that the read before a callback has already returned.
  uint32_t tokens_owed_ = 0;
  uint32_t tokens_returned_ = 0;
  // Tokens of events in the ring that nobody has received.
  uint32_t unpopped_ = 0;
  // The failure of a read whose caller had something else to report, or was the loop. The next
  // receive reports it. 0 means none.
  int failure_ = 0;
  // An upper bound of the credits that the port keeps from what it received, beside the 32 that it
  // may have taken to send: see ReadCqAndPop.
  uint32_t credits_kept_ = 0;
  EventRing ring_;
  std::array<int, kMaxLinks> links_{};
  size_t link_count_ = 0;
  std::shared_ptr<const Fd> eventfd_;
};

}  // namespace node_dlb::dlb
