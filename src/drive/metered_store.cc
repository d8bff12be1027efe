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

class CountingSource final : public ContentSource {
 public:
  CountingSource(ContentSource& content, Counter& bytes) : content_(content), bytes_(bytes) {}
  Bytes size() const override { return content_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    DRIVEWAY_CHECK(content_.read(offset, buffer));
    bytes_.add(buffer.size());
    return {};
  }

 private:
  ContentSource& content_;
  Counter& bytes_;
};

}  // namespace

MeteredStore::MeteredStore(RemoteStore& inner, const Clock& clock, Metrics& metrics)
    : DecoratedStore(inner),
      clock_(clock),
      bytes_read_(metrics.counter("drive.bytes_read")),
      bytes_sent_(metrics.counter("drive.bytes_sent")) {
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

Result<Item> MeteredStore::create(const Context& context, const NewItem& item,
                                  ContentSource* content) {
  if (content == nullptr) return DecoratedStore::create(context, item, nullptr);
  CountingSource counting(*content, bytes_sent_);
  return DecoratedStore::create(context, item, &counting);
}

Result<Item> MeteredStore::update(const Context& context, const FileId& id, const ItemPatch& patch,
                                  ContentSource* content) {
  if (content == nullptr) return DecoratedStore::update(context, id, patch, nullptr);
  CountingSource counting(*content, bytes_sent_);
  return DecoratedStore::update(context, id, patch, &counting);
}

Result<UploadProgress> MeteredStore::send(const Context& context, const UploadSession& session,
                                          ByteRange range, ContentSource& content) {
  CountingSource counting(content, bytes_sent_);
  return DecoratedStore::send(context, session, range, counting);
}

Status MeteredStore::read_revision(const Context& context, const FileId& id,
                                   const Revision& revision, Bytes size, ByteRange range,
                                   ByteSink& sink) {
  CountingSink counting(sink, bytes_read_);
  return DecoratedStore::read_revision(context, id, revision, size, range, counting);
}

}  // namespace driveway::drive
