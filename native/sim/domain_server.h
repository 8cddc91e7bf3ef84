#ifndef DLB_SIM_DOMAIN_SERVER_H
#define DLB_SIM_DOMAIN_SERVER_H

#include <pthread.h>
#include <string>

#include "owned_fd.h"

namespace dlb_sim {

// The thread that gives a domain's descriptor to whoever connects to the domain's socket, as
// libdlb's does: by a msghdr on its stack whose name fields it does not set. On a stack that a
// thread has had before they are what that left there, and sendmsg may refuse it.
//
// Thread: its owner's; the world's lock is held for all of it.
class DomainServer {
 public:
  DomainServer() = default;
  DomainServer(const DomainServer&) = delete;
  DomainServer& operator=(const DomainServer&) = delete;
  ~DomainServer() { Stop(); }

  // On a stack of glibc's choice. Both descriptors are the owner's. False if there is no thread to
  // be had.
  bool Start(int socket, int domain);
  // Nobody can connect any more.
  void Stop();
  bool runs() const { return socket_ >= 0; }

 private:
  static void* Run(void* self);

  pthread_t thread_{};
  int socket_ = -1;
  int domain_ = -1;
};

// What a process does that attaches: connects, and takes the descriptor. Not valid if none was
// sent.
OwnedFd ReceiveDomain(const std::string& socket_path);

// Leaves some stacks of threads that have ended with glibc, full of what a thread may leave on
// them.
void LeaveDirtyStacks();

}  // namespace dlb_sim

#endif
