#include "cli/account.h"

#include <optional>
#include <utility>

#include "auth/environment.h"
#include "base/strings.h"
#include "cli/http_options.h"
#include "drive/drive_store.h"
#include "drive/quota.h"
#include "drive/quota_memory.h"
#include "drive/store_stack.h"
#include "http/http_client.h"

namespace driveway::cli {
namespace {

std::string key_of(const auth::TokenSource& tokens) {
  const std::string& fingerprint = tokens.fingerprint();
  return fingerprint.empty() ? "" : cat(tokens.describe(), " ", fingerprint);
}

class NoLogin final : public auth::TokenSource {
 public:
  Result<auth::AccessToken> token(const Context&) override {
    return Error{ErrorCode::kLoginNeeded, "not logged in: run driveway login"};
  }
  bool reads_only(const Context&) override { return false; }
  void refused(const auth::AccessToken&) override {}
  std::string describe() const override { return "no login"; }
  std::string remedy() const override { return "run `driveway login`"; }
  const std::string& fingerprint() const override { return nobody_; }

 private:
  const std::string nobody_;
};

class AccountImpl final : public Account {
 public:
  AccountImpl(std::unique_ptr<http::HttpClient> http, std::unique_ptr<auth::TokenSource> tokens,
              const drive::StackOptions& options, const drive::DriveOptions& drive, Clock& clock,
              Metrics& metrics)
      : http_(std::move(http)),
        tokens_(std::move(tokens)),
        label_(tokens_->describe()),
        login_key_(key_of(*tokens_)),
        clock_(clock),
        stack_(drive::make_store_stack(drive::make_drive_store(*http_, *tokens_, clock, drive),
                                       options, clock, metrics)) {}
  const std::string& label() const override { return label_; }
  const std::string& login_key() const override { return login_key_; }
  bool reads_only(const Context& context) override { return tokens_->reads_only(context); }
  drive::RemoteStore& store() override { return stack_->store(); }
  std::uint64_t quota_units_last_minute() const override {
    return stack_->quota().units_last_minute();
  }
  void keep_learned_in(const std::filesystem::path& folder) override {
    memory_.emplace(folder / "quota.json", stack_->quota(), clock_);
  }

 private:
  const std::unique_ptr<http::HttpClient> http_;
  const std::unique_ptr<auth::TokenSource> tokens_;
  const std::string label_;
  const std::string login_key_;
  Clock& clock_;
  const std::unique_ptr<drive::StoreStack> stack_;
  std::optional<drive::QuotaMemory> memory_;
};

}  // namespace

http::Options http_options() { return {.user_agent = "driveway/" DRIVEWAY_VERSION " (gzip)"}; }

Result<std::unique_ptr<Account>> Account::open(const auth::SourceOptions& source,
                                               const AccountOptions& options, Clock& clock,
                                               Metrics& metrics) {
  drive::StackOptions stack;
  DRIVEWAY_TRY(stack.quota, drive::parse_quota_model(options.quota));
  drive::DriveOptions drive;
  drive.acknowledge_abuse = options.acknowledge_abuse;
  http::Options wire = http_options();
  wire.max_download = options.max_download;
  wire.max_upload = options.max_upload;
  auto http = http::make_curl_client(std::move(wire), clock, metrics);
  DRIVEWAY_TRY(auto tokens,
               auth::choose_source(source, auth::Environment::from_process(), *http, clock));
  return std::unique_ptr<Account>(std::make_unique<AccountImpl>(std::move(http), std::move(tokens),
                                                                stack, drive, clock, metrics));
}

std::unique_ptr<Account> Account::without_login(Clock& clock, Metrics& metrics) {
  return std::make_unique<AccountImpl>(http::make_curl_client(http_options(), clock, metrics),
                                       std::make_unique<NoLogin>(), drive::StackOptions(),
                                       drive::DriveOptions(), clock, metrics);
}

}  // namespace driveway::cli
