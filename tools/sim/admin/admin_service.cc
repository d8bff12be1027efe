#include "sim/admin/admin_service.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::sim {
namespace {

using nlohmann::json;

constexpr std::string_view kProfilePrefix = "/__sim/profile/";
constexpr std::uint64_t kLogLimit = 1000;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Status known_keys_only(const json& body, std::initializer_list<std::string_view> keys) {
  if (!body.is_object()) return invalid("the body must be a JSON object");
  for (const auto& [key, value] : body.items()) {
    bool known = false;
    for (const std::string_view name : keys) known = known || name == key;
    if (!known) return invalid(cat("unknown key '", key, "'"));
  }
  return {};
}

// A text that may be absent.
Result<std::string> text_of(const json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end()) return std::string();
  if (!found->is_string()) return invalid(cat("'", key, "' must be a string"));
  return found->get<std::string>();
}

Result<TokenRequest> token_request(const json& body) {
  DRIVEWAY_CHECK(known_keys_only(body, {"account", "scopes", "client_id", "life"}));
  TokenRequest request;
  DRIVEWAY_TRY(request.account, text_of(body, "account"));
  DRIVEWAY_TRY(request.client_id, text_of(body, "client_id"));
  if (const auto scopes = body.find("scopes"); scopes != body.end()) {
    if (scopes->is_string()) {
      request.scopes = scopes->get<std::string>();
    } else if (scopes->is_array()) {
      request.scopes.clear();
      for (const json& scope : *scopes) {
        if (!scope.is_string()) return invalid("'scopes' must hold strings");
        if (!request.scopes.empty()) request.scopes += ' ';
        request.scopes += scope.get<std::string>();
      }
    } else {
      return invalid("'scopes' must be a string or a list");
    }
  }
  if (const auto life = body.find("life"); life != body.end()) {
    constexpr std::int64_t kTenYears = 315'360'000;
    const bool number = life->is_number_integer();
    const std::int64_t seconds = number ? life->get<std::int64_t>() : -1;
    if (seconds < 0 || seconds > kTenYears) {
      return invalid("'life' must be a whole number of seconds, at most ten years");
    }
    request.life = std::chrono::seconds(seconds);
  }
  return request;
}

bool is_set(const RequestHead& head, std::string_view name) {
  const std::string* value = head.query_value(name);
  return value != nullptr && *value != "0" && *value != "false";
}

Result<std::uint64_t> number_of(const RequestHead& head, std::string_view name,
                                std::uint64_t otherwise) {
  const std::string* value = head.query_value(name);
  if (value == nullptr) return otherwise;
  const auto number = parse_uint(*value);
  if (!number) return invalid(cat("'", name, "' must be a number"));
  return *number;
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
      return 409;
    default:
      return 500;
  }
}

}  // namespace

struct AdminService::Answer {
  Answer(const json& value)  // NOLINT: implicit by design, most answers are JSON
      : body(value.dump(2, ' ', false, json::error_handler_t::replace) + "\n") {}
  Answer(std::string type, std::string text)
      : content_type(std::move(type)), body(std::move(text)) {}
  int status = 200;
  bool then_stops = false;
  std::string content_type = "application/json; charset=UTF-8";
  std::string body;
};

struct AdminService::Route {
  std::string_view method;
  std::string_view path;
  Handler handler;
};

