// What the simulated Drive asks of the simulated OAuth server: whose token is this?
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driveway::sim {

struct TokenInfo {
  std::string account;  // mail
  std::string scopes;   // space separated
  std::string client_id;
  std::string project;  // of the client: app properties and drive.file belong to it
  bool is_service_account = false;
};

// Thread-safe.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  // Nothing for a token that is unknown, revoked or expired. No waiting.
  virtual std::optional<TokenInfo> verify(std::string_view access_token) = 0;
};

}  // namespace driveway::sim
