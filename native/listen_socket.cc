#include "listen_socket.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

namespace node_dlb {
namespace {

SystemError Failed(const char* call) { return {errno, call}; }

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// Returns the length of the parsed address, or 0 if the text is not an address.
socklen_t ParseAddress(const std::string& text, int port, sockaddr_storage* out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(out);
  if (uv_ip4_addr(text.c_str(), port, v4) == 0) return sizeof *v4;
  auto* v6 = reinterpret_cast<sockaddr_in6*>(out);
  if (uv_ip6_addr(text.c_str(), port, v6) == 0) return sizeof *v6;
  return 0;
}

Fd OpenStream(int family) { return Fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

// Whether this Node pads an abstract name with zeros, in clients too. Node 20, whose libuv is 1.46,
// does; later ones do not.
bool PadsAbstractNames() { return uv_version() < ((1 << 16) | (47 << 8)); }

// Whether a connection's own end has the name that its listener has. For an IP socket only the port
// counts: the listener's address may be a wildcard.
bool SamePlace(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) return false;
  switch (a.ss_family) {
    case AF_INET:
      return reinterpret_cast<const sockaddr_in&>(a).sin_port == reinterpret_cast<const sockaddr_in&>(b).sin_port;
    case AF_INET6:
      return reinterpret_cast<const sockaddr_in6&>(a).sin6_port == reinterpret_cast<const sockaddr_in6&>(b).sin6_port;
    default:
      return std::memcmp(&a, &b, sizeof(sockaddr_un)) == 0;
  }
}

SystemError NameOf(int fd, sockaddr_storage* address) {
  *address = {};
  socklen_t length = sizeof *address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(address), &length) == 0) return {};
  return Failed("getsockname");
}

bool Listens(int fd) {
  int listens = 0;
  socklen_t length = sizeof listens;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0;
}

}  // namespace

int ShareListening(int fd) {
  Fd shared(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!shared) return -errno;
  return Listens(shared.get()) ? shared.Release() : -EBADF;
}

SystemError ListenSocket::Open(const ListenSpec& spec) {
  Close();
  const SystemError error = spec.path.empty() ? OpenTcp(spec) : OpenUnix(spec);
  if (error) {
    Close();
    return error;
  }
  if (listen(fd_.get(), spec.backlog) == 0) return {};
  const SystemError failed = Failed("listen");
  Close();
  return failed;
}

SystemError ListenSocket::Share(int fd) {
  Close();
  const int shared = ShareListening(fd);
  if (shared < 0) return {-shared, "dup"};
  fd_ = Fd(shared);
  return {};
}

SystemError ListenSocket::OpenTcp(const ListenSpec& spec) {
  sockaddr_storage address{};
  const socklen_t length = ParseAddress(spec.address, spec.port, &address);
  if (length == 0) return {EINVAL, "bind"};

  fd_ = OpenStream(address.ss_family);
  if (!fd_) return errno == EAFNOSUPPORT ? SystemError{EINVAL, "socket"} : Failed("socket");
  if (!SetOption(fd_.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return Failed("setsockopt");
  if (spec.reuse_port && !SetOption(fd_.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return Failed("setsockopt");
  // Connections inherit the option, which saves a system call for each.
  if (spec.no_delay && !SetOption(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1)) return Failed("setsockopt");
  // The value is the time, in seconds, after which a silent client is accepted nevertheless.
  if (spec.defer_accept && !SetOption(fd_.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, 1)) return Failed("setsockopt");
  if (address.ss_family == AF_INET6 && !SetOption(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, spec.ipv6_only ? 1 : 0)) {
    return Failed("setsockopt");
  }
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return {};
  return Failed("bind");
}

SystemError ListenSocket::OpenUnix(const ListenSpec& spec) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool abstract = spec.path[0] == '\0';
  // A name in the file system needs its terminating 0; in an abstract name, every byte counts.
  const size_t name_length = spec.path.size() + (abstract ? 0 : 1);
  if (name_length > sizeof address.sun_path) return {EINVAL, "bind"};
  std::memcpy(address.sun_path, spec.path.data(), spec.path.size());
  const bool padded = abstract && PadsAbstractNames();
  const size_t length = padded ? sizeof address : offsetof(sockaddr_un, sun_path) + name_length;

  fd_ = OpenStream(AF_UNIX);
  if (!fd_) return Failed("socket");
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)) != 0) {
    return errno == ENOENT ? SystemError{EACCES, "bind"} : Failed("bind");
  }
  // From here on, this object has to remove the name.
  path_ = spec.path;
  if (!abstract) name_ = Fd(open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return {};
}

bool ListenSocket::HasName() const {
  if (!IsInFileSystem()) return true;
  struct stat ours = {};
  struct stat there = {};
  if (lstat(path_.c_str(), &there) != 0) return false;
  // There was no free descriptor for `name_`, so the file is assumed to be this socket's.
  if (!name_ || fstat(name_.get(), &ours) != 0) return true;
  return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

bool ListenSocket::HasFile() const {
  struct stat ours = {};
  // There was no free descriptor for `name_`, so only the name can tell.
  if (!name_ || fstat(name_.get(), &ours) != 0) return HasName();
  return ours.st_nlink > 0;
}

void ListenSocket::CopyPermissionsTo(const std::string& path) const {
  struct stat ours = {};
  if (!name_ || fstat(name_.get(), &ours) != 0) return;
  // The owner comes first, because changing it can take permissions away.
  if (lchown(path.c_str(), ours.st_uid, ours.st_gid) != 0 && errno != EPERM) return;
  if (chmod(path.c_str(), ours.st_mode & 07777) != 0) return;
}

SystemError ListenSocket::Address(sockaddr_storage* address) const { return NameOf(fd_.get(), address); }

bool ListenSocket::IsConnection(int fd) const {
  sockaddr_storage ours;
  sockaddr_storage other;
  return !NameOf(fd_.get(), &ours) && !NameOf(fd, &other) && SamePlace(ours, other) && !Listens(fd);
}

bool ListenSocket::HasWaiting() const {
  pollfd socket = {fd_.get(), POLLIN, 0};
  return poll(&socket, 1, 0) > 0;
}

void ListenSocket::Shutdown() { shutdown(fd_.get(), SHUT_RD); }

void ListenSocket::Close() {
  // The name goes first: once the descriptor is closed, another process may bind the name, and this
  // would remove that one's.
  if (IsInFileSystem() && HasName()) unlink(path_.c_str());
  path_.clear();
  name_.Reset();
  fd_.Reset();
}

}  // namespace node_dlb
