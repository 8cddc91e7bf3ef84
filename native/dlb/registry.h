#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace node_dlb::dlb {

class Device;
class Domain;

// The open domains of this process, by the keys that tokens carry: the only way from one thread to
// another's domain. Thread: any. Never destroyed, so that it can be used in exit handlers.
class Registry {
 public:
  static Registry& Get();

  // Returns the key: unguessable, and never used again.
  std::string Add(std::shared_ptr<Domain> domain);
  std::shared_ptr<Domain> Find(const std::string& key);
  void Remove(const std::string& key);

  // Has exit(3) close what of the device is open by then: process.exit() runs no clean-up hooks in
  // the main thread. Call it after the device is open: exit handlers run in reverse, and the
  // library's own must not run before.
  void CloseAtExit(const std::shared_ptr<Device>& device);

  // Not 0, and unique in the process.
  uint64_t NextTicket();

 private:
  void CloseAll();

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Domain>> domains_;
  std::vector<std::weak_ptr<Device>> devices_;
  uint64_t last_ticket_ = 0;
  bool closes_at_exit_ = false;
};

}  // namespace node_dlb::dlb
