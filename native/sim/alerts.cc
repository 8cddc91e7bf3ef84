#include "alerts.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "settings.h"

namespace dlb_sim {
namespace {

thread_local bool in_callback = false;

bool EndsThread(uint32_t id) { return id == DLB_ALERT_DEVICE_RESET || id == DLB_ALERT_DOMAIN_RESET; }

}  // namespace

bool Alerts::InCallback() { return in_callback; }

bool Alerts::Launch(dlb_domain_alert_callback_t callback, void* arg) {
  const std::lock_guard lock(mutex_);
  if (running_) return false;
  running_ = true;
  launched_ = true;
  std::thread([self = shared_from_this(), callback, arg] { self->Run(callback, arg); }).detach();
  return true;
}

bool Alerts::launched() const {
  const std::lock_guard lock(mutex_);
  return launched_;
}

void Alerts::Push(uint32_t id, uint64_t data) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({{id, data}, nullptr});
  changed_.notify_all();
}

void Alerts::PushHardwareError(const char* what) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({{knobs_->garbage_alert_id, 0}, what});
  changed_.notify_all();
}

bool Alerts::End() {
  Push(DLB_ALERT_DOMAIN_RESET, 0);
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [this] { return !running_; });
}

void Alerts::WaitForEnd() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !running_; });
}

void Alerts::Run(dlb_domain_alert_callback_t callback, void* arg) {
  for (;;) {
    Alert next = Next();
    if (next.error != nullptr) std::printf("Internal error: received kernel alert (%s)\n", next.error);
    // This is read before the callback, which gets a pointer that it may write through.
    const bool last = EndsThread(next.alert.id);
    in_callback = true;
    if (callback != nullptr) callback(&next.alert, domain_, arg);
    in_callback = false;
    if (last) break;
  }
  const std::lock_guard lock(mutex_);
  running_ = false;
  changed_.notify_all();
}

Alerts::Alert Alerts::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !queue_.empty(); });
  const Alert next = queue_.front();
  queue_.pop_front();
  return next;
}

}  // namespace dlb_sim
