#include "drive/metered_store.h"

#include "base/strings.h"

namespace driveway::drive {
namespace {

class CountingSink final : public ByteSink {
 public:
  CountingSink(ByteSink& sink, Counter& bytes) : sink_(sink), bytes_(bytes) {}
  Status write(std::span<const std::byte> data) override {
    bytes_.add(data.size());
    return sink_.write(data);
  }
  void new_answer() override { sink_.new_answer(); }
  void asked() override { sink_.asked(); }

 private:
  ByteSink& sink_;
  Counter& bytes_;
};

}  // namespace

MeteredStore::MeteredStore(RemoteStore& inner, const Clock& clock, Metrics& metrics)
    : DecoratedStore(inner), clock_(clock), bytes_read_(metrics.counter("drive.bytes_read")) {
  for (const Method method : kAllMethods) {
    const std::string prefix = cat("drive.", to_string(method));
    methods_[static_cast<std::size_t>(method)] = {&metrics.counter(prefix + ".calls"),
                                                  &metrics.counter(prefix + ".errors"),
                                                  &metrics.histogram(prefix + ".latency")};
  }
}

Status MeteredStore::around(const Context& /*context*/, const CallInfo& call,
                            const Attempt& attempt) {
  const PerMethod& method = methods_[static_cast<std::size_t>(call.method)];
  method.calls->add();
  const TimePoint begin = clock_.now();
  Status status = attempt();
  if (status.ok()) {
    method.latency->record(clock_.now() - begin);
  } else if (status.error().code != ErrorCode::kCancelled &&
             status.error().code != ErrorCode::kDeadlineExceeded) {
    method.errors->add();
  }
  return status;
}

Status MeteredStore::read(const Context& context, const Item& item, ByteRange range,
                          ByteSink& sink) {
  CountingSink counting(sink, bytes_read_);
  return DecoratedStore::read(context, item, range, counting);
}

}  // namespace driveway::drive
