#include "tree/account.h"

#include <utility>

#include "base/log.h"
#include "tree/layout.h"

namespace driveway::tree {
namespace {

constexpr Duration kFreshFor = std::chrono::minutes(1);
// df and the like do not wait longer for figures that are known, if not fresh.
constexpr Duration kPatience = std::chrono::seconds(5);

}  // namespace

Result<std::optional<drive::About>> Account::known() const {
  DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
  return meta.about();
}

Result<drive::About> Account::ask(const Context& context) {
  DRIVEWAY_TRY(drive::About about, parts_.store.about(context));
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(const auto before, meta.about());
  // The text of link files names the address, and the size of a file is not to change.
  if (before) about.email = before->email;
  DRIVEWAY_CHECK(meta.put_about(about));
  DRIVEWAY_CHECK(meta.put_id(about.root, my_drive_inode(parts_.options.layout)));
  DRIVEWAY_CHECK(meta.commit());
  return about;
}

Status Account::learn(const Context& context) {
  DRIVEWAY_TRY(const auto about, known());
  if (about) return {};
  DRIVEWAY_TRY(const auto asked, ask(context));
  static_cast<void>(asked);
  const std::lock_guard lock(mutex_);
  asked_ = parts_.clock.now();
  return {};
}

Result<drive::About> Account::about(const Context& context) {
  DRIVEWAY_TRY(auto last, known());
  const TimePoint now = parts_.clock.now();
  {
    const std::lock_guard lock(mutex_);
    const bool fresh = asked_ && now - *asked_ < kFreshFor;
    if (last && (fresh || asking_)) return *std::move(last);
    asking_ = true;
  }
  Result<drive::About> asked = ask(last ? context.with_deadline(now + kPatience) : context);
  {
    const std::lock_guard lock(mutex_);
    asking_ = false;
    asked_ = parts_.clock.now();
  }
  if (asked.ok() || !last) return asked;
  log::debug("the account's figures are old: ", asked.error());
  return *std::move(last);
}

}  // namespace driveway::tree
