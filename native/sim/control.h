#ifndef DLB_SIM_CONTROL_H
#define DLB_SIM_CONTROL_H

#include <string>

namespace dlb_sim {

class World;

// Both functions return what is wrong, or an empty string. README.md lists the commands.
//
// Runs one command, its words between spaces. Takes the world's lock.
std::string RunCommand(const std::string& command, World* world);
// Runs the commands of DLB_SIM: `name=word:word`, between commas. Under the world's lock.
std::string RunEnvironment(const std::string& text, World* world);

}  // namespace dlb_sim

#endif
