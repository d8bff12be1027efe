#include "http/http_client.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/strings.h"
#include "http/body_pipe.h"
#include "http/request_text.h"

namespace driveway::http {

namespace {

// A stream's reader is woken for so much at once: each wake costs both threads a change of context,
// and its reader a write. At 40 MB/s so much comes in 6 ms.
constexpr std::size_t kGather = 256 * 1024;
// What has come is never kept from the reader for longer.
constexpr auto kGatherTime = std::chrono::milliseconds(8);

// Collects a whole answer.
class Collector final : public CallObserver {
 public:
  bool on_head(const Response&) override { return false; }
  std::size_t on_data(std::span<const std::byte> data) override { return data.size(); }
  void on_done(Result<Response> result) override {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    changed_.notify_one();
  }
  Status wait_done(const Context& context, Clock& clock) {
    std::unique_lock lock(mutex_);
    return wait(context, clock, lock, changed_, [this] { return result_.has_value(); });
  }
  Result<Response> take() {
    const std::lock_guard lock(mutex_);
    return *std::move(result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Result<Response>> result_;
};

// Takes a streamed body on the I/O thread and hands it to the waiting thread in two alternating
// buffers of half the limit each: one is filled while the other one is written.
class Stream final : public CallObserver {
 public:
  Stream(const std::function<bool(const Response& head)>& accept, std::size_t limit)
      : accept_(accept), half_(std::max<std::size_t>(limit / 2, 1)) {}

  bool on_head(const Response& head) override {
    if (!accept_(head)) return false;
    const std::string* length = head.header("content-length");
    const auto announced = length == nullptr ? std::nullopt : parse_uint(*length);
    reserve_ = static_cast<std::size_t>(std::min<Bytes>(announced.value_or(half_), half_));
    return true;
  }

  std::size_t on_data(std::span<const std::byte> data) override {
    const std::lock_guard lock(mutex_);
    // An empty buffer takes any piece, so a limit below the size of a piece cannot block for ever.
    if (!filling_.empty() && filling_.size() + data.size() > half_) {
      paused_ = true;
      changed_.notify_one();
      return 0;
    }
    if (filling_.capacity() == 0) filling_.reserve(std::max(reserve_, data.size()));
    filling_.insert(filling_.end(), data.begin(), data.end());
    if (filling_.size() >= wake_at_) wake();
    return data.size();
  }

  void on_batch() override {
    const std::lock_guard lock(mutex_);
    if (!filling_.empty() && wake_at_ <= 1) wake();
  }

  void on_done(Result<Response> result) override {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    changed_.notify_one();
  }

  // Waits for bytes or the end, and a little for more bytes where some were given just before. Puts
  // what there is into `data` (empty: the end); true if the call was paused and wants resume().
  Result<bool> next(const Context& context, Clock& clock, std::vector<std::byte>& data) {
    data.clear();
    std::unique_lock lock(mutex_);
    if (std::exchange(gave_some_, true)) {
      wake_at_ = std::min(kGather, half_);
      woken_ = false;
      changed_.wait_for(lock, kGatherTime, [this] {
        return filling_.size() >= wake_at_ || paused_ || result_.has_value();
      });
    }
    wake_at_ = 1;
    woken_ = false;
    DRIVEWAY_CHECK(wait(context, clock, lock, changed_,
                        [this] { return !filling_.empty() || result_.has_value(); }));
    filling_.swap(data);
    return std::exchange(paused_, false);
  }
  // REQUIRES: next() gave nothing.
  Result<Response> take() {
    const std::lock_guard lock(mutex_);
    return *std::move(result_);
  }

 private:
  // With mutex_ held. Once, until the reader waits again.
  void wake() {
    if (!std::exchange(woken_, true)) changed_.notify_one();
  }

  const std::function<bool(const Response& head)>& accept_;
  const std::size_t half_;
  std::size_t reserve_ = 0;  // I/O thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte> filling_;
  std::size_t wake_at_ = 1;  // so many bytes wake the reader
  bool woken_ = false;
  bool gave_some_ = false;
  bool paused_ = false;
  std::optional<Result<Response>> result_;
};

// Collects the answer to a body that goes through a pipe, for who feeds the pipe.
class PipeObserver final : public CallObserver {
 public:
  explicit PipeObserver(BodyPipe& pipe) : pipe_(pipe) {}
  bool on_head(const Response&) override { return false; }
  std::size_t on_data(std::span<const std::byte> data) override { return data.size(); }
  void on_done(Result<Response> result) override { pipe_.done(std::move(result)); }

 private:
  BodyPipe& pipe_;
};

}  // namespace

const std::string* Response::header(std::string_view lower_case_name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return header.first == lower_case_name;
  });
  return found == headers.end() ? nullptr : &found->second;
}

Result<Response> HttpClient::fetch(const Context& context, Request request) {
  Clock& clock = clock_;  // not touched through `this` once the call runs: see make_curl_client
  DRIVEWAY_CHECK(context.check(clock));
  const std::string what = request_text(request.method, request.url);
  Collector collector;
  const auto call = start(std::move(request), collector);
  if (Status waited = collector.wait_done(context, clock); !waited.ok()) {
    return wrap(std::move(waited).error(), what);
  }
  return collector.take();
}

Result<Response> HttpClient::fetch_to(const Context& context, Request request,
                                      const std::function<bool(const Response& head)>& accept,
                                      ByteSink& sink) {
  Clock& clock = clock_;
  DRIVEWAY_CHECK(context.check(clock));
  const std::string what = request_text(request.method, request.url);
  Stream stream(accept, static_cast<std::size_t>(stream_buffer_));
  const auto call = start(std::move(request), stream);
  std::vector<std::byte> data;
  while (true) {
    Result<bool> paused = stream.next(context, clock, data);
    if (!paused.ok()) return wrap(std::move(paused).error(), what);
    if (*paused) call->resume();  // before the write: the network goes on meanwhile
    if (data.empty()) return stream.take();
    DRIVEWAY_CHECK(sink.write(data));
  }
}

Result<Response> HttpClient::fetch_from(const Context& context, Request request, UploadBody& body) {
  Clock& clock = clock_;
  DRIVEWAY_CHECK(context.check(clock));
  const std::string what = request_text(request.method, request.url);
  const auto pipe = std::make_shared<BodyPipe>(body.size());
  request.body_source = pipe;
  PipeObserver observer(*pipe);
  const auto call = start(std::move(request), observer);
  while (true) {
    auto piece = pipe->next(context, clock);
    if (!piece.ok()) return wrap(std::move(piece).error(), what);
    if (!*piece) return pipe->take();
    DRIVEWAY_CHECK(body.read((*piece)->offset, (*piece)->bytes));
    if (pipe->give(**std::move(piece))) call->resume();
  }
}

std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (!text.empty()) text += '&';
    text += percent_encode(name);
    text += '=';
    text += percent_encode(value);
  }
  return text;
}

}  // namespace driveway::http
