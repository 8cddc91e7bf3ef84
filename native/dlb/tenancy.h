#pragma once

#include <memory>
#include <unordered_set>

namespace node_dlb::dlb {

class Attachment;
class Domain;

// The ports that an environment's thread has attached, and the domains that it created. Thread: the
// environment's.
class Tenancy {
 public:
  void Add(Attachment* attachment) { attachments_.insert(attachment); }
  void Remove(Attachment* attachment) { attachments_.erase(attachment); }
  void Add(std::shared_ptr<Domain> domain) { domains_.insert(std::move(domain)); }
  void Remove(const std::shared_ptr<Domain>& domain) { domains_.erase(domain); }

  // To be called when the environment ends and JS cannot run any more: detaches the ports, and
  // closes the domains.
  void End();

 private:
  std::unordered_set<Attachment*> attachments_;
  std::unordered_set<std::shared_ptr<Domain>> domains_;
};

}  // namespace node_dlb::dlb
