// Runs the self-test. It prints a line per test to stderr, since the library prints to stdout, as
// libdlb does.
#include "check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

#include "../libdlb_sim.h"
#include "rig.h"
#include "suites.h"

namespace dlb_sim_test {
namespace {

std::atomic<unsigned> failures{0};
unsigned expected_breaches = 0;

std::string Breaches() {
  std::string text(dlb_sim_breaches(nullptr, 0), '\0');
  dlb_sim_breaches(text.data(), text.size() + 1);
  return text;
}

void RunOne(const Test& test) {
  const unsigned before = failures;
  dlb_sim_reset();
  expected_breaches = 0;
  test.run();
  if (dlb_sim_breach_count() != expected_breaches) Failed("after", 0, "breaches that no one expected:\n" + Breaches());
  std::fprintf(stderr, "%s - %s\n", failures == before ? "ok" : "not ok", test.title);
}

// `--leak` is for a test of what the library reports when a process ends with everything open.
int Leak() {
  Rig rig;
  rig.LdbPort();
  return 0;
}

}  // namespace

void Failed(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  // A failure in a loop would go on for ever.
  if (++failures == 100) std::_Exit(1);
}

void ExpectBreach(const char* file, int line, const std::string& text, unsigned count) {
  expected_breaches += count;
  if (Breaches().find(text) == std::string::npos) Failed(file, line, "no breach \"" + text + "\"");
}

}  // namespace dlb_sim_test

int main(int argc, char** argv) {
  using namespace dlb_sim_test;
  const std::string only = argc > 1 ? argv[1] : "";
  if (only == "--leak") return Leak();
  // A reader of the output is not interested in the breaches that the tests provoke.
  setenv("DLB_SIM_BREACH_FILE", "/dev/null", 1);
  char folder[] = "/tmp/dlb-sim-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 2;
  setenv("DLB_SIM_SHM_DIR", folder, 1);
  setenv("DLB_SIM_SOCKET_DIR", folder, 1);
  for (const Tests& tests : AllTests()) {
    for (const Test& test : tests) {
      if (only.empty() || std::string(test.title).find(only) != std::string::npos) RunOne(test);
    }
  }
  dlb_sim_reset();
  if (!std::filesystem::is_empty(folder)) Failed("after", 0, std::string("files are left in ") + folder);
  std::filesystem::remove_all(folder);
  std::fprintf(stderr, "%u failures\n", failures.load());
  return failures == 0 ? 0 : 1;
}
