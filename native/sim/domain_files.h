#ifndef DLB_SIM_DOMAIN_FILES_H
#define DLB_SIM_DOMAIN_FILES_H

#include <string>

#include "domain_server.h"
#include "owned_fd.h"

namespace dlb_sim {

// The shared memory file, the socket and the descriptors of a domain, as in a process that uses
// libdlb. The files' contents are of no use: the files exist so that a test notices if they are
// left behind. DLB_SIM_SHM_DIR and DLB_SIM_SOCKET_DIR replace /dev/shm and /tmp.
class DomainFiles {
 public:
  // Removes the files that a former process left under the same names. Returns false if the socket
  // cannot be made. With `serves`, a thread answers the socket, and Attach uses it.
  bool Create(int device, int domain, bool serves);
  // Closes and removes the files. The returned descriptor can be locked (flock) when nobody has the
  // domain's descriptor any more: neither a child that inherited it, nor an attachment.
  OwnedFd Remove();

  // Returns a second descriptor of the domain, for an attachment. It is not valid if there was
  // none.
  OwnedFd Attach() const;
  bool serves() const { return server_.runs(); }

 private:
  bool CreateMemory();
  bool CreateSocket();

  std::string memory_path_;
  std::string socket_path_;
  // These descriptors have no FD_CLOEXEC, as in libdlb.
  OwnedFd domain_;
  OwnedFd socket_;
  OwnedFd probe_;
  DomainServer server_;
};

}  // namespace dlb_sim

#endif
