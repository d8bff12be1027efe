// A store with its decorators, as every command uses it.
//
//   Retry ( QuotaBudget ( Metered ( store ) ) )
//
// Each try is paid for and counted by itself; the latency that Metered sees is Drive's, without our
// own waiting.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/metrics.h"
#include "drive/quota.h"
#include "drive/remote_store.h"
#include "drive/retry_store.h"

namespace driveway::drive {

struct StackOptions {
  QuotaModel quota = QuotaModel::kAuto;
  QuotaState learned;  // what `auto` learned for this account before
  RetryOptions retry;
};

// Thread-safe, as RemoteStore.
class StoreStack {
 public:
  virtual ~StoreStack() = default;
  virtual RemoteStore& store() = 0;
  virtual QuotaBudget& quota() = 0;
};

// `clock` and `metrics` must outlive the stack.
std::unique_ptr<StoreStack> make_store_stack(std::unique_ptr<RemoteStore> base,
                                             const StackOptions& options, Clock& clock,
                                             Metrics& metrics);

}  // namespace driveway::drive
