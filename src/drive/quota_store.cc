#include "drive/quota_store.h"

#include "drive/retry_hint.h"

namespace driveway::drive {

Status QuotaStore::around(const Context& context, const CallInfo& call, const Attempt& attempt) {
  DRIVEWAY_CHECK(budget_.take(context, call.method));
  Status status = attempt();
  if (status.failed_with(ErrorCode::kRateLimited)) budget_.refused(retry_after(status.error()));
  return status;
}

}  // namespace driveway::drive
