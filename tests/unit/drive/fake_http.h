// An HttpClient that a test answers for, and a TokenSource that counts.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auth/token_source.h"
#include "base/strings.h"
#include "http/http_client.h"

namespace driveway::drive {

struct FakeAnswer {
  int status = 200;
  http::Headers headers = {{"content-type", "application/json; charset=UTF-8"}};
  std::string body;
  std::optional<Error> breaks;  // the transport fails after the body
  // Of an upload: the answer comes when so many bytes of its body have come.
  std::optional<std::size_t> after_bytes{};
};

// Answers in start(), on the calling thread, in pieces of `piece` bytes; a request with a body
// source on a thread of its own, which reads the source first: `requests` then has its bytes as the
// body.
class FakeHttp final : public http::HttpClient {
 public:
  using Handler = std::function<FakeAnswer(const http::Request&)>;
  explicit FakeHttp(Clock& clock) : HttpClient(clock, 64 * kMiB) {}

  std::unique_ptr<http::Call> start(http::Request request, http::CallObserver& observer) override {
    requests.push_back(request);
    FakeAnswer answer;
    if (!answers.empty()) {
      answer = answers.front();
      answers.pop_front();
    } else if (handler) {
      answer = handler(request);
    }
    if (request.body_source != nullptr) {
      requests.back().body_source.reset();
      return std::make_unique<Upload>(requests.back().body, *request.body_source, answer, observer);
    }
    http::Response response{answer.status, answer.headers, ""};
    if (observer.on_head(response)) {
      auto rest = std::as_bytes(std::span(answer.body.data(), answer.body.size()));
      while (!rest.empty()) {
        const auto part = rest.first(std::min(piece, rest.size()));
        if (observer.on_data(part) == 0) break;
        rest = rest.subspan(part.size());
      }
    } else {
      response.body = answer.body;
    }
    if (answer.breaks) {
      observer.on_done(*answer.breaks);
    } else {
      observer.on_done(std::move(response));
    }
    return std::make_unique<Done>();
  }

  std::deque<FakeAnswer> answers;  // first; then
  Handler handler;
  std::deque<http::Request> requests;
  std::size_t piece = 1000;

 private:
  class Done final : public http::Call {
   public:
    void resume() override {}
    void cancel() override {}
  };

  // The I/O thread of one upload.
  class Upload final : public http::Call {
   public:
    Upload(std::string& body, http::BodySource& source, FakeAnswer answer,
           http::CallObserver& observer)
        : body_(body),
          source_(source),
          answer_(std::move(answer)),
          observer_(observer),
          thread_([this] { run(); }) {}
    ~Upload() override {
      end();
      thread_.join();
    }
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;
    void resume() override {
      const std::lock_guard lock(mutex_);
      resumed_ = true;
      changed_.notify_all();
    }
    void cancel() override { end(); }

   private:
    void end() {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    void run() {
      std::vector<std::byte> buffer(16 * kKiB);
      const auto wanted = answer_.after_bytes.value_or(SIZE_MAX);
      while (body_.size() < wanted) {
        const auto room = std::min(buffer.size(), wanted - body_.size());
        const auto count = source_.read(std::span(buffer).first(room));
        if (count.ok() && *count == 0) break;
        if (count.ok()) {
          body_.append(reinterpret_cast<const char*>(buffer.data()), *count);
        } else {  // not now
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return resumed_ || ended_; });
          resumed_ = false;
          if (ended_) return;
        }
      }
      observer_.on_head({answer_.status, answer_.headers, ""});
      if (answer_.breaks) {
        observer_.on_done(*answer_.breaks);
      } else {
        observer_.on_done(http::Response{answer_.status, answer_.headers, answer_.body});
      }
    }

    std::string& body_;
    http::BodySource& source_;
    const FakeAnswer answer_;
    http::CallObserver& observer_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool resumed_ = false;
    bool ended_ = false;
    std::thread thread_;
  };
};

// token-1, and another one after each refusal.
class FakeTokens final : public auth::TokenSource {
 public:
  Result<auth::AccessToken> token(const Context& /*context*/) override {
    if (fails) return *fails;
    auth::AccessToken token;
    token.value = Secret(cat("token-", refusals + 1));
    token.quota_project = quota_project;
    token.scopes = scopes;
    return token;
  }
  bool reads_only(const Context&) override { return false; }
  void refused(const auth::AccessToken& used) override {
    if (used.value.reveal() == cat("token-", refusals + 1)) ++refusals;
  }
  std::string describe() const override { return "stored login demo"; }
  std::string remedy() const override { return "run `driveway login`"; }
  const std::string& fingerprint() const override { return fingerprint_; }

  int refusals = 0;
  std::optional<Error> fails;
  std::string quota_project;
  std::vector<std::string> scopes;

 private:
  const std::string fingerprint_ = "0123456789abcdef";
};

}  // namespace driveway::drive
