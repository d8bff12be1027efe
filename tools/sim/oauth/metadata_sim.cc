#include "sim/oauth/metadata_sim.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

constexpr std::string_view kRoot = "/computeMetadata/v1/";
constexpr std::string_view kAccounts = "instance/service-accounts/";
constexpr std::string_view kText = "application/text";
constexpr auto kRenewBefore = std::chrono::minutes(5);

bool asks_for_token(std::string_view path) {
  return path.ends_with("/token") && path.starts_with(cat(kRoot, kAccounts));
}

std::string lines_of(std::string_view scopes) {
  std::string text;
  for (const std::string& scope : scope_list(scopes)) text += scope + "\n";
  return text;
}

void refuse(Responder& responder, int status, std::string_view why) {
  responder.send(status, "text/html; charset=UTF-8",
                 cat("<!DOCTYPE html>\n<html lang=\"en\"><title>Error ", status, "</title><p>", why,
                     "</p></html>\n"));
}

}  // namespace

std::optional<CallInfo> MetadataSim::classify(const RequestHead& head) {
  CallInfo info;
  info.method = asks_for_token(head.path) ? "metadata.token" : "metadata.get";
  // "/" is the ping of Google's libraries: others that ask for it get the server's own answer.
  const bool ping = head.path == "/" && head.header("Metadata-Flavor") != nullptr;
  if (!ping && !head.path.starts_with(kRoot)) return std::nullopt;
  return info;
}

void MetadataSim::serve(const RequestHead& head, const CallInfo& /*info*/, BodyReader& /*body*/,
                        Responder& responder) {
  responder.add_header("Metadata-Flavor", "Google");
  if (head.header("X-Forwarded-For") != nullptr) {
    return refuse(responder, 403, "Requests with X-Forwarded-For are refused.");
  }
  const std::string* flavor = head.header("Metadata-Flavor");
  if (flavor == nullptr || *flavor != "Google") {
    return refuse(responder, 403, "Missing required header: Metadata-Flavor: Google");
  }
  if (head.method != "GET") return refuse(responder, 405, "Method Not Allowed");
  if (head.path == "/") return responder.send(200, kText, "computeMetadata/\n");
  std::string_view path = std::string_view(head.path).substr(kRoot.size());
  const std::string account = book_.choose_account("");
  if (path == "project/project-id") return responder.send(200, kText, kClientProject);
  if (path == "universe/universe-domain" || path == "universe/universe_domain") {
    return responder.send(200, kText, "googleapis.com");
  }
  if (!path.starts_with(kAccounts) || account.empty()) {
    return refuse(responder, 404, "Not Found");
  }
  path.remove_prefix(kAccounts.size());
  if (!has_consent()) return refuse(responder, 404, "Not Found");
  if (path.empty()) return responder.send(200, kText, cat("default/\n", account, "/\n"));
  const std::string_view name = path.substr(0, path.find('/'));
  if (name != "default" && name != account) return refuse(responder, 404, "Not Found");
  path.remove_prefix(std::min(name.size() + 1, path.size()));

  const std::string scopes = book_.config()->oauth.metadata_scopes;
  if (path == "token") return answer_token(head, account, responder);
  if (path == "email") return responder.send(200, kText, account);
  if (path == "scopes") return responder.send(200, kText, lines_of(scopes));
  if (!path.empty()) return refuse(responder, 404, "Not Found");
  const std::string* recursive = head.query_value("recursive");
  if (recursive == nullptr || *recursive != "true") {
    return responder.send(200, kText, "aliases\nemail\nidentity\nscopes\ntoken\n");
  }
  responder.send(
      200, "application/json",
      nlohmann::json{{"aliases", {"default"}}, {"email", account}, {"scopes", scope_list(scopes)}}
          .dump());
}

bool MetadataSim::has_consent() {
  const int configured = book_.config()->oauth.metadata_404_count;
  const std::lock_guard lock(mutex_);
  if (configured != configured_404s_) remaining_404s_ = configured_404s_ = configured;
  if (remaining_404s_ <= 0) return true;
  --remaining_404s_;
  return false;
}

void MetadataSim::answer_token(const RequestHead& head, const std::string& account,
                               Responder& responder) {
  std::string scopes = book_.config()->oauth.metadata_scopes;
  if (const std::string* wanted = head.query_value("scopes"); wanted != nullptr) {
    std::string list = *wanted;
    std::ranges::replace(list, ',', ' ');
    if (const std::string narrowed = scopes_within(list, scopes); !narrowed.empty()) {
      scopes = narrowed;
    }
  }
  std::unique_lock lock(mutex_);
  std::erase_if(cached_, [&](const Cached& cached) {
    const auto access = book_.access(cached.token);
    return !access || access->expires <= book_.now() + kRenewBefore ||
           access->grant.account != account;
  });
  auto found = std::ranges::find(cached_, scopes, &Cached::scopes);
  if (found == cached_.end()) {
    Grant grant;
    grant.account = account;
    grant.client_id = "metadata-server";
    grant.project = kClientProject;
    grant.scopes = scopes;
    cached_.push_back({book_.issue_access(grant), scopes});
    found = std::prev(cached_.end());
  }
  const std::string token = found->token;
  lock.unlock();
  const auto access = book_.access(token);
  const auto left = access ? access->expires - book_.now() : std::chrono::milliseconds(0);
  responder.send(200, "application/json",
                 nlohmann::ordered_json{
                     {"access_token", token},
                     {"expires_in", std::chrono::duration_cast<std::chrono::seconds>(left).count()},
                     {"token_type", "Bearer"}}
                     .dump());
}

}  // namespace driveway::sim
