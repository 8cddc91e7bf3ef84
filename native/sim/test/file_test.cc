// Files and descriptors: which ones exist, and who keeps them.
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

std::string File(const std::string& name) { return std::string(std::getenv("DLB_SIM_SHM_DIR")) + "/" + name; }

std::string Socket() { return File("__dlb_domain_" + std::to_string(getuid()) + "_0_31"); }

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::set<int> Descriptors(bool inheritable_only) {
  std::set<int> found;
  for (int fd = 3; fd < 1024; fd++) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (!inheritable_only || (flags & FD_CLOEXEC) == 0)) found.insert(fd);
  }
  return found;
}

void OfADomain() {
  Rig rig;
  struct stat memory = {};
  CHECK_EQUAL(stat(File("dlb0_31").c_str(), &memory), 0);
  CHECK_EQUAL(memory.st_size, 2410912);
  CHECK_EQUAL(memory.st_mode & 0777, 0600);
  struct stat socket = {};
  CHECK_EQUAL(stat(Socket().c_str(), &socket), 0);
  CHECK(S_ISSOCK(socket.st_mode));
  CHECK_EQUAL(socket.st_mode & 0777, 0700);
  rig.TearDown();
  CHECK(!Exists(File("dlb0_31")) && !Exists(Socket()));
}

void CloseRemovesThem() {
  Rig rig;
  CHECK_EQUAL(dlb_detach_sched_domain(rig.domain), 0);
  CHECK_EQUAL(dlb_close(rig.device), 0);
  CHECK(!Exists(File("dlb0_31")) && !Exists(Socket()));
}

void ExitLeavesThem() {
  const pid_t child = fork();
  if (child == 0) {
    Rig rig;
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  CHECK(Exists(File("dlb0_31")) && Exists(Socket()));
  Rig rig;
  rig.TearDown();
  CHECK(!Exists(File("dlb0_31")) && !Exists(Socket()));
}

void Inheritable() {
  const std::set<int> before = Descriptors(false);
  const std::set<int> before_inheritable = Descriptors(true);
  Rig rig;
  // These are the descriptors of the device, the domain, its socket and the attachment.
  CHECK_EQUAL(Descriptors(true).size(), before_inheritable.size() + 4);
  rig.TearDown();
  CHECK(Descriptors(false) == before);
}

// A child process that keeps the domain's descriptor keeps the domain's resources.
void ChildKeepsResources() {
  Rig rig;
  int pipe_ends[2];
  CHECK_EQUAL(pipe2(pipe_ends, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    // The child reads until the parent closes its end.
    char byte = 0;
    close(pipe_ends[1]);
    _exit(static_cast<int>(read(pipe_ends[0], &byte, 1)));
  }
  CHECK_EQUAL(dlb_detach_sched_domain(rig.domain), 0);
  CHECK_EQUAL(dlb_reset_sched_domain(rig.device, rig.domain_id), 0);
  dlb_resources_t resources{};
  CHECK_EQUAL(dlb_get_num_resources(rig.device, &resources), 0);
  CHECK_EQUAL(resources.num_sched_domains, 31);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  waitpid(child, nullptr, 0);
  CHECK_EQUAL(dlb_get_num_resources(rig.device, &resources), 0);
  CHECK_EQUAL(resources.num_sched_domains, 32);
  CHECK_EQUAL(dlb_close(rig.device), 0);
}

void NoPlaceForThem() {
  const std::string folder = std::getenv("DLB_SIM_SOCKET_DIR");
  setenv("DLB_SIM_SOCKET_DIR", "/nonexistent", 1);
  dlb_hdl_t device = nullptr;
  CHECK_EQUAL(dlb_open(0, &device), 0);
  dlb_create_sched_domain_t args{};
  CHECK_FAILS(dlb_create_sched_domain(device, &args), -1);
  CHECK(!Exists(File("dlb0_31")));
  setenv("DLB_SIM_SOCKET_DIR", folder.c_str(), 1);
}

}  // namespace

Tests FileTests() {
  return {
      {"a domain has a memory file and a socket until its reset", OfADomain},
      {"dlb_close resets the domains that it created", CloseRemovesThem},
      {"an exit without a reset leaves the files, which the next domain removes", ExitLeavesThem},
      {"descriptors are without FD_CLOEXEC, and closed in the end", Inheritable},
      {"a child with the domain's descriptor keeps its resources", ChildKeepsResources},
      {"without a place for the socket no domain can be created", NoPlaceForThem},
  };
}

}  // namespace dlb_sim_test
