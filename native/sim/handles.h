#ifndef DLB_SIM_HANDLES_H
#define DLB_SIM_HANDLES_H

#include <cstdint>
#include <set>
#include <vector>

#include "owned_fd.h"
#include "port.h"

namespace dlb_sim {

class Device;
class Domain;

// The objects that the user's `void *`s point to. Each begins with a magic number, by which libdlb
// recognises its handles. Closed handles stay in memory with `kDead`, so that their use is reported
// as a breach and does not crash.
constexpr uint64_t kDead = 0x6465616420646c62;

struct DeviceHandle {
  static constexpr uint64_t kMagic = 0x646576696365dbb1;
  static constexpr const char* kName = "device";
  uint64_t magic = kMagic;
  Device* device = nullptr;
  uint32_t generation = 0;
  OwnedFd fd;
  int attached = 0;
  // A domain could not be created because its socket could not be made: the library's own close
  // crashes then.
  bool poisoned = false;
  // The domains that this handle has created: those that exist, and the ids of those that were
  // reset.
  std::vector<Domain*> domains;
  std::set<int> reset;
};

struct DomainHandle {
  static constexpr uint64_t kMagic = 0x646f6d61696edbb2;
  static constexpr const char* kName = "domain";
  uint64_t magic = kMagic;
  DeviceHandle* opener = nullptr;
  Domain* domain = nullptr;
  OwnedFd fd;
  int ports = 0;
};

struct PortHandle {
  static constexpr uint64_t kMagic = 0x706f727420dbb3;
  static constexpr const char* kName = "port";
  uint64_t magic = kMagic;
  DomainHandle* attachment = nullptr;
  Port* port = nullptr;
  Receiver receiver;
};

}  // namespace dlb_sim

#endif
