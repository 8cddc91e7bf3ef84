#include "domain_files.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace dlb_sim {
namespace {

constexpr off_t kMemorySize = 2410912;

std::string Folder(const char* variable, const char* usual) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : usual;
}

}  // namespace

bool DomainFiles::Create(int device, int domain, bool serves) {
  const std::string ids = std::to_string(device) + "_" + std::to_string(domain);
  memory_path_ = Folder("DLB_SIM_SHM_DIR", "/dev/shm") + "/dlb" + ids;
  socket_path_ = Folder("DLB_SIM_SOCKET_DIR", "/tmp") + "/__dlb_domain_" + std::to_string(getuid()) + "_" + ids;
  if (CreateMemory() && CreateSocket() && (!serves || server_.Start(socket_.get(), domain_.get()))) return true;
  Remove();
  return false;
}

bool DomainFiles::CreateMemory() {
  unlink(memory_path_.c_str());
  const OwnedFd file(open(memory_path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid() || ftruncate(file.get(), kMemorySize) != 0) {
    std::perror("shm_open");
    return false;
  }
  // This stands for the driver's descriptor of the domain. All its duplicates, in children too,
  // hold its lock, and nothing else does.
  domain_.Reset(memfd_create("dlb-sim-domain", 0));
  if (!domain_.valid() || flock(domain_.get(), LOCK_EX | LOCK_NB) != 0) return false;
  const std::string itself = "/proc/self/fd/" + std::to_string(domain_.get());
  probe_.Reset(open(itself.c_str(), O_RDWR | O_CLOEXEC));
  return probe_.valid();
}

bool DomainFiles::CreateSocket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The path goes through its folder's descriptor: a test's folder may have a longer name than an
  // address can hold.
  const size_t slash = socket_path_.rfind('/');
  const OwnedFd folder(open(socket_path_.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + socket_path_.substr(slash);
  if (!folder.valid() || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  unlink(socket_path_.c_str());
  socket_.Reset(socket(AF_UNIX, SOCK_STREAM, 0));
  if (!socket_.valid()) return false;
  // The mode is set before bind, which makes the file with the socket's mode. The umask, which
  // belongs to the whole process, stays as it is.
  fchmod(socket_.get(), 0700);
  return bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
         listen(socket_.get(), 8) == 0;
}

OwnedFd DomainFiles::Remove() {
  server_.Stop();
  unlink(memory_path_.c_str());
  if (socket_.valid()) unlink(socket_path_.c_str());
  domain_.Reset();
  socket_.Reset();
  return std::move(probe_);
}

OwnedFd DomainFiles::Attach() const { return serves() ? ReceiveDomain(socket_path_) : OwnedFd(dup(domain_.get())); }

}  // namespace dlb_sim
