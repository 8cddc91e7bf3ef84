#include "control.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "world.h"

namespace dlb_sim {
namespace {

using Words = std::vector<std::string>;

const std::map<std::string, int> kErrors = {
    {"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EBUSY", EBUSY},   {"EEXIST", EEXIST}, {"EINTR", EINTR},
    {"EINVAL", EINVAL}, {"EIO", EIO},       {"EMFILE", EMFILE}, {"ENODEV", ENODEV}, {"ENOENT", ENOENT},
    {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC}, {"EPERM", EPERM},   {"ESRCH", ESRCH},
};

Words Split(const std::string& text, char separator) {
  Words words;
  std::string word;
  for (const char c : text + separator) {
    if (c != separator) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  return words;
}

bool ParseNumber(const std::string& word, uint32_t* out) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(word.c_str(), &end, 10);
  if (word.empty() || word[0] < '0' || word[0] > '9' || *end != '\0' || value > UINT32_MAX) return false;
  *out = static_cast<uint32_t>(value);
  return true;
}

// One run of a command: its words, and what it works on.
struct Call {
  const Words& words;
  World* world;

  // Reads the n-th word as a number; `missing` if there is no such word.
  bool Number(size_t n, uint32_t* out, uint32_t missing = 0) const {
    *out = missing;
    return n >= words.size() || ParseNumber(words[n], out);
  }
};

const char* const kNotANumber = "a number is needed";
const char* const kDomainsExist = "not while there are domains";

std::string Version(const Call& call) {
  const std::string version = call.words.size() > 1 ? call.words[1] : "";
  if (version != "2.0" && version != "2.5") return "the versions are 2.0 and 2.5";
  if (call.world->HasDomains()) return kDomainsExist;
  call.world->settings().combined = version == "2.5";
  call.world->Renew();
  return "";
}

std::string Cq(const Call& call) {
  const std::string layout = call.words.size() > 1 ? call.words[1] : "";
  if (layout != "std" && layout != "sparse") return "cq std|sparse";
  if (call.world->HasDomains()) return kDomainsExist;
  call.world->settings().cq_layout = layout == "std" ? CqLayout::kStd : CqLayout::kSparse;
  call.world->Renew();
  return "";
}

std::string Devices(const Call& call) {
  std::set<int> devices;
  const std::string list = call.words.size() > 1 ? call.words[1] : "";
  for (const std::string& word : list == "none" ? Words() : Split(list, '+')) {
    uint32_t number = 0;
    if (!ParseNumber(word, &number)) return "devices are numbers with + between them, or none";
    devices.insert(static_cast<int>(number));
  }
  call.world->settings().devices = devices;
  return "";
}

// fail <function> <k>[-<m>|+] <errno>
std::string Fail(const Call& call) {
  if (call.words.size() != 4) return "fail <function> <k>[-<m>|+] <errno>";
  std::string uses = call.words[2];
  uint32_t first = 0;
  uint32_t last = 0;
  const bool open_end = uses.back() == '+';
  if (open_end) uses.pop_back();
  const Words ends = Split(uses, '-');
  if (ends.empty() || ends.size() > 2 || !ParseNumber(ends[0], &first) || !ParseNumber(ends.back(), &last)) {
    return "uses are <k>, <k>-<m> or <k>+";
  }
  const auto known = kErrors.find(call.words[3]);
  uint32_t number = 0;
  if (known == kErrors.end() && call.words[3] != "-1" && !ParseNumber(call.words[3], &number)) return "unknown errno";
  int error = call.words[3] == "-1" ? -1 : static_cast<int>(number);
  if (known != kErrors.end()) error = known->second;
  call.world->faults.Add(call.words[1], first, open_end ? UINT32_MAX : last, error);
  return "";
}

std::string Open(const Call& call) {
  if (call.words.size() != 2) return "open <errno>";
  const Words fail = {"fail", "dlb_open", "1+", call.words[1]};
  return Fail({fail, call.world});
}

std::string DeviceReset(const Call& call) {
  uint32_t number = 0;
  uint32_t busy = 0;
  if (!call.Number(1, &number) || !call.Number(2, &busy)) return kNotANumber;
  call.world->ResetDevice(static_cast<int>(number), std::chrono::milliseconds(busy));
  return "";
}

// watchdog <domain> [dir] <port>
std::string Watchdog(const Call& call) {
  const bool directed = call.words.size() > 2 && call.words[2] == "dir";
  uint32_t id = 0;
  uint32_t port = 0;
  if (call.words.size() != (directed ? 4U : 3U) || !call.Number(1, &id) || !call.Number(directed ? 3 : 2, &port)) {
    return "watchdog <domain> [dir] <port>";
  }
  Domain* domain = call.world->FindDomain(static_cast<int>(id));
  if (domain == nullptr || domain->FindPort(directed, static_cast<int>(port)) == nullptr) return "no such port";
  domain->alerts->Push(DLB_ALERT_CQ_WATCHDOG_TIMEOUT, port | (directed ? 0U : 1U << 8));
  return "";
}

std::string HardwareError(const Call& call) {
  uint32_t id = 0;
  if (call.words.size() != 2 || !call.Number(1, &id)) return "hardware-error <domain>";
  Domain* domain = call.world->FindDomain(static_cast<int>(id));
  if (domain == nullptr) return "no such domain";
  domain->alerts->PushHardwareError("a test asked for it");
  return "";
}

std::string Interrupts(const Call& call) {
  const std::string how = call.words.size() > 1 ? call.words[1] : "";
  if (how != "arming" && how != "arrival") return "interrupts arming|arrival";
  call.world->knobs.fires_on_arming = how == "arming";
  return "";
}

std::string DirtyStacks(const Call&) {
  LeaveDirtyStacks();
  return "";
}

std::string ClearFaults(const Call& call) {
  call.world->faults.Clear();
  call.world->knobs.Clear();
  return "";
}

template <auto Member>
std::string Limit(const Call& call) {
  uint32_t n = 0;
  if (call.words.size() != 2 || !call.Number(1, &n)) return kNotANumber;
  if (call.world->HasDomains()) return kDomainsExist;
  const Limits most;
  call.world->settings().limits.*Member = std::min(n, most.*Member);
  call.world->Renew();
  return "";
}

// A member of Knobs of the type EveryNth. Without a number it applies every time; with 0, never.
template <auto Member>
std::string Every(const Call& call) {
  uint32_t n = 0;
  if (!call.Number(1, &n, 1)) return kNotANumber;
  (call.world->knobs.*Member).Set(n);
  return "";
}

// A member of Knobs of the type Countdown. Without a number it applies now.
template <auto Member>
std::string After(const Call& call) {
  uint32_t n = 0;
  if (!call.Number(1, &n)) return kNotANumber;
  (call.world->knobs.*Member).Set(n);
  return "";
}

template <auto Member>
std::string Value(const Call& call) {
  uint32_t n = 0;
  if (call.words.size() != 2 || !call.Number(1, &n)) return kNotANumber;
  call.world->knobs.*Member = n;
  return "";
}

template <auto Member>
std::string Flag(const Call& call) {
  uint32_t n = 0;
  if (!call.Number(1, &n, 1)) return kNotANumber;
  call.world->knobs.*Member = n != 0;
  return "";
}

using Command = std::string (*)(const Call&);

const std::map<std::string, Command> kCommands = {
    {"version", Version},
    {"cq", Cq},
    {"devices", Devices},
    {"open", Open},
    {"fail", Fail},
    {"clear-faults", ClearFaults},
    {"domains", Limit<&Limits::domains>},
    {"ldb-queues", Limit<&Limits::ldb_queues>},
    {"ldb-ports", Limit<&Limits::ldb_ports>},
    {"dir-ports", Limit<&Limits::dir_ports>},
    {"entries", Limit<&Limits::entries>},
    {"credits", Limit<&Limits::credits>},
    {"ldb-credits", Limit<&Limits::ldb_credits>},
    {"dir-credits", Limit<&Limits::dir_credits>},
    {"pools", Limit<&Limits::pools>},
    {"sn-slots", Limit<&Limits::sn_slots>},
    {"queue-in-flight", Limit<&Limits::queue_in_flight>},
    {"send-limit", Value<&Knobs::send_limit>},
    {"send-zero", Every<&Knobs::send_zero>},
    {"send-half", Every<&Knobs::send_half>},
    {"error-flag", Every<&Knobs::error_flag>},
    {"spurious-interrupts", Every<&Knobs::spurious_interrupts>},
    {"lost-interrupts", Every<&Knobs::lost_interrupts>},
    {"lose-interrupt", After<&Knobs::until_lost_interrupt>},
    {"vectors", Value<&Knobs::vectors>},
    {"slow-looks", Value<&Knobs::slow_looks_ms>},
    {"stop-scheduling", After<&Knobs::until_stop>},
    {"delay-interrupts", Value<&Knobs::delay_interrupts_ms>},
    {"latency", Value<&Knobs::latency_us>},
    {"interrupts", Interrupts},
    {"exact-receives-look", Flag<&Knobs::exact_receives_look>},
    {"umwait", Flag<&Knobs::has_umwait>},
    {"refuse-start", Flag<&Knobs::refuse_start>},
    {"domain-server", Flag<&Knobs::serves_domains>},
    {"dirty-stacks", DirtyStacks},
    {"refuse-domain-alerts", Flag<&Knobs::refuse_domain_alerts>},
    {"alert-id", Value<&Knobs::garbage_alert_id>},
    {"device-reset", DeviceReset},
    {"watchdog", Watchdog},
    {"hardware-error", HardwareError},
};

std::string Run(const Words& words, World* world) {
  const auto found = words.empty() ? kCommands.end() : kCommands.find(words[0]);
  if (found == kCommands.end()) return "unknown command: " + (words.empty() ? "(nothing)" : words[0]);
  const std::string problem = found->second({words, world});
  return problem.empty() ? "" : words[0] + ": " + problem;
}

}  // namespace

std::string RunCommand(const std::string& command, World* world) {
  const std::lock_guard lock(world->mutex);
  return Run(Split(command, ' '), world);
}

std::string RunEnvironment(const std::string& text, World* world) {
  std::string problems;
  for (std::string command : Split(text, ',')) {
    for (char& c : command) {
      if (c == '=' || c == ':') c = ' ';
    }
    const std::string problem = Run(Split(command, ' '), world);
    if (!problem.empty()) problems += (problems.empty() ? "" : "; ") + problem;
  }
  return problems;
}

}  // namespace dlb_sim
