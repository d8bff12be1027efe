// Who has been given what: accounts, consents, codes, tokens, service accounts. It knows the rules
// of their lives and nothing of HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "sim/config.h"
#include "sim/oauth/clients.h"
#include "sim/oauth/token_verifier.h"

namespace driveway::sim {

// A consent: this account lets this client do this.
struct Grant {
  std::string account;
  std::string client_id;
  std::string scopes;  // space separated
  std::string project;
  bool is_service_account = false;
  bool offline = false;  // came with a refresh token, or from one
};

struct AccessToken {
  Grant grant;
  WallTime expires;
};

// What a code of the consent page stands for.
struct AuthCode {
  Grant grant;
  std::string redirect_uri;
  std::string challenge;  // "" = without PKCE
  bool plain_challenge = false;
  WallTime expires;
};

struct ServiceAccount {
  std::string email;
  std::string unique_id;                           // 21 digits
  std::map<std::string, std::string> public_keys;  // key id -> PEM
  std::set<std::string> token_uris;                // what its key files name as the audience
};

// Thread-safe. Time is the clock's wall time.
class TokenBook {
 public:
  // REQUIRES: both live longer.
  TokenBook(ConfigStore& config, Clock& clock);

  std::shared_ptr<const Config> config() const { return config_.get(); }
  WallTime now() const { return clock_.wall_now(); }

  void add_client(OauthClient client);
  std::optional<OauthClient> client(std::string_view id) const;

  void add_account(const std::string& email);
  bool has_account(std::string_view email) const;
  // `hint` if that is an account, else the first one; "" if there is none.
  std::string choose_account(std::string_view hint) const;

  // Of `life`, or as configured.
  std::string issue_access(const Grant& grant,
                           std::optional<std::chrono::seconds> life = std::nullopt);
  std::optional<AccessToken> access(std::string_view token) const;  // nothing if expired
  // The oldest of the same account and client dies where there would be too many.
  std::string issue_refresh(const Grant& grant);
  std::optional<Grant> refresh(std::string_view token) const;  // nothing if dead
  bool has_consent(std::string_view account, std::string_view client_id) const;

  std::string issue_code(AuthCode code);
  enum class CodeState { kUnknown, kSpent, kGood };
  // A code that was good is spent from now on.
  std::pair<CodeState, AuthCode> redeem_code(std::string_view code);

  // The device flow. `pending` is until the user has agreed.
  struct DeviceCode {
    std::string device_code;
    std::string user_code;
    std::chrono::seconds life;
    std::chrono::seconds interval;
  };
  DeviceCode start_device(const Grant& grant);
  // The user has typed the code: it is approved from now on, for `account`. False if there is no
  // such code.
  bool approve_device(std::string_view user_code, const std::string& account);
  enum class DeviceState { kUnknown, kExpired, kTooFast, kPending, kDenied, kApproved };
  // Each call is a poll; an approved code is unknown afterwards.
  std::pair<DeviceState, Grant> poll_device(std::string_view device_code,
                                            std::string_view client_id);

  // Makes the account if need be. Returns its current state.
  ServiceAccount add_service_key(const std::string& email, const std::string& key_id,
                                 const std::string& public_key_pem, const std::string& token_uri);
  std::optional<ServiceAccount> service_account(std::string_view email) const;

  // "" = of everybody. How many there were.
  int expire_access_tokens(const std::string& account);
  int revoke_account(const std::string& account);
  // The whole consent behind an access or refresh token: all tokens of its account that belong to
  // its project. False if it is none.
  bool revoke_token(std::string_view token);

  // Accounts, service accounts, clients, refresh and access tokens, for a restart. Codes are not
  // kept.
  nlohmann::json to_json() const;
  // Adds. Errors: kInvalidArgument.
  Status load(const nlohmann::json& saved);

 private:
  struct RefreshToken {
    Grant grant;
    WallTime issued;
    std::uint64_t number = 0;  // grows: which is the oldest
  };
  struct Device {
    Grant grant;
    std::string user_code;
    WallTime expires;
    WallTime approved;
    std::optional<WallTime> last_poll;
    std::chrono::seconds interval;
  };
  void drop_expired();  // REQUIRES: mutex_ is held
  void trim_refresh_tokens(const Grant& grant, int limit);
  bool is_alive(const RefreshToken& token) const;

  ConfigStore& config_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<OauthClient> clients_;
  std::vector<std::string> accounts_;  // in the order of their coming
  std::map<std::string, AccessToken, std::less<>> access_;
  std::map<std::string, RefreshToken, std::less<>> refresh_;
  std::map<std::string, AuthCode, std::less<>> codes_;
  std::set<std::string, std::less<>> spent_codes_;
  std::map<std::string, Device, std::less<>> devices_;
  std::map<std::string, ServiceAccount, std::less<>> service_accounts_;
  std::uint64_t last_number_ = 0;
};

}  // namespace driveway::sim