const AdminService::Route* AdminService::find_route(const RequestHead& head, bool& known_path) {
  using S = AdminService;
  static constexpr std::array kRoutes = {
      Route{"GET", "/__sim/config", &S::get_config},
      Route{"PATCH", "/__sim/config", &S::patch_config},
      Route{"POST", "/__sim/config", &S::patch_config},
      Route{"POST", kProfilePrefix, &S::apply_profile},
      Route{"GET", "/__sim/stats", &S::get_stats},
      Route{"POST", "/__sim/stats/reset", &S::reset_stats},
      Route{"GET", "/__sim/log", &S::get_log},
      Route{"GET", "/__sim/ready", &S::get_ready},
      Route{"GET", "/__sim/ca.pem", &S::get_ca},
      Route{"POST", "/__sim/accounts", &S::create_account},
      Route{"POST", "/__sim/seed", &S::seed},
      Route{"GET", "/__sim/dump", &S::dump},
      Route{"POST", "/__sim/token", &S::issue_token},
      Route{"POST", "/__sim/tokens/expire", &S::expire_tokens},
      Route{"POST", "/__sim/tokens/revoke", &S::revoke_tokens},
      Route{"POST", "/__sim/credentials/authorized_user", &S::authorized_user},
      Route{"POST", "/__sim/credentials/service_account", &S::service_account},
      Route{"POST", "/__sim/stop", &S::stop},
  };
  for (const Route& route : kRoutes) {
    const bool same_path = route.path == kProfilePrefix ? head.path.starts_with(kProfilePrefix)
                                                        : head.path == route.path;
    known_path = known_path || same_path;
    if (same_path && route.method == head.method) return &route;
  }
  return nullptr;
}

std::optional<CallInfo> AdminService::classify(const RequestHead& head) {
  if (!head.path.starts_with(kAdminPrefix)) return std::nullopt;
  CallInfo info;
  info.method = "sim.admin";
  return info;
}

void AdminService::serve(const RequestHead& head, const CallInfo& /*info*/, BodyReader& body,
                         Responder& responder) {
  const auto respond = [&]() -> Result<Answer> {
    bool known_path = false;
    const Route* route = find_route(head, known_path);
    if (route == nullptr) {
      return Error{known_path ? ErrorCode::kUnsupported : ErrorCode::kNotFound,
                   cat("no endpoint ", head.method, " ", head.path)};
    }
    DRIVEWAY_TRY(const std::string text, body.read_all());
    const json parsed = text.empty() ? json::object() : json::parse(text, nullptr, false);
    if (parsed.is_discarded()) return invalid("the body is not JSON");
    return (this->*route->handler)(head, parsed);
  };
  const Result<Answer> answer = respond();
  if (!answer.ok()) {
    const Error& error = answer.error();
    const int status = error.code == ErrorCode::kUnsupported ? 405 : status_of(error.code);
    responder.send(
        status, "application/json; charset=UTF-8",
        json{{"error", error.to_string()}}.dump(-1, ' ', false, json::error_handler_t::replace) +
            "\n");
  } else {
    responder.send(answer->status, answer->content_type, answer->body);
    // Not before: stopping cuts this connection as well.
    if (answer->then_stops) parts_.stop();
  }
}

Result<AdminService::Answer> AdminService::get_config(const RequestHead&, const json&) {
  return Answer(parts_.engine.config.to_json());
}

Result<AdminService::Answer> AdminService::patch_config(const RequestHead&, const json& body) {
  DRIVEWAY_CHECK(parts_.engine.config.patch(body));
  return Answer(parts_.engine.config.to_json());
}

Result<AdminService::Answer> AdminService::apply_profile(const RequestHead& head, const json&) {
  DRIVEWAY_CHECK(
      parts_.engine.config.patch({{"profile", head.path.substr(kProfilePrefix.size())}}));
  return Answer(parts_.engine.config.to_json());
}

Result<AdminService::Answer> AdminService::get_stats(const RequestHead&, const json&) {
  Engine& engine = parts_.engine;
  json stats = engine.traffic.stats();
  const QuotaKeeper::Refusals refusals = engine.quota.refusals();
  stats["refusals"] = {{"quota", refusals.quota}, {"writes", refusals.writes}};
  json& faults = stats["faults"] = json::object();
  for (std::size_t i = 1; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    faults[std::string(to_string(kind))] = engine.faults.count(kind);
  }
  return Answer(stats);
}

Result<AdminService::Answer> AdminService::reset_stats(const RequestHead&, const json&) {
  parts_.engine.traffic.reset();
  parts_.engine.quota.reset_refusals();
  parts_.engine.faults.reset_counts();
  return Answer(json::object());
}

Result<AdminService::Answer> AdminService::get_log(const RequestHead& head, const json&) {
  DRIVEWAY_TRY(const std::uint64_t since, number_of(head, "since", 0));
  DRIVEWAY_TRY(const std::uint64_t limit, number_of(head, "limit", kLogLimit));
  const std::string* method = head.query_value("method");
  return Answer(parts_.engine.traffic.log(since, method == nullptr ? "" : *method, limit));
}

