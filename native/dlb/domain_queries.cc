#include <algorithm>
#include <cerrno>

#include "call_guard.h"
#include "domain.h"

// The functions by which any thread queries a domain.
namespace node_dlb::dlb {

using Lock = std::lock_guard<std::mutex>;

bool Domain::closed() {
  const Lock lock(mutex_);
  return closed_;
}

std::shared_ptr<Port> Domain::FindPort(bool directed, int id) {
  const Lock lock(mutex_);
  for (const auto& port : ports_) {
    if (port->directed() == directed && port->id() == id) return port;
  }
  return nullptr;
}

std::vector<std::shared_ptr<Port>> Domain::ports() {
  const Lock lock(mutex_);
  return ports_;
}

std::vector<Domain::Queue> Domain::queues() {
  const Lock lock(mutex_);
  return queues_;
}

bool Domain::Statistic(uint32_t type, int id, uint64_t* value) {
  const Lock lock(mutex_);
  if (closed_ || library_.get_xstats == nullptr) return false;
  return library_.get_xstats(device_->handle(), type, static_cast<uint32_t>(id), value) == 0;
}

int64_t Domain::ReadDepthCounter(const Queue& queue, uint32_t level, SystemError* error) {
  const Lock lock(mutex_);
  if (closed_ || library_.adv_read_queue_depth_counter == nullptr) {
    *error = {closed_ ? ENODEV : ENOSYS, "dlb_adv_read_queue_depth_counter"};
    return -1;
  }
  const int64_t count = library_.adv_read_queue_depth_counter(handle_, queue.id, queue.directed, level);
  if (count < 0) *error = LastError("dlb_adv_read_queue_depth_counter");
  return count;
}

SystemError Domain::ResetDepthCounter(const Queue& queue, uint32_t level) {
  const Lock lock(mutex_);
  if (closed_ || library_.adv_reset_queue_depth_counter == nullptr) {
    return {closed_ ? ENODEV : ENOSYS, "dlb_adv_reset_queue_depth_counter"};
  }
  if (library_.adv_reset_queue_depth_counter(handle_, queue.id, queue.directed, level) == 0) return {};
  return LastError("dlb_adv_reset_queue_depth_counter");
}

bool Domain::ConfirmReset() {
  const auto all = ports();
  const auto is_dead = [](const auto& port) { return port->IsDead(); };
  if (!state_->device_was_reset && std::none_of(all.begin(), all.end(), is_dead)) return false;
  state_->device_was_reset = true;
  // The ports' threads notice, and stop watching.
  for (const auto& port : all) port->Signal();
  return true;
}

}  // namespace node_dlb::dlb
