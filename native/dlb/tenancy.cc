#include "tenancy.h"

#include <utility>

#include "attachment.h"
#include "domain.h"

namespace node_dlb::dlb {

void Tenancy::End() {
  for (Attachment* attachment : std::exchange(attachments_, {})) attachment->Abandon();
  for (const auto& domain : std::exchange(domains_, {})) domain->Close();
}

}  // namespace node_dlb::dlb
