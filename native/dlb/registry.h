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

// The open domains of this process, by the keys that tokens carry. This is the only way from one
// thread to another thread's domain. Thread: any. The registry is never destroyed, so that exit
// handlers can use it.
class Registry {
 public:
  static Registry& Get();

  // Returns the domain's key, which cannot be guessed and is never used again.
  std::string Add(std::shared_ptr<Domain> domain);
  std::shared_ptr<Domain> Find(const std::string& key);
  void Remove(const std::string& key);

  // Makes exit(3) close what is still open of the device: process.exit() runs no clean-up hooks in
  // the main thread. To be called after the device is open: exit handlers run in reverse order, and
  // the library's own must not run before this one.
  void CloseAtExit(const std::shared_ptr<Device>& device);

  // A number that is not 0, and unique in the process.
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
