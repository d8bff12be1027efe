#include "cli/view.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/account.h"
#include "cli/mount_plan.h"

namespace driveway::cli {
namespace {

class DaemonView final : public View {
 public:
  explicit DaemonView(control::Client client) : client_(std::move(client)) {}
  Status ask(const Context& context, const nlohmann::json& request,
             control::Reply& reply) override {
    return client_.call(context, request, reply);
  }

 private:
  control::Client client_;
};

class OwnView final : public View {
 public:
  OwnView(MountPlan plan, Clock& clock) : plan_(std::move(plan)), clock_(clock) {}

  Status open(const Context& context) {
    DRIVEWAY_TRY(account_, Account::open(plan_.account, plan_.quota, clock_, metrics_));
    DRIVEWAY_TRY(const std::string id, permission_id(context, clock_, *account_, plan_.cache_dir));
    DRIVEWAY_TRY(
        vfs_, vfs::Vfs::open(plan_.cache_dir / id, plan_.vfs, account_->store(), clock_, metrics_));
    DRIVEWAY_CHECK(vfs_->start(context));
    DRIVEWAY_CHECK(vfs_->poll(context));
    const control::Identity identity{.account = plan_.account,
                                     .permission_id = id,
                                     .mountpoint = "",
                                     .cache_dir = plan_.cache_dir.string(),
                                     .layout = plan_.vfs.tree.layout};
    dispatcher_ = std::make_unique<control::Dispatcher>(identity, *vfs_, clock_, metrics_, nullptr);
    return {};
  }

  Status ask(const Context& context, const nlohmann::json& request,
             control::Reply& reply) override {
    return dispatcher_->handle(context, request, reply);
  }

 private:
  const MountPlan plan_;
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
    return std::unique_ptr<View>(std::make_unique<DaemonView>(std::move(client)));
  }
  auto view = std::make_unique<OwnView>(std::move(plan), clock);
  DRIVEWAY_CHECK(view->open(context));
  return std::unique_ptr<View>(std::move(view));
}

}  // namespace driveway::cli
