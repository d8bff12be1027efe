// A token endpoint for tests: answers as it was told, and remembers the forms it was sent.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "auth/environment.h"
#include "auth/token_endpoint.h"
#include "base/strings.h"
#include "unit/http/test_client.h"
#include "unit/http/test_server.h"

namespace driveway::test {

using Form = std::map<std::string, std::string>;

struct TokenAnswerText {
  int status = 200;
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

class TokenServer {
 public:
  // Answers in turn, the last one for ever. An answer without a body is a token "ya29.N" (N counts
  // from 1) that lasts `lifetime` seconds, refused with 404 anywhere but at /token.
  TokenServer() : answers_(1) {}

  // Called with each form, before the answer; may wait.
  std::function<void(const Form&)> on_request;
  std::string lifetime = "3599";
  std::string extra;  // more fields, as ,"scope":"x"

  std::string url() const { return server_.url(""); }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(forms_.size());
  }
  Form form(int number) const {
    const std::lock_guard lock(mutex_);
    return forms_.at(static_cast<std::size_t>(number));
  }
  // What /tokeninfo answers from now on; not counted in asked().
  void say_of_tokens(TokenAnswerText answer) {
    const std::lock_guard lock(mutex_);
    tokeninfo_ = std::move(answer);
  }
  void answer_with(const std::vector<TokenAnswerText>& answers) {
    const std::lock_guard lock(mutex_);
    answers_.assign(answers.begin(), answers.end());
  }

 private:
  void serve(const ReceivedRequest& request, Peer& peer) {
    Form form;
    for (const std::string_view part : split(request.body, '&')) {
      const auto equals = part.find('=');
      form[percent_decode(part.substr(0, equals), true)] =
          percent_decode(part.substr(equals + 1), true);
    }
    if (request.method == "POST" && request.target == "/tokeninfo") return serve_tokeninfo(peer);
    if (on_request) on_request(form);
    TokenAnswerText answer;
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      forms_.push_back(form);
      answer = answers_.front();
      if (answers_.size() > 1) answers_.pop_front();
      if (answer.status == 200 && answer.body.empty()) number = ++given_;
    }
    if (request.method != "POST" || request.target != "/token" ||
        request.header("content-type") != "application/x-www-form-urlencoded") {
      answer = {404, "<html>", {}};
    } else if (number > 0) {
      answer.body = cat(R"({"access_token":"ya29.)", number,
                        R"(","token_type":"Bearer","expires_in":)", lifetime, extra, "}");
    }
    peer.respond(answer.status, answer.body, answer.headers);
  }

  void serve_tokeninfo(Peer& peer) {
    std::unique_lock lock(mutex_);
    const TokenAnswerText answer = tokeninfo_;
    lock.unlock();
    peer.respond(answer.status, answer.body, answer.headers);
  }

  mutable std::mutex mutex_;
  TokenAnswerText tokeninfo_{404, "<html>", {}};
  std::deque<TokenAnswerText> answers_;
  std::vector<Form> forms_;
  int given_ = 0;
  TestServer server_{[this](const ReceivedRequest& request, Peer& peer) { serve(request, peer); }};
};

inline TokenAnswerText refusal(int status, const std::string& error, const std::string& more = "") {
  return {status, cat(R"({"error":")", error, R"(")", more, "}"), {}};
}

// What the tests of auth share: a folder for logins, a server, a client in real time, and a clock
// for auth that jumps over every pause.
struct AuthFixture {
  AuthFixture() {
    environment.oauth_url = server.url();
    environment.accounts_url = "https://accounts.test";
    environment.no_metadata = true;
    environment.config_folder = folder.path() / "config";
  }
  auth::TokenEndpoint endpoint() { return {*client.http, clock, environment.oauth_url}; }

  TemporaryFolder folder;
  TokenServer server;
  TestClient client;
  FakeClock clock{true};
  // Deadlines of the fake clock reach the client, which works in real time: they must lie ahead of
  // it however long the machine has been up.
  const bool far_ahead = (clock.advance(std::chrono::hours(24 * 365)), true);
  auth::Environment environment;
};

inline auth::Credential credential(const std::string& refresh_token = "1//refresh-secret") {
  return {.client = {"client.apps.test", Secret("GOCSPX-client-secret")},
          .refresh_token = Secret(refresh_token),
          .scopes = {std::string(auth::kScopeDrive)},
          .account = "me@example.test",
          .created = std::nullopt,
          .grant_ends = std::nullopt};
}

}  // namespace driveway::test
