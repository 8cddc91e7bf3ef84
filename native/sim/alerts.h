#ifndef DLB_SIM_ALERTS_H
#define DLB_SIM_ALERTS_H

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "libdlb.h"

namespace dlb_sim {

struct Knobs;

// A domain's alerts, and the thread that passes them to the user's callback: one detached thread
// per domain. Alerts that come before the thread wait for it. Any thread.
class Alerts : public std::enable_shared_from_this<Alerts> {
 public:
  Alerts(int domain, Knobs* knobs) : domain_(domain), knobs_(knobs) {}

  // Returns false if the thread runs already.
  bool Launch(dlb_domain_alert_callback_t callback, void* arg);
  bool launched() const;

  void Push(uint32_t id, uint64_t data);
  // Adds an alert that libdlb does not know.
  void PushHardwareError(const char* what);

  // Ends the thread by an alert of its own, as the library's reset does, and waits until the
  // callback has returned. Returns false, once, after ten seconds of waiting: the callback is then
  // most likely waiting for the thread that resets.
  bool End();
  void WaitForEnd();

  // Whether the calling thread is in a callback, from which libdlb must not be called.
  static bool InCallback();

 private:
  struct Alert {
    dlb_alert_t alert;
    // The hardware error, or null.
    const char* error;
  };

  void Run(dlb_domain_alert_callback_t callback, void* arg);
  Alert Next();

  const int domain_;
  Knobs* const knobs_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Alert> queue_;
  bool running_ = false;
  bool launched_ = false;
};

}  // namespace dlb_sim

#endif
