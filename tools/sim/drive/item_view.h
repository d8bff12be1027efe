// An item as the query language and orderBy see it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sim/drive/access.h"
#include "sim/drive/sim_state.h"
#include "sim/lang/order_by.h"
#include "sim/lang/query.h"

namespace driveway::sim {

// What the views of one request share. Not thread-safe; valid while the World's lock is held.
class ViewContext {
 public:
  ViewContext(const World& world, const Viewer& viewer, Access& access);
  Access& access() { return access_; }
  Text mail() const { return viewer_.mail; }
  Text project() const { return viewer_.project; }
  const std::string& root_id() const { return root_id_; }
  // The role of whoever `mail` ("me" too) names.
  Role role_of(std::string_view mail, const Item& item);
  std::string_view resolve_mail(std::string_view mail) const;

 private:
  const Viewer& viewer_;
  Access& access_;
  std::string root_id_;
  std::map<Text, Access> others_;
};

class StoredItemView final : public ItemView {
 public:
  StoredItemView(ViewContext& context, const Item& item) : context_(context), item_(item) {}

  std::string_view name() const override { return item_.name; }
  std::string_view mime_type() const override { return *item_.mime; }
  bool trashed() const override { return context_.access().trashed(item_); }
  bool starred() const override { return item_.personal(context_.mail()).starred; }
  bool has_parent(std::string_view id) const override;
  std::optional<std::int64_t> created() const override { return item_.created; }
  std::optional<std::int64_t> modified() const override { return item_.modified; }
  std::optional<std::int64_t> viewed_by_me() const override;
  bool has_owner(std::string_view mail) const override;
  bool has_writer(std::string_view mail) const override;
  bool has_reader(std::string_view mail) const override;
  bool shared_with_me() const override;
  bool has_property(std::string_view key, std::string_view value) const override;
  bool has_app_property(std::string_view key, std::string_view value) const override;
  std::string_view visibility() const override;
  std::string_view shortcut_target() const override { return item_.extra().shortcut.target_id; }
  bool has_label(std::string_view) const override { return false; }
  bool full_text_contains(std::string_view text) const override;

 private:
  ViewContext& context_;
  const Item& item_;
};

class StoredSortView final : public SortView {
 public:
  StoredSortView(Text mail, const Item& item) : mail_(mail), item_(item) {}
  std::string_view name() const override { return item_.name; }
  bool folder() const override { return item_.is_folder(); }
  bool starred() const override { return item_.personal(mail_).starred; }
  std::int64_t created() const override { return item_.created; }
  std::int64_t modified() const override { return item_.modified; }
  std::int64_t modified_by_me() const override;
  std::int64_t viewed_by_me() const override { return item_.personal(mail_).viewed; }
  std::int64_t shared_with_me() const override { return item_.personal(mail_).shared; }
  std::int64_t recency() const override;
  std::int64_t quota_bytes_used() const override {
    return static_cast<std::int64_t>(item_.quota_bytes());
  }

 private:
  Text mail_;
  const Item& item_;
};

}  // namespace driveway::sim
