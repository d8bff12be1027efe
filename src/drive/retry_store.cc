#include "drive/retry_store.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "drive/retry_hint.h"

namespace driveway::drive {
namespace {

constexpr Bytes kProgress = 256 * kKiB;
// What is kept of the time before a deadline for the answer to the last try.
constexpr Duration kLastTry = std::chrono::seconds(1);

// Passes a read on, and knows how far it got, over several tries.
class ResumableSink final : public ByteSink {
 public:
  ResumableSink(ByteRange range, ByteSink& sink) : left_(range), sink_(sink) {}

  Status write(std::span<const std::byte> data) override {
    if (data.size() > left_.length) {
      refused_ = true;
      return Error{ErrorCode::kInternal, "more bytes than were asked for"};
    }
    if (auto status = sink_.write(data); !status.ok()) {
      refused_ = true;
      return status;
    }
    left_.offset += data.size();
    left_.length -= data.size();
    return {};
  }

  void asked() override { sink_.asked(); }

  const ByteRange& left() const { return left_; }
  bool refused() const { return refused_; }  // by the reader: no retry helps

 private:
  ByteRange left_;
  ByteSink& sink_;
  bool refused_ = false;
};

class CollectingSink final : public ByteSink {
 public:
  Status write(std::span<const std::byte> data) override {
    if (bytes_.size() + data.size() > kMostExported) {
      return Error{ErrorCode::kTooLarge, "the export is too large"};
    }
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    return {};
  }
  void clear() { bytes_.clear(); }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// Passes a content on. An error of it ends the call as one that no retry helps.
class OnceSource final : public ContentSource {
 public:
  explicit OnceSource(ContentSource& content) : content_(content) {}
  Bytes size() const override { return content_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    Status status = content_.read(offset, buffer);
    if (!status.ok()) {
      failure_ = status.error();
      Error last = status.error();
      last.retryable = false;
      return last;
    }
    return status;
  }
  // `result`, but with the content's own error where that is why it failed.
  Result<Item> finish(Result<Item> result) {
    if (failure_ && !result.ok()) return *std::move(failure_);
    return result;
  }

