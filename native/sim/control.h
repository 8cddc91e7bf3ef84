#ifndef DLB_SIM_CONTROL_H
#define DLB_SIM_CONTROL_H

#include <string>

namespace dlb_sim {

class World;

// Both return what is wrong, or an empty string. The commands are in README.md.
// One command, its words between spaces. Takes the world's lock.
std::string RunCommand(const std::string& command, World* world);
// DLB_SIM: the same commands, as `name=word:word`, between commas. Under the world's lock.
std::string RunEnvironment(const std::string& text, World* world);

}  // namespace dlb_sim

#endif
