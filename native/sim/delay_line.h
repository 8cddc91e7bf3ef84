#ifndef DLB_SIM_DELAY_LINE_H
#define DLB_SIM_DELAY_LINE_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace dlb_sim {

// Runs functions later, on a thread of its own that starts with the first of them and sleeps in
// between.
class DelayLine {
 public:
  static DelayLine& Get();
  void After(std::chrono::microseconds delay, std::function<void()> action);

 private:
  using Clock = std::chrono::steady_clock;

  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> due_;
  bool started_ = false;
};

}  // namespace dlb_sim

#endif
