#include "auth/refresh_token_grant.h"

#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

class MemoryHome final : public CredentialHome {
 public:
  MemoryHome(Credential credential, std::string describe, std::string remedy)
      : credential_(std::move(credential)),
        describe_(std::move(describe)),
        remedy_(std::move(remedy)) {}
  Result<Credential> load() override { return credential_; }
  std::string version() const override { return ""; }
  Status replace_refresh_token(const Secret& old, const Secret& fresh) override {
    if (credential_.refresh_token == old) credential_.refresh_token = fresh;
    return {};
  }
  std::optional<FileLock> lock(const Context&, Clock&) override { return std::nullopt; }
  std::string describe() const override { return describe_; }
  std::string remedy() const override { return remedy_; }

 private:
  Credential credential_;
  const std::string describe_;
  const std::string remedy_;
};

class RefreshTokenGrant final : public Grant {
 public:
  RefreshTokenGrant(std::unique_ptr<CredentialHome> home, TokenEndpoint endpoint, Clock& clock)
      : home_(std::move(home)), endpoint_(std::move(endpoint)), clock_(clock) {}

  Result<TokenAnswer> obtain(const Context& context, int attempts, std::string& version) override {
    const std::optional<FileLock> held = home_->lock(context, clock_);
    version = home_->version();
    DRIVEWAY_TRY(const Credential credential, home_->load());
    const TokenPurpose purpose{.of = home_->describe(),
                               .remedy = home_->remedy(),
                               .created = credential.created,
                               .grant_ends = credential.grant_ends};
    DRIVEWAY_TRY(TokenAnswer answer, endpoint_.refresh(context, credential, purpose, attempts));
    if (answer.token.scopes.empty()) answer.token.scopes = credential.scopes;
    answer.token.quota_project = credential.quota_project;
    if (!answer.refresh_token.empty() && answer.refresh_token != credential.refresh_token) {
      const Status kept =
          home_->replace_refresh_token(credential.refresh_token, answer.refresh_token);
      if (!kept.ok()) log::error(home_->describe(), ": its new form is not stored: ", kept.error());
      version = home_->version();
    }
    return answer;
  }
  std::string version() const override { return home_->version(); }
  std::string describe() const override { return home_->describe(); }
  std::string remedy() const override { return home_->remedy(); }
  std::string fingerprint() override {
    const auto credential = home_->load();
    return credential.ok() ? auth::fingerprint(*credential) : "";
  }
  std::vector<std::string> granted_scopes() override {
    auto credential = home_->load();
    return credential.ok() ? std::move(credential->scopes) : std::vector<std::string>();
  }

 private:
  const std::unique_ptr<CredentialHome> home_;
  TokenEndpoint endpoint_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<CredentialHome> make_memory_home(Credential credential, std::string describe,
                                                 std::string remedy) {
  return std::make_unique<MemoryHome>(std::move(credential), std::move(describe),
                                      std::move(remedy));
}

std::unique_ptr<Grant> make_refresh_token_grant(std::unique_ptr<CredentialHome> home,
                                                TokenEndpoint endpoint, Clock& clock) {
  return std::make_unique<RefreshTokenGrant>(std::move(home), std::move(endpoint), clock);
}

}  // namespace driveway::auth
