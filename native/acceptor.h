#pragma once

#include <array>
#include <cstdint>
#include <uv.h>

#include "exclusive_watch.h"
#include "fd.h"
#include "listen_socket.h"
#include "system_error.h"

namespace node_dlb {

// Accepts connections from a listening socket and hands their descriptors on in batches. It makes
// no libuv handle of an accepted descriptor: that one belongs to whichever thread adopts it.
//
// Thread: the loop's, for everything. Ownership: created by Start, which gives it the listening
// socket; deletes itself after Close, once the loop has let go of its handles. The sink outlives it
// or is told by OnClose.
//
// When descriptors run out (EMFILE, ENFILE) the connections stay in the kernel's backlog and
// accepting is tried again after 5 ms, which sits out a short peak. If none was free then either,
// the backlog's connections are shed through a descriptor held in reserve: accepted and closed at
// once, so that their clients know. Another thread may take the reserve's place in the descriptor
// table in between; then nothing is shed this time. Either way accepting is tried again after a
// delay that doubles up to 100 ms, so that it neither spins nor stalls.
class Acceptor {
 public:
  static constexpr int kBatch = 64;

  struct Batch {
    const int* fds;     // accepted; the sink's from here on
    int count;          // how many of them
    int shed;           // accepted and closed for want of descriptors
    SystemError error;  // set: accepting has stopped for good
  };

  class Sink {
   public:
    // May call Pause, Resume and Close.
    virtual void OnBatch(const Batch& batch) = 0;
    // Of an acceptor that is asked: there may be connections for AcceptOne.
    virtual void OnReadable() = 0;
    // The acceptor is closed; its pointer must not be used any more.
    virtual void OnClose() = 0;

   protected:
    ~Sink() = default;
  };

  // Since Start.
  struct Counters {
    uint64_t accepted = 0;
    uint64_t shed = 0;
    uint64_t aborted = 0;   // gone before they could be accepted (ECONNABORTED and the like)
    uint64_t backoffs = 0;  // times that accepting waited for descriptors or memory
  };

  // Takes the socket and accepts from it until Pause or Close. `on_freed(context)` is called last
  // of all, when the loop has let go. On failure (EPERM, ENOMEM, ENOSPC of epoll) returns null and
  // sets `error`; the socket is closed. Batches have up to `most` connections, 1 to kBatch. 0:
  // there are none; the sink is told, and asks with AcceptOne.
  static Acceptor* Start(uv_loop_t* loop, ListenSocket socket, int most, Sink* sink, void (*on_freed)(Acceptor*, void*),
                         void* context, SystemError* error);

  // The backlog holds what arrives from here on. The handle keeps the loop alive all the same.
  void Pause();
  void Resume();
  // In OnReadable: a connection's descriptor, or -1; shedding and failing are told to the sink as
  // for batches.
  int AcceptOne();
  // Of an acceptor that is asked, also while it is paused: fills `places` from the front, each with
  // the complement of a descriptor (so that it is negative). They may be in shared memory: a
  // connection is there before JS goes on, or is terminated. How many; a negative errno if there
  // are none for another reason than that nobody waits (EMFILE and the like).
  int AcceptInto(int* places, size_t room);
  // Of an acceptor that is asked by AcceptInto, and shares its socket with others that wait: one of
  // them is told of a connection, not all.
  void WatchExclusively() { wants_exclusive_ = true; }
  // Whether the handle keeps the loop alive, as it does at first.
  void Hold(bool held);
  // The listening socket is closed when it returns; `everywhere`: for those who share it, too. Safe
  // to repeat.
  void Close(bool everywhere = false);

  const ListenSocket& socket() const { return socket_; }
  const Counters& counters() const { return counters_; }

 private:
  enum class State { kAccepting, kPaused, kBackingOff, kFailed, kClosed };
  enum class Outcome { kTaken, kEmpty, kNoDescriptors, kNoMemory, kBroken };

  Acceptor(ListenSocket socket, int most, Sink* sink, void (*on_freed)(Acceptor*, void*), void* context);
  ~Acceptor() = default;

  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnTimer(uv_timer_t* timer);
  static void OnHandleClosed(uv_handle_t* handle);
  void Poll();
  int Accept(int limit);
  Outcome AcceptUpTo(int limit, int* count);
  void Learn(Outcome outcome, int count);
  int Shed();
  void BackOff();
  void Fail(int error);

  uv_poll_t poll_;
  uv_timer_t timer_;
  int open_handles_ = 2;
  State state_ = State::kAccepting;
  ListenSocket socket_;
  const int most_;
  Sink* sink_;
  void (*on_freed_)(Acceptor*, void*);
  void* context_;
  Fd reserve_;
  uint64_t delay_ms_ = 0;
  int expected_ = 0;
  int trust_ = 0;
  Counters counters_;
  bool wants_exclusive_ = false;
  ExclusiveWatch exclusive_;
  std::array<int, kBatch> fds_{};
};

}  // namespace node_dlb
