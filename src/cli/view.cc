#include "cli/view.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "cli/account.h"
#include "cli/mount_plan.h"

namespace driveway::cli {
namespace {

constexpr auto kSlack = std::chrono::seconds(30);

class DaemonView final : public View {
 public:
  // `deadline`: how long a daemon may wait for Drive in one step of its answer.
  DaemonView(control::Client client, Duration deadline) : client_(std::move(client)) {
    client_.set_patience(deadline + kSlack);
  }
  Status ask(const Context& context, const nlohmann::json& request,
             control::Reply& reply) override {
    return client_.call(context, request, reply);
  }
  bool is_mounted() const override { return true; }

 private:
  control::Client client_;
};

class OwnView final : public View {
 public:
  OwnView(MountPlan plan, Duration deadline, Use use, Clock& clock)
      : plan_(std::move(plan)), deadline_(deadline), use_(use), clock_(clock) {
    // A look is no reason to lay out anew what the last mount has listed.
    plan_.vfs.tree.as_shown_last = true;
    plan_.vfs.read_only = plan_.vfs.read_only || use != Use::kSend;
  }

  Status open(const Context& context) {
    DRIVEWAY_CHECK(log_in(context));
    DRIVEWAY_TRY(vfs_, vfs::Vfs::open(plan_.cache_dir / plan_.vfs.account, plan_.vfs,
                                      account_->store(), clock_, metrics_));
    DRIVEWAY_CHECK(start(context));
    control::Identity identity{.account = plan_.account,
                               .permission_id = plan_.vfs.account,
                               .cache_dir = plan_.cache_dir.string(),
                               .layout = vfs_->tree_options().layout,
                               .lost_and_found = vfs_->tree_options().lost_and_found,
                               .docs = vfs_->tree_options().docs,
                               .directory_mode = vfs_->tree_options().directory_mode,
                               .writes = write_settings(plan_.vfs),
                               .acknowledge_abuse = plan_.drive.acknowledge_abuse,
                               .max_download = plan_.drive.max_download,
                               .max_upload = plan_.drive.max_upload,
                               .quota_units_last_minute = nullptr};
    dispatcher_ = std::make_unique<control::Dispatcher>(std::move(identity), *vfs_, clock_,
                                                        metrics_, nullptr, deadline_);
    return {};
  }

  Status ask(const Context& context, const nlohmann::json& request,
             control::Reply& reply) override {
    return dispatcher_->handle(context, request, reply);
  }
  bool is_mounted() const override { return false; }

 private:
  // Finds out whose folder it is.
  Status log_in(const Context& context) {
    auto account = Account::open(plan_.source, plan_.drive, clock_, metrics_);
    if (use_ == Use::kTakeOut) {
      account_ = account.ok() ? *std::move(account) : Account::without_login(clock_, metrics_);
      DRIVEWAY_TRY(plan_.vfs.account, last_permission_id(*account_, plan_.cache_dir));
      return {};
    }
    DRIVEWAY_TRY(account_, std::move(account));
    DRIVEWAY_TRY(plan_.vfs.account, permission_id(context, clock_, *account_, plan_.cache_dir));
    return {};
  }

  Status start(const Context& context) {
    if (use_ != Use::kTakeOut) {
      DRIVEWAY_CHECK(vfs_->start(context));
      return catch_up(context);
    }
    // The journal knows what it needs (D3), Drive only what may be missing of a base.
    const Status started = vfs_->start(context.with_deadline(clock_.now() + kPatienceWhenKnown));
    if (context.cancel.cancelled()) return context.check(clock_);
    if (!started.ok()) log::warn("going on with what is here: ", started.error());
    return {};
  }

  // Hears what changed since the last time; where Drive does not answer, what is known has to do.
  Status catch_up(const Context& context) {
    const bool warm = vfs_->tree_status().listed_directories > 0;
    Status polled =
        vfs_->poll(warm ? context.with_deadline(clock_.now() + kPatienceWhenKnown) : context);
    const bool no_answer = polled.failed_with(ErrorCode::kUnavailable) ||
                           polled.failed_with(ErrorCode::kDeadlineExceeded) ||
                           polled.failed_with(ErrorCode::kRateLimited);
    if (!warm || !no_answer || !context.check(clock_).ok()) return polled;
    log::warn("Drive does not answer; going on with what is known: ", polled.error());
    return {};
  }

  MountPlan plan_;
  const Duration deadline_;
  const Use use_;
  Clock& clock_;
  Metrics metrics_;
  std::unique_ptr<Account> account_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<control::Dispatcher> dispatcher_;
};

}  // namespace

Result<std::unique_ptr<View>> open_view(const Context& context, const Remote& remote,
                                        const std::vector<control::Daemon>& daemons,
                                        const Settings& settings, Clock& clock, Use use) {
  DRIVEWAY_TRY(MountPlan plan, plan_vfs(settings));
  DRIVEWAY_TRY(const Duration deadline,
               settings.duration("read-deadline", std::chrono::seconds(300)));
  if (!remote.account.empty()) use_account(plan, remote.account);
  const control::Daemon* daemon = nullptr;
  if (remote.daemon) {
    daemon = &daemons[static_cast<std::size_t>(*remote.daemon)];
  } else {
    const auto found = std::find_if(daemons.begin(), daemons.end(), [&](const auto& other) {
      return other.account == plan.account && other.cache_dir == plan.cache_dir.string();
    });
    if (found != daemons.end()) daemon = &*found;
  }
  if (daemon != nullptr) {
    DRIVEWAY_TRY(auto client, control::Client::connect(daemon->socket, clock));
    return std::unique_ptr<View>(std::make_unique<DaemonView>(std::move(client), deadline));
  }
  auto view = std::make_unique<OwnView>(std::move(plan), deadline, use, clock);
  DRIVEWAY_CHECK(view->open(context.with_deadline(clock.now() + deadline)));
  return std::unique_ptr<View>(std::move(view));
}

}  // namespace driveway::cli
