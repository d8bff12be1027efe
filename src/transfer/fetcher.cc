#include "transfer/fetcher.h"

#include "transfer/fetch_engine.h"

namespace driveway::transfer {

Fetcher::Fetcher(FetcherOptions options, drive::RemoteStore& store, Scheduler& scheduler,
                 Clock& clock, Metrics& metrics)
    : engine_(std::make_shared<FetchEngine>(options, store, scheduler, clock, metrics)) {}

Fetcher::~Fetcher() { engine_->stop(); }

Status Fetcher::ensure(const Context& context, const std::shared_ptr<FetchTarget>& target,
                       ByteRange range, ByteRange ask) {
  const auto engine = engine_;
  return engine->ensure(context, target, range, ask);
}

std::unique_ptr<Ticket> Fetcher::want(const std::shared_ptr<FetchTarget>& target, ByteRange range,
                                      Priority priority, std::function<void(const Status&)> done) {
  const auto engine = engine_;
  return engine->want(target, range, priority, std::move(done));
}

LinkSpeed Fetcher::link_speed() const { return engine_->link_speed(); }

Status Fetcher::confirm_shown(const Context& context, const std::shared_ptr<FetchTarget>& target) {
  const auto engine = engine_;
  return engine->confirm_shown(context, target);
}

Status Fetcher::confirm(const Context& context, const std::shared_ptr<FetchTarget>& target) {
  const auto engine = engine_;
  return engine->confirm(context, target);
}

}  // namespace driveway::transfer
