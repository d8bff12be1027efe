#include "sim/oauth/token_book.h"

#include <algorithm>
#include <iterator>

#include "base/hash.h"
#include "base/strings.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

using std::chrono::seconds;

constexpr seconds kDeviceCodeLife{1800};
constexpr seconds kDeviceInterval{5};
constexpr seconds kSlowDown{5};  // what a poll that comes too soon adds (RFC 8628)

std::string secret_text(std::string_view prefix, std::size_t bytes) {
  return cat(prefix, base64url(random_bytes(bytes)));
}

// "GQVQ-JKEC": letters that nobody mistakes for others.
std::string new_user_code() {
  constexpr std::string_view kLetters = "BCDFGHJKLMNPQRSTVWXZ";
  std::string code;
  for (const char byte : random_bytes(8)) {
    if (code.size() == 4) code += '-';
    code += kLetters[static_cast<unsigned char>(byte) % kLetters.size()];
  }
  return code;
}

std::string digits(std::size_t count) {
  std::string text = "1";
  for (const char byte : random_bytes(count - 1)) {
    text += static_cast<char>('0' + static_cast<unsigned char>(byte) % 10);
  }
  return text;
}

bool same_holder(const Grant& a, const Grant& b) {
  return a.account == b.account && a.client_id == b.client_id;
}

}  // namespace

TokenBook::TokenBook(ConfigStore& config, Clock& clock)
    : config_(config), clock_(clock), clients_(default_clients()) {}

void TokenBook::add_client(OauthClient client) {
  const std::lock_guard lock(mutex_);
  std::erase_if(clients_, [&](const OauthClient& other) { return other.id == client.id; });
  clients_.push_back(std::move(client));
}

std::optional<OauthClient> TokenBook::client(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(clients_, id, &OauthClient::id);
  if (found == clients_.end()) return std::nullopt;
  return *found;
}

void TokenBook::add_account(const std::string& email) {
  const std::lock_guard lock(mutex_);
  if (std::ranges::find(accounts_, email) == accounts_.end()) accounts_.push_back(email);
}

bool TokenBook::has_account(std::string_view email) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(accounts_, email) != accounts_.end();
}

std::string TokenBook::choose_account(std::string_view hint) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(accounts_, hint);
  if (found != accounts_.end()) return *found;
  return accounts_.empty() ? std::string() : accounts_.front();
}

std::string TokenBook::issue_access(const Grant& grant, std::optional<seconds> life) {
  const seconds given = life.value_or(config_.get()->oauth.access_token_life);
  std::string token = secret_text("ya29.a0", 96);
  const std::lock_guard lock(mutex_);
  drop_expired();
  access_.emplace(token, AccessToken{grant, now() + given});
  return token;
}

std::optional<AccessToken> TokenBook::access(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const auto found = access_.find(token);
  if (found == access_.end() || found->second.expires <= now()) return std::nullopt;
  return found->second;
}

std::string TokenBook::issue_refresh(const Grant& grant) {
  const int limit = config_.get()->oauth.refresh_token_limit;
  std::string token = secret_text("1//0", 72);
  const std::lock_guard lock(mutex_);
  RefreshToken& entry = refresh_[token];
  entry = RefreshToken{grant, now(), ++last_number_};
  entry.grant.offline = true;
  trim_refresh_tokens(grant, limit);
  return token;
}

void TokenBook::trim_refresh_tokens(const Grant& grant, int limit) {
  using Entry = decltype(refresh_)::iterator;
  std::vector<Entry> held;
  for (auto it = refresh_.begin(); it != refresh_.end(); ++it) {
    if (same_holder(it->second.grant, grant)) held.push_back(it);
  }
  if (held.size() <= static_cast<std::size_t>(std::max(limit, 1))) return;
  std::ranges::sort(held, {}, [](const Entry& entry) { return entry->second.number; });
  const std::size_t surplus = held.size() - static_cast<std::size_t>(std::max(limit, 1));
  for (std::size_t i = 0; i < surplus; ++i) refresh_.erase(held[i]);
}

bool TokenBook::is_alive(const RefreshToken& token) const {
  const auto life = config_.get()->oauth.refresh_token_expires_in;
  return life <= 0 || now() < token.issued + seconds(life);
}

std::optional<Grant> TokenBook::refresh(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const auto found = refresh_.find(token);
  if (found == refresh_.end() || !is_alive(found->second)) return std::nullopt;
  return found->second.grant;
}

bool TokenBook::has_consent(std::string_view account, std::string_view client_id) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(refresh_, [&](const auto& entry) {
    return entry.second.grant.account == account && entry.second.grant.client_id == client_id;
  });
}

