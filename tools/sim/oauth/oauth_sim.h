// Google's OAuth 2.0 as the simulator has it (oauth-headless reference 1–8, 11, 13): consent page,
// token endpoint, device flow, service accounts, workload identities, impersonation, revocation,
// tokeninfo, userinfo.
//
//   GET  /o/oauth2/v2/auth, /o/oauth2/auth        the consent page, which agrees by itself: 302
//   POST /token, /oauth2/v4/token, /o/oauth2/token   code, refresh token, device code, JWT
//   POST /device/code, /o/oauth2/device/code
//   GET  /device                                  where its code is typed; agrees by itself
//   POST /v1/token                                STS (8)
//   POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken   IAM (8)
//   POST /revoke, /o/oauth2/revoke                (GET with ?token= too)
//   GET, POST /tokeninfo, /oauth2/v1/tokeninfo, /oauth2/v3/tokeninfo
//   GET  /v1/userinfo, /oauth2/v2/userinfo, /oauth2/v3/userinfo
//   GET  /.well-known/openid-configuration
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "sim/admin/token_admin.h"
#include "sim/config.h"
#include "sim/net/service.h"
#include "sim/oauth/clients.h"
#include "sim/oauth/token_book.h"
#include "sim/oauth/token_verifier.h"

namespace driveway::sim {

// Thread-safe. Knows the clients of default_clients() from the beginning.
class OauthSim final : public Service, public TokenAdmin, public TokenVerifier {
 public:
  // REQUIRES: both live longer.
  OauthSim(ConfigStore& config, Clock& clock) : book_(config, clock) {}

  std::optional<CallInfo> classify(const RequestHead& head) override;
  void serve(const RequestHead& head, const CallInfo& info, BodyReader& body,
             Responder& responder) override;

  std::optional<TokenInfo> verify(std::string_view access_token) override;

  Status add_account(const std::string& email) override;
  Result<IssuedTokens> issue(const TokenRequest& request) override;
  Result<int> expire_access_tokens(const std::string& account) override;
  Result<int> revoke(const std::string& account) override;
  Result<nlohmann::json> authorized_user(const TokenRequest& request) override;
  Result<nlohmann::json> service_account_key(const std::string& email,
                                             const std::string& token_uri) override;

  // Another client (clients.h).
  void add_client(OauthClient client) { book_.add_client(std::move(client)); }
  // What is to survive a restart; load() adds it. Errors: kInvalidArgument.
  nlohmann::json to_json() const;
  Status load(const nlohmann::json& saved);

  TokenBook& book() { return book_; }

 private:
  TokenBook book_;
};

}  // namespace driveway::sim
