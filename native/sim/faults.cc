#include "faults.h"

namespace dlb_sim {

void Faults::Add(const std::string& function, uint32_t first, uint32_t last, int error) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({function, first, last, error, 0});
  any_ = true;
}

void Faults::Clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
  any_ = false;
}

int Faults::Find(const char* function) {
  const std::lock_guard lock(mutex_);
  int error = 0;
  for (Rule& rule : rules_) {
    if (rule.function != function) continue;
    rule.uses++;
    if (rule.uses >= rule.first && rule.uses <= rule.last && error == 0) error = rule.error;
  }
  return error;
}

}  // namespace dlb_sim