std::string TokenBook::issue_code(AuthCode code) {
  std::string text = secret_text("4/0A", 48);
  code.expires = now() + config_.get()->oauth.code_life;
  const std::lock_guard lock(mutex_);
  codes_.emplace(text, std::move(code));
  return text;
}

std::pair<TokenBook::CodeState, AuthCode> TokenBook::redeem_code(std::string_view code) {
  const std::lock_guard lock(mutex_);
  const auto found = codes_.find(code);
  if (found == codes_.end()) {
    return {spent_codes_.contains(code) ? CodeState::kSpent : CodeState::kUnknown, {}};
  }
  AuthCode redeemed = std::move(found->second);
  codes_.erase(found);
  spent_codes_.emplace(code);
  if (redeemed.expires <= now()) return {CodeState::kSpent, {}};
  return {CodeState::kGood, std::move(redeemed)};
}

TokenBook::DeviceCode TokenBook::start_device(const Grant& grant) {
  DeviceCode started{secret_text("AH-1Ng", 60), new_user_code(), kDeviceCodeLife, kDeviceInterval};
  Device device;
  device.grant = grant;
  device.user_code = started.user_code;
  device.expires = now() + kDeviceCodeLife;
  device.approved = now() + config_.get()->oauth.device_approval_delay;
  device.interval = kDeviceInterval;
  const std::lock_guard lock(mutex_);
  devices_.emplace(started.device_code, std::move(device));
  return started;
}

bool TokenBook::approve_device(std::string_view user_code, const std::string& account) {
  const std::lock_guard lock(mutex_);
  for (auto& [code, device] : devices_) {
    if (device.user_code != user_code || device.expires <= now()) continue;
    device.grant.account = account;
    device.approved = std::min(device.approved, now());
    return true;
  }
  return false;
}

std::pair<TokenBook::DeviceState, Grant> TokenBook::poll_device(std::string_view device_code,
                                                                std::string_view client_id) {
  const bool denied = config_.get()->oauth.deny_consent;
  const std::lock_guard lock(mutex_);
  const auto found = devices_.find(device_code);
  if (found == devices_.end() || found->second.grant.client_id != client_id) {
    return {DeviceState::kUnknown, {}};
  }
  Device& device = found->second;
  const WallTime time = now();
  if (device.expires <= time) return {DeviceState::kExpired, {}};
  const bool too_fast = device.last_poll && time < *device.last_poll + device.interval;
  device.last_poll = time;
  if (too_fast) {
    device.interval += kSlowDown;
    return {DeviceState::kTooFast, {}};
  }
  if (time < device.approved) return {DeviceState::kPending, {}};
  Grant grant = device.grant;
  devices_.erase(found);
  if (denied) return {DeviceState::kDenied, {}};
  return {DeviceState::kApproved, std::move(grant)};
}

ServiceAccount TokenBook::add_service_key(const std::string& email, const std::string& key_id,
                                          const std::string& public_key_pem,
                                          const std::string& token_uri) {
  const std::lock_guard lock(mutex_);
  ServiceAccount& account = service_accounts_[email];
  if (account.email.empty()) {
    account.email = email;
    account.unique_id = digits(21);
  }
  account.public_keys[key_id] = public_key_pem;
  account.token_uris.insert(token_uri);
  return account;
}

std::optional<ServiceAccount> TokenBook::service_account(std::string_view email) const {
  const std::lock_guard lock(mutex_);
  const auto found = service_accounts_.find(email);
  if (found == service_accounts_.end()) return std::nullopt;
  return found->second;
}

int TokenBook::expire_access_tokens(const std::string& account) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  return static_cast<int>(std::erase_if(access_, [&](const auto& entry) {
    return account.empty() || entry.second.grant.account == account;
  }));
}

int TokenBook::revoke_account(const std::string& account) {
  const auto is_of_account = [&](const auto& entry) {
    return account.empty() || entry.second.grant.account == account;
  };
  const std::lock_guard lock(mutex_);
  std::erase_if(access_, is_of_account);
  return static_cast<int>(std::erase_if(refresh_, is_of_account));
}

bool TokenBook::revoke_token(std::string_view token) {
  const std::lock_guard lock(mutex_);
  const auto access = access_.find(token);
  const auto refresh = refresh_.find(token);
  if (access == access_.end() && refresh == refresh_.end()) return false;
  const Grant grant = access != access_.end() ? access->second.grant : refresh->second.grant;
  const auto is_of_grant = [&](const auto& entry) {
    return entry.second.grant.account == grant.account &&
           entry.second.grant.project == grant.project;
  };
  std::erase_if(access_, is_of_grant);
  std::erase_if(refresh_, is_of_grant);
  return true;
}

void TokenBook::drop_expired() {
  const WallTime time = now();
  std::erase_if(access_, [&](const auto& entry) { return entry.second.expires <= time; });
}

}  // namespace driveway::sim
