#include "delay_line.h"

#include <thread>
#include <utility>

namespace dlb_sim {

DelayLine& DelayLine::Get() {
  // The line is never destroyed: its thread may outlive main().
  static auto* line = new DelayLine;
  return *line;
}

void DelayLine::After(std::chrono::microseconds delay, std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  due_.emplace(Clock::now() + delay, std::move(action));
  if (!std::exchange(started_, true)) std::thread([this] { Run(); }).detach();
  changed_.notify_one();
}

void DelayLine::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (due_.empty()) {
      changed_.wait(lock);
    } else if (const auto next = due_.begin(); next->first > Clock::now()) {
      changed_.wait_until(lock, next->first);
    } else {
      const auto action = std::move(next->second);
      due_.erase(next);
      lock.unlock();
      action();
      lock.lock();
    }
  }
}

}  // namespace dlb_sim
