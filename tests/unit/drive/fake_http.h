// An HttpClient that a test answers for, and a TokenSource that counts.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
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
};

// Answers in start(), on the calling thread, in pieces of `piece` bytes.
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
  std::vector<http::Request> requests;
  std::size_t piece = 1000;

 private:
  class Done final : public http::Call {
   public:
    void resume() override {}
    void cancel() override {}
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
    return token;
  }
  void refused(const auth::AccessToken& used) override {
    if (used.value.reveal() == cat("token-", refusals + 1)) ++refusals;
  }
  std::string describe() const override { return "stored login demo"; }
  const std::string& fingerprint() const override { return fingerprint_; }

  int refusals = 0;
  std::optional<Error> fails;
  std::string quota_project;

 private:
  const std::string fingerprint_ = "0123456789abcdef";
};

}  // namespace driveway::drive
