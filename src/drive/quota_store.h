// Asks a QuotaBudget before each call, and tells it what Drive refused. Thread-safe.
#pragma once

#include "drive/decorated_store.h"
#include "drive/quota.h"

namespace driveway::drive {

class QuotaStore final : public DecoratedStore {
 public:
  // Both must outlive the decorator.
  QuotaStore(RemoteStore& inner, QuotaBudget& budget) : DecoratedStore(inner), budget_(budget) {}
  Duration until_free(Priority priority, int downloads) override {
    return budget_.until_free(Method::kRead, priority, downloads);
  }

 protected:
  Status around(const Context& context, const CallInfo& call, const Attempt& attempt) override;

 private:
  QuotaBudget& budget_;
};

}  // namespace driveway::drive