Result<AdminService::Answer> AdminService::get_ready(const RequestHead&, const json&) {
  const bool ready = parts_.state.ready();
  Answer answer(json{{"ready", ready}});
  if (!ready) answer.status = 503;
  return answer;
}

Result<AdminService::Answer> AdminService::get_ca(const RequestHead&, const json&) {
  return Answer("application/x-pem-file", parts_.ca_pem);
}

Result<AdminService::Answer> AdminService::create_account(const RequestHead&, const json& body) {
  DRIVEWAY_TRY(const json created, parts_.state.create_account(body));
  DRIVEWAY_TRY(const std::string email, text_of(created, "email"));
  DRIVEWAY_CHECK(parts_.tokens.add_account(email));
  return Answer(created);
}

Result<AdminService::Answer> AdminService::seed(const RequestHead&, const json& body) {
  DRIVEWAY_TRY(const json made, parts_.state.seed(body));
  return Answer(made);
}

Result<AdminService::Answer> AdminService::dump(const RequestHead& head, const json&) {
  DumpRequest request;
  if (const std::string* account = head.query_value("account")) request.account = *account;
  if (const std::string* drive = head.query_value("drive")) request.drive = *drive;
  request.shared_with_me = is_set(head, "shared");
  request.trashed = is_set(head, "trashed");
  DRIVEWAY_TRY(std::string text, parts_.state.dump(request));
  return Answer("application/x-ndjson", std::move(text));
}

Result<AdminService::Answer> AdminService::issue_token(const RequestHead&, const json& body) {
  DRIVEWAY_TRY(const TokenRequest request, token_request(body));
  DRIVEWAY_TRY(const IssuedTokens tokens, parts_.tokens.issue(request));
  return Answer(json{{"access_token", tokens.access_token},
                     {"refresh_token", tokens.refresh_token},
                     {"token_type", "Bearer"},
                     {"scope", tokens.scope},
                     {"expires_in", tokens.expires_in}});
}

Result<AdminService::Answer> AdminService::expire_tokens(const RequestHead&, const json& body) {
  DRIVEWAY_CHECK(known_keys_only(body, {"account"}));
  DRIVEWAY_TRY(const std::string account, text_of(body, "account"));
  DRIVEWAY_TRY(const int count, parts_.tokens.expire_access_tokens(account));
  return Answer(json{{"expired", count}});
}

Result<AdminService::Answer> AdminService::revoke_tokens(const RequestHead&, const json& body) {
  DRIVEWAY_CHECK(known_keys_only(body, {"account"}));
  DRIVEWAY_TRY(const std::string account, text_of(body, "account"));
  DRIVEWAY_TRY(const int count, parts_.tokens.revoke(account));
  return Answer(json{{"revoked", count}});
}

Result<AdminService::Answer> AdminService::authorized_user(const RequestHead&, const json& body) {
  DRIVEWAY_TRY(const TokenRequest request, token_request(body));
  DRIVEWAY_TRY(const json credentials, parts_.tokens.authorized_user(request));
  return Answer(credentials);
}

Result<AdminService::Answer> AdminService::service_account(const RequestHead&, const json& body) {
  DRIVEWAY_CHECK(known_keys_only(body, {"email", "token_uri"}));
  DRIVEWAY_TRY(const std::string email, text_of(body, "email"));
  DRIVEWAY_TRY(std::string token_uri, text_of(body, "token_uri"));
  if (email.empty()) return invalid("'email' is required");
  if (token_uri.empty()) token_uri = "https://oauth2.googleapis.com/token";
  DRIVEWAY_TRY(const json account,
               parts_.state.create_account({{"email", email}, {"service_account", true}}));
  static_cast<void>(account);
  DRIVEWAY_TRY(const json key, parts_.tokens.service_account_key(email, token_uri));
  return Answer(key);
}

Result<AdminService::Answer> AdminService::stop(const RequestHead&, const json&) {
  Answer answer(json{{"stopping", true}});
  answer.then_stops = true;
  return answer;
}

}  // namespace driveway::sim
