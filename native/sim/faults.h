#ifndef DLB_SIM_FAULTS_H
#define DLB_SIM_FAULTS_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace dlb_sim {

// The calls that must fail: "the k-th use of dlb_create_ldb_port with EINVAL". Uses are counted
// from when the rule was made. Any thread.
class Faults {
 public:
  // Makes the uses first..last fail.
  void Add(const std::string& function, uint32_t first, uint32_t last, int error);
  void Clear();

  // The errno with which this use of the function must fail, or 0. Without any rule, this costs one
  // load.
  int Hit(const char* function) { return any_.load(std::memory_order_relaxed) ? Find(function) : 0; }

 private:
  struct Rule {
    std::string function;
    uint32_t first;
    uint32_t last;
    int error;
    uint32_t uses;
  };

  int Find(const char* function);

  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<Rule> rules_;
};

}  // namespace dlb_sim

#endif
