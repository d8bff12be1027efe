// The endpoints under /__sim/: configuration, statistics, log, seeds, dumps, tokens. On the plain
// HTTP ports only, without a login.
//
//   GET   /__sim/config                      the configuration; PATCH: a change
//   (ConfigStore::patch) POST  /__sim/profile/NAME                lan, colab, slow, hostile GET
//   /__sim/stats                       Traffic::stats, with "refusals" and "faults" POST
//   /__sim/stats/reset GET   /__sim/log?since=N&method=M&limit=L   Traffic::log (limit 1000 unless
//   told) GET   /__sim/ready                       200 {"ready":true}, or 503 while hashes are
//   computed GET   /__sim/ca.pem POST  /__sim/accounts StateAdmin::create_account, and it may log
//   in POST  /__sim/seed                        StateAdmin::seed GET
//   /__sim/dump?account=A&drive=D&shared=1&trashed=1   StateAdmin::dump, NDJSON POST  /__sim/token
//   {"account","scopes","client_id","life"} -> tokens POST  /__sim/tokens/expire {"account"} ->
//   {"expired":N} POST  /__sim/tokens/revoke               {"account"} -> {"revoked":N} POST
//   /__sim/credentials/authorized_user {"account","scopes","client_id"} -> the ADC file POST
//   /__sim/credentials/service_account {"email","token_uri"} -> the key file POST  /__sim/stop
//
// Errors are {"error":"…"} with 400, 404, 405 or 500.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "sim/admin/state_admin.h"
#include "sim/admin/token_admin.h"
#include "sim/net/engine.h"
#include "sim/net/service.h"

namespace driveway::sim {

// REQUIRES: engine, state and tokens live longer. `stop` is called at most from one connection's
// thread at a time and must not wait for the server.
struct AdminParts {
  Engine& engine;
  StateAdmin& state;
  TokenAdmin& tokens;
  std::string ca_pem;
  std::function<void()> stop;
};

// Thread-safe.
class AdminService final : public Service {
 public:
  explicit AdminService(AdminParts parts) : parts_(std::move(parts)) {}
  std::optional<CallInfo> classify(const RequestHead& head) override;
  void serve(const RequestHead& head, const CallInfo& info, BodyReader& body,
             Responder& responder) override;

 private:
  struct Answer;
  using Handler = Result<Answer> (AdminService::*)(const RequestHead& head,
                                                   const nlohmann::json& body);
  struct Route;
  static const Route* find_route(const RequestHead& head, bool& known_path);

  Result<Answer> get_config(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> patch_config(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> apply_profile(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> get_stats(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> reset_stats(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> get_log(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> get_ready(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> get_ca(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> create_account(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> seed(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> dump(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> issue_token(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> expire_tokens(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> revoke_tokens(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> authorized_user(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> service_account(const RequestHead& head, const nlohmann::json& body);
  Result<Answer> stop(const RequestHead& head, const nlohmann::json& body);

  AdminParts parts_;
};

}  // namespace driveway::sim
