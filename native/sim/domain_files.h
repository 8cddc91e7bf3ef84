#ifndef DLB_SIM_DOMAIN_FILES_H
#define DLB_SIM_DOMAIN_FILES_H

#include <string>

#include "domain_server.h"
#include "owned_fd.h"

namespace dlb_sim {

// The shared memory file, the socket and the descriptors of a domain, as a process that uses libdlb
// has them. What is in the files is of no use to anybody: they are here so that it shows when they
// are left behind. DLB_SIM_SHM_DIR and DLB_SIM_SOCKET_DIR stand for /dev/shm and /tmp.
class DomainFiles {
 public:
  // Removes what a former process left of the same names. False if the socket cannot be made.
  // `serves`: the socket is answered, and Attach goes by it.
  bool Create(int device, int domain, bool serves);
  // Closes and removes. What is returned can be locked (flock) when nobody has the domain's
  // descriptor any more: a child that inherited it, or an attachment.
  OwnedFd Remove();

  // A second descriptor of the domain, for an attachment. Not valid if it was not to be had.
  OwnedFd Attach() const;
  bool serves() const { return server_.runs(); }

 private:
  bool CreateMemory();
  bool CreateSocket();

  std::string memory_path_;
  std::string socket_path_;
  // Without FD_CLOEXEC, as libdlb's are.
  OwnedFd domain_;
  OwnedFd socket_;
  OwnedFd probe_;
  DomainServer server_;
};

}  // namespace dlb_sim

#endif
