// The book as JSON, for a restart.
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/oauth/token_book.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

std::int64_t millis(WallTime time) { return time.time_since_epoch().count(); }
WallTime from_millis(std::int64_t value) { return WallTime(std::chrono::milliseconds(value)); }

json to_saved(const Grant& grant) {
  return {{"account", grant.account},
          {"client_id", grant.client_id},
          {"scopes", grant.scopes},
          {"project", grant.project},
          {"service_account", grant.is_service_account},
          {"offline", grant.offline}};
}

Grant grant_from(const json& saved) {
  return {saved.at("account"), saved.at("client_id"),       saved.at("scopes"),
          saved.at("project"), saved.at("service_account"), saved.at("offline")};
}

json to_saved(const OauthClient& client) {
  return {{"id", client.id},
          {"secret", client.secret},
          {"type", static_cast<int>(client.type)},
          {"project", client.project},
          {"redirect_uris", client.redirect_uris}};
}

OauthClient client_from(const json& saved) {
  const int type = saved.at("type");
  return {saved.at("id"), saved.at("secret"),
          type == 1   ? OauthClient::Type::kTv
          : type == 2 ? OauthClient::Type::kWeb
                      : OauthClient::Type::kInstalled,
          saved.at("project"), saved.at("redirect_uris")};
}

}  // namespace

json TokenBook::to_json() const {
  const std::lock_guard lock(mutex_);
  json saved = {{"accounts", accounts_},
                {"clients", json::array()},
                {"access", json::object()},
                {"refresh", json::object()},
                {"service_accounts", json::array()}};
  for (const OauthClient& client : clients_) saved["clients"].push_back(to_saved(client));
  for (const auto& [token, entry] : access_) {
    saved["access"][token] = {{"grant", to_saved(entry.grant)}, {"expires", millis(entry.expires)}};
  }
  for (const auto& [token, entry] : refresh_) {
    saved["refresh"][token] = {{"grant", to_saved(entry.grant)},
                               {"issued", millis(entry.issued)},
                               {"number", entry.number}};
  }
  for (const auto& [email, account] : service_accounts_) {
    saved["service_accounts"].push_back({{"email", email},
                                         {"unique_id", account.unique_id},
                                         {"public_keys", account.public_keys},
                                         {"token_uris", account.token_uris}});
  }
  return saved;
}

Status TokenBook::load(const json& saved) {
  try {
    for (const json& email : saved.at("accounts")) add_account(email.get<std::string>());
    for (const json& client : saved.at("clients")) add_client(client_from(client));
    const std::lock_guard lock(mutex_);
    for (const auto& [token, entry] : saved.at("access").items()) {
      access_[token] = {grant_from(entry.at("grant")), from_millis(entry.at("expires"))};
    }
    for (const auto& [token, entry] : saved.at("refresh").items()) {
      const std::uint64_t number = entry.at("number");
      refresh_[token] = {grant_from(entry.at("grant")), from_millis(entry.at("issued")), number};
      last_number_ = std::max(last_number_, number);
    }
    for (const json& account : saved.at("service_accounts")) {
      const std::string email = account.at("email");
      service_accounts_[email] = {email, account.at("unique_id"), account.at("public_keys"),
                                  account.at("token_uris")};
    }
  } catch (const json::exception& e) {
    return Error{ErrorCode::kInvalidArgument, cat("saved logins: ", std::string(e.what()))};
  }
  return {};
}

}  // namespace driveway::sim
