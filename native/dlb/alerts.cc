#include "alerts.h"

#include <utility>

namespace node_dlb::dlb {
namespace {

// The number of alerts that are kept for a loop that is too busy to take them. The first ones tell
// the most.
constexpr size_t kMostKept = 1000;

}  // namespace

void Alerts::OnAlert(abi::Alert* alert, int, void* context) {
  auto* self = static_cast<Alerts*>(context);
  const std::lock_guard<std::mutex> lock(self->mutex_);
  // A reset is the last alert and must not be missed, so it may exceed the limit.
  const size_t most = alert->id == abi::kCqWatchdog ? kMostKept : 2 * kMostKept;
  if (self->alerts_.size() >= most) return;
  self->alerts_.push_back(*alert);
  if (self->handle_ != nullptr) uv_async_send(self->handle_);
}

void Alerts::Wake(uv_async_t* handle) {
  const std::lock_guard<std::mutex> lock(mutex_);
  handle_ = handle;
  if (handle != nullptr && !alerts_.empty()) uv_async_send(handle);
}

std::vector<abi::Alert> Alerts::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(alerts_, {});
}

}  // namespace node_dlb::dlb