 private:
  ContentSource& content_;
  std::optional<Error> failure_;
};

bool may_repeat(const CallInfo& call, const Error& error) {
  if (!error.retryable) return false;
  switch (call.method) {
    case Method::kSend:
      return false;
    case Method::kCreate:
    case Method::kCopy:
      return !call.id.empty() || error.code == ErrorCode::kRateLimited;
    default:
      return true;
  }
}

}  // namespace

RetryStore::RetryStore(RemoteStore& inner, Clock& clock, Metrics& metrics, RetryOptions options)
    : DecoratedStore(inner),
      clock_(clock),
      metrics_(metrics),
      retries_(metrics.counter("drive.retries")),
      options_(options),
      random_(options.seed != 0 ? options.seed : std::random_device()()) {}

Duration RetryStore::random_up_to(Duration limit) {
  if (limit <= Duration::zero()) return Duration::zero();
  const std::lock_guard lock(mutex_);
  return Duration(std::uniform_int_distribution<Duration::rep>(0, limit.count())(random_));
}

Duration RetryStore::pause_before(const Tries& tries, const Error& error) {
  Duration pause = options_.first;
  Duration jitter = options_.jitter;
  int doublings = tries.failed - 1;
  if (error.code != ErrorCode::kRateLimited) {
    if (tries.failed == 1) {
      pause = options_.quick;
      jitter = std::min(options_.quick, options_.jitter);
    } else {
      --doublings;
    }
  }
  for (; doublings > 0 && pause < options_.longest; --doublings) pause *= 2;
  pause = std::min(pause, options_.longest) + random_up_to(jitter);
  return std::max(pause, retry_after(error).value_or(Duration::zero()));
}

std::optional<Duration> RetryStore::next_pause(const Context& context, const Tries& tries,
                                               const Error& error) {
  const bool endless = context.deadline == TimePoint::max();
  if (endless && tries.failed >= options_.max_tries) return std::nullopt;
  const Duration asked = retry_after(error).value_or(Duration::zero());
  if (asked > options_.longest_asked) return std::nullopt;
  const Duration pause = pause_before(tries, error);
  if (endless) return pause;
  const Duration left = context.deadline - clock_.now();
  if (pause < left) return pause;
  const Duration shorter = left - kLastTry;
  if (left <= 2 * kLastTry || asked > shorter) return std::nullopt;
  return shorter;
}

Status RetryStore::pause(const Context& context, Method method, Tries& tries, const Error& error) {
  ++tries.failed;
  const auto wait_for = next_pause(context, tries, error);
  if (!wait_for) {
    metrics_.counter(cat("drive.", to_string(method), ".gave_up")).add();
    log::info("giving up on ", to_string(method), " after ", tries.failed, " tries: ", error);
    return error;
  }
  log::debug(to_string(method), " again in ",
             std::chrono::duration_cast<std::chrono::milliseconds>(*wait_for).count(),
             " ms: ", error);
  DRIVEWAY_CHECK(sleep_until(context, clock_, clock_.now() + *wait_for));
  retries_.add();
  return {};
}

Status RetryStore::around(const Context& context, const CallInfo& call, const Attempt& attempt) {
  Tries tries;
  while (true) {
    Status status = attempt();
    if (status.ok() || !may_repeat(call, status.error())) return status;
    DRIVEWAY_CHECK(pause(context, call.method, tries, status.error()));
  }
}

Status RetryStore::read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) {
  return resume(context, Method::kRead, range, sink, [&](ByteRange left, ByteSink& resumable) {
    return inner_.read(context, item, left, resumable);
  });
}

Status RetryStore::read_revision(const Context& context, const FileId& id, const Revision& revision,
                                 Bytes size, ByteRange range, ByteSink& sink) {
  return resume(context, Method::kReadRevision, range, sink,
                [&](ByteRange left, ByteSink& resumable) {
                  return inner_.read_revision(context, id, revision, size, left, resumable);
                });
}

Status RetryStore::resume(const Context& context, Method method, ByteRange range, ByteSink& sink,
                          const ReadRange& ask) {
  ResumableSink resumable(range, sink);
  Tries tries;
  Bytes left_at_reset = range.length;
  while (true) {
    Status status = ask(resumable.left(), resumable);
    if (resumable.refused()) return status;
    if (status.ok()) {
      if (resumable.left().empty()) return status;
      status = Error{ErrorCode::kUnavailable, "a read ended early", true};
    }
    if (resumable.left().empty()) {
      // The last bytes came and then the connection broke: nothing is missing.
      if (!range.empty() && status.error().code == ErrorCode::kUnavailable) return {};
      return status;
    }
    if (!status.error().retryable) return status;
    if (left_at_reset - resumable.left().length >= kProgress) {
      left_at_reset = resumable.left().length;
      tries = Tries();
    }
    DRIVEWAY_CHECK(pause(context, method, tries, status.error()));
    sink.new_answer();
  }
}

Result<Item> RetryStore::create(const Context& context, const NewItem& item,
                                ContentSource* content) {
  if (content == nullptr) return DecoratedStore::create(context, item, nullptr);
  OnceSource once(*content);
  return once.finish(DecoratedStore::create(context, item, &once));
}

Result<Item> RetryStore::update(const Context& context, const FileId& id, const ItemPatch& patch,
                                ContentSource* content) {
  if (content == nullptr) return DecoratedStore::update(context, id, patch, nullptr);
  OnceSource once(*content);
  return once.finish(DecoratedStore::update(context, id, patch, &once));
}

Status RetryStore::export_document(const Context& context, const FileId& id,
                                   const std::string& mime_type, ByteSink& sink) {
  CollectingSink collected;
  CallInfo call;
  call.method = Method::kExport;
  DRIVEWAY_CHECK(around(context, call, [&] {
    collected.clear();
    return inner_.export_document(context, id, mime_type, collected);
  }));
  if (collected.bytes().empty()) return {};
  return sink.write(collected.bytes());
}

}  // namespace driveway::drive
