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

 private:
  control::Client client_;
};

class OwnView final : public View {
 public:
  OwnView(MountPlan plan, Duration deadline, Clock& clock)
      : plan_(std::move(plan)), deadline_(deadline), clock_(clock) {}

  Status open(const Context& context) {
    DRIVEWAY_TRY(account_, Account::open(plan_.account, plan_.quota, clock_, metrics_));
    DRIVEWAY_TRY(const std::string id, permission_id(context, clock_, *account_, plan_.cache_dir));
    // A look is no reason to lay out anew what the last mount has listed.
    plan_.vfs.tree.as_shown_last = true;
    DRIVEWAY_TRY(
        vfs_, vfs::Vfs::open(plan_.cache_dir / id, plan_.vfs, account_->store(), clock_, metrics_));
    DRIVEWAY_CHECK(vfs_->start(context));
    DRIVEWAY_CHECK(catch_up(context));
    const control::Identity identity{.account = plan_.account,
                                     .permission_id = id,
                                     .cache_dir = plan_.cache_dir.string(),
                                     .layout = vfs_->tree_options().layout,
                                     .docs = vfs_->tree_options().docs,
                                     .quota_units_last_minute = nullptr};
    dispatcher_ = std::make_unique<control::Dispatcher>(identity, *vfs_, clock_, metrics_, nullptr,
                                                        deadline_);
    return {};
  }

  Status ask(const Context& context, const nlohmann::json& request,
             control::Reply& reply) override {
    return dispatcher_->handle(context, request, reply);
  }

 private:
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
  Clock& clock_;
  Metrics metrics_;
  std::unique_ptr<Account> account_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<control::Dispatcher> dispatcher_;
};

}  // namespace

std::vector<control::Daemon> running_daemons(Clock& clock) {
  const auto folder = control::runtime_directory();
  if (!folder.ok()) return {};
  return control::find_daemons(*folder, clock);
}

Result<std::unique_ptr<View>> open_view(const Context& context, const Remote& remote,
                                        const std::vector<control::Daemon>& daemons,
                                        const Settings& settings, Clock& clock) {
  DRIVEWAY_TRY(MountPlan plan, plan_vfs(settings));
  DRIVEWAY_TRY(const Duration deadline,
               settings.duration("read-deadline", std::chrono::seconds(300)));
  if (!remote.account.empty()) plan.account = remote.account;
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
  auto view = std::make_unique<OwnView>(std::move(plan), deadline, clock);
  DRIVEWAY_CHECK(view->open(context.with_deadline(clock.now() + deadline)));
  return std::unique_ptr<View>(std::move(view));
}

}  // namespace driveway::cli
