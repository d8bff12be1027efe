#include "drive/store_stack.h"

#include <utility>

#include "drive/metered_store.h"
#include "drive/quota_store.h"

namespace driveway::drive {
namespace {

class Stack final : public StoreStack {
 public:
  Stack(std::unique_ptr<RemoteStore> base, const StackOptions& options, Clock& clock,
        Metrics& metrics)
      : base_(std::move(base)),
        metered_(*base_, clock, metrics),
        budget_(options.quota, clock, metrics, options.learned),
        quota_(metered_, budget_),
        retry_(quota_, clock, metrics, options.retry) {}

  RemoteStore& store() override { return retry_; }
  QuotaBudget& quota() override { return budget_; }

 private:
  const std::unique_ptr<RemoteStore> base_;
  MeteredStore metered_;
  QuotaBudget budget_;
  QuotaStore quota_;
  RetryStore retry_;
};

}  // namespace

std::unique_ptr<StoreStack> make_store_stack(std::unique_ptr<RemoteStore> base,
                                             const StackOptions& options, Clock& clock,
                                             Metrics& metrics) {
  return std::make_unique<Stack>(std::move(base), options, clock, metrics);
}

}  // namespace driveway::drive
