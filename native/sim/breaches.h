#ifndef DLB_SIM_BREACHES_H
#define DLB_SIM_BREACHES_H

#include <mutex>
#include <string>
#include <vector>

namespace dlb_sim {

// The record of broken rules. Each breach is kept for dlb_sim_breaches(), written to stderr or, if
// DLB_SIM_BREACH_FILE is set, appended to that file, and ends the process if
// DLB_SIM_ABORT_ON_BREACH is 1. Any thread.
class Breaches {
 public:
  // The format is printf's.
  void Add(const char* format, ...) __attribute__((format(printf, 2, 3)));
  unsigned count() const;
  std::string Text() const;
  void Clear();

 private:
  // The number of breaches that are kept. Further ones are only counted, so that a breach in a hot
  // loop does not fill the memory.
  static constexpr size_t kKept = 1000;

  mutable std::mutex mutex_;
  unsigned count_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace dlb_sim

#endif
