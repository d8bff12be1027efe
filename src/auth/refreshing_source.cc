#include "auth/refreshing_source.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "auth/credential.h"
#include "auth/token_endpoint.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr Duration kRefreshAhead = std::chrono::seconds(225);
constexpr Duration kJitter = std::chrono::seconds(30);
// While somebody refreshes, others go on with a token that is good for so long yet.
constexpr Duration kStillGood = std::chrono::seconds(20);
// A refresh ahead of time does not hold up its caller for longer.
constexpr Duration kImpatience = std::chrono::seconds(10);
constexpr Duration kPauseAfterFailure = std::chrono::seconds(30);
constexpr Duration kProbe = std::chrono::seconds(60);

Duration refresh_ahead(Duration lifetime) {
  thread_local std::minstd_rand random(std::random_device{}());
  const Duration jitter(std::uniform_int_distribution<Duration::rep>(0, kJitter.count())(random));
  return std::min(kRefreshAhead + jitter, lifetime / 4);
}

class RefreshingSource final : public TokenSource {
 public:
  RefreshingSource(std::unique_ptr<Grant> grant, Clock& clock)
      : grant_(std::move(grant)), clock_(clock), fingerprint_(grant_->fingerprint()) {}

  Result<AccessToken> token(const Context& context) override {
    DRIVEWAY_CHECK(context.check(clock_));
    std::unique_lock lock(mutex_);
    while (true) {
      notice_new_login();
      const TimePoint now = clock_.now();
      if (current_ && now < refresh_at_) return *current_;
      if (refused_login_ && now < probe_at_) return *refused_login_;
      const bool still_good = current_ && now + kStillGood < current_->expires;
      if (!refreshing_) return refresh_as_leader(context, lock, still_good);
      if (still_good) return *current_;
      DRIVEWAY_CHECK(wait_for_leader(context, lock));
    }
  }

  bool reads_only(const Context& context) override {
    const std::vector<std::string> granted = grant_->granted_scopes();
    if (!granted.empty()) return allows_only_reading(granted);
    const auto known = token(context);
    return known.ok() && allows_only_reading(known->scopes);
  }

  void refused(const AccessToken& used) override {
    const std::lock_guard lock(mutex_);
    refused_value_ = used.value;
    if (current_ && current_->value == used.value) current_.reset();
  }

  std::string describe() const override { return grant_->describe(); }
  std::string remedy() const override { return grant_->remedy(); }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  // Another process has logged in anew, or out: what is known of the old login is void.
  void notice_new_login() {
    if (refreshing_) return;  // its leader settles the version
    std::string version = grant_->version();
    if (version == version_) return;
    version_ = std::move(version);
    current_.reset();
    refused_login_.reset();
  }

  // Ok: look again. Else the leader's error, unless that was the leader's own impatience.
  Status wait_for_leader(const Context& context, std::unique_lock<std::mutex>& lock) {
    const std::uint64_t generation = generation_;
    DRIVEWAY_CHECK(
        wait(context, clock_, lock, changed_, [&] { return generation_ != generation; }));
    if (!last_failure_ || generation_ != generation + 1) return {};
    const ErrorCode code = last_failure_->code;
    if (code == ErrorCode::kCancelled || code == ErrorCode::kDeadlineExceeded) return {};
    return *last_failure_;
  }

  Result<AccessToken> refresh_as_leader(const Context& context, std::unique_lock<std::mutex>& lock,
                                        bool still_good) {
    refreshing_ = true;
    const std::string version = version_;
    lock.unlock();
    std::string new_version = version;
    Result<TokenAnswer> answer =
        still_good
            ? grant_->obtain(context.with_deadline(clock_.now() + kImpatience), 1, new_version)
            : grant_->obtain(context, TokenEndpoint::kMaxAttempts, new_version);
    lock.lock();
    refreshing_ = false;
    ++generation_;
    version_ = std::move(new_version);
    last_failure_.reset();
    changed_.notify_all();
    if (answer.ok()) {
      const Status usable = check(answer->token);
      if (usable.ok()) return accept(*std::move(answer));
      answer = usable.error();
    }
    if (answer.failed_with(ErrorCode::kLoginNeeded)) {
      current_.reset();
      refused_login_ = answer.error();
      probe_at_ = clock_.now() + kProbe;
    } else if (still_good && current_ && !answer.failed_with(ErrorCode::kCancelled)) {
      log::warn("the token of ", grant_->describe(), " is not refreshed yet: ", answer.error());
      refresh_at_ = std::min(clock_.now() + kPauseAfterFailure, current_->expires - kStillGood);
      return *current_;
    }
    last_failure_ = answer.error();
    return std::move(answer).error();
  }

  Status check(const AccessToken& token) const {
    if (!token.scopes.empty() && !allows_files(token.scopes)) {
      return Error{ErrorCode::kLoginNeeded,
                   cat(grant_->describe(),
                       ": its token gives no access to Drive (it has none of the scopes drive, "
                       "drive.readonly and drive.file); ",
                       grant_->remedy())};
    }
    if (token.value != refused_value_) return {};
    if (grant_->renews()) {
      return Error{
          ErrorCode::kUnavailable,
          cat(grant_->describe(), ": Google gives out a token again that Drive has refused"), true};
    }
    return Error{
        ErrorCode::kLoginNeeded,
        cat(grant_->describe(), ": Drive refuses its token, which has expired or was revoked; ",
            grant_->remedy())};
  }

  Result<AccessToken> accept(TokenAnswer answer) {
    refused_login_.reset();
    refresh_at_ = answer.token.expires - refresh_ahead(answer.lifetime);
    log::info(
        "new access token of ", grant_->describe(), ", good for ",
        answer.lifetime == kUnknownLifetime
            ? "an unknown time"
            : cat(std::chrono::duration_cast<std::chrono::seconds>(answer.lifetime).count(), " s"));
    current_ = std::move(answer.token);
    return *current_;
  }

  const std::unique_ptr<Grant> grant_;
  Clock& clock_;
  const std::string fingerprint_;

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool refreshing_ = false;
  std::uint64_t generation_ = 0;  // refreshes that have ended
  std::optional<Error> last_failure_;
  std::string version_;
  std::optional<AccessToken> current_;
  TimePoint refresh_at_{};
  Secret refused_value_;
  std::optional<Error> refused_login_;
  TimePoint probe_at_{};
};

}  // namespace

std::unique_ptr<TokenSource> make_refreshing_source(std::unique_ptr<Grant> grant, Clock& clock) {
  return std::make_unique<RefreshingSource>(std::move(grant), clock);
}

}  // namespace driveway::auth
