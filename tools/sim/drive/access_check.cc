#include "sim/drive/access_check.h"

#include "base/strings.h"
#include "sim/drive/refused.h"

namespace driveway::sim {

std::optional<std::string> access_token_of(const RequestHead& head) {
  constexpr std::string_view kBearer = "bearer ";
  if (const std::string* header = head.header("Authorization")) {
    const std::string_view text = trim(*header);
    const bool bearer = text.size() > kBearer.size() &&
                        equals_ignoring_case(text.substr(0, kBearer.size()), kBearer);
    // Another scheme is a credential too, only none that is accepted.
    return bearer ? std::string(trim(text.substr(kBearer.size()))) : std::string();
  }
  for (const char* name : {"access_token", "oauth_token"}) {
    if (const std::string* value = head.query_value(name)) return *value;
  }
  return std::nullopt;
}

void check_login_of_batch(const RequestHead& head, TokenVerifier& tokens) {
  const auto token = access_token_of(head);
  if (!token) return;  // its calls may bring their own
  if (token->empty() || !tokens.verify(*token)) refuse(errors::invalid_credentials());
}

TokenInfo authenticate(const RequestHead& head, const Route& route, TokenVerifier& tokens) {
  const auto token = access_token_of(head);
  if (!token) {
    const bool login = head.method != "GET" || route.method == Method::kAboutGet;
    refuse(login ? errors::login_required() : errors::unregistered_caller());
  }
  auto info = token->empty() ? std::nullopt : tokens.verify(*token);
  if (!info) {
    refuse(is_media(route.method) ? errors::invalid_credentials_media()
                                  : errors::invalid_credentials());
  }
  return *std::move(info);
}

Viewer authorize(const TokenInfo& token, const Route& route) {
  const MethodTraits& traits = traits_of(route.method);
  Viewer viewer;
  viewer.mail = intern(to_lower(token.account));
  viewer.project = intern(token.project);
  viewer.scopes = parse_scopes(token.scopes);
  if ((viewer.scopes & traits.scopes) == 0) {
    refuse(errors::insufficient_scope(traits.api_name));
  }
  return viewer;
}

}  // namespace driveway::sim
