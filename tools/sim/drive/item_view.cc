#include "sim/drive/item_view.h"

#include <algorithm>

#include "base/strings.h"

namespace driveway::sim {

namespace {

// How much of a text the full-text index reads (contentHints allow 128 KB).
constexpr Bytes kIndexedText = 128 * kKiB;

std::string indexed_text(const Item& item) {
  const bool text = item.kind == Kind::kDoc || item.mime->starts_with("text/");
  if (!text || !item.content) return {};
  std::string bytes(std::min<Bytes>(item.content->size(), kIndexedText), '\0');
  item.content->read_at(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace

ViewContext::ViewContext(const World& world, const Viewer& viewer, Access& access)
    : viewer_(viewer), access_(access) {
  const Account* account = world.account(viewer.mail);
  if (account != nullptr) root_id_ = account->root_id;
}

std::string_view ViewContext::resolve_mail(std::string_view mail) const {
  return mail == "me" ? std::string_view(*viewer_.mail) : mail;
}

Role ViewContext::role_of(std::string_view mail, const Item& item) {
  const Text whose = intern(to_lower(resolve_mail(mail)));
  const auto place = others_.try_emplace(whose, access_.table(), whose).first;
  return place->second.standing(item).personal;
}

bool StoredItemView::has_parent(std::string_view id) const {
  const std::string_view wanted = id == "root" ? std::string_view(context_.root_id()) : id;
  return !wanted.empty() && item_.parent == wanted && context_.access().shows_parent(item_);
}

std::optional<std::int64_t> StoredItemView::viewed_by_me() const {
  const Ms viewed = item_.personal(context_.mail()).viewed;
  return viewed == 0 ? std::nullopt : std::optional<std::int64_t>(viewed);
}

bool StoredItemView::has_owner(std::string_view mail) const {
  return item_.owner != nullptr && equals_ignoring_case(*item_.owner, context_.resolve_mail(mail));
}

bool StoredItemView::has_writer(std::string_view mail) const {
  return context_.role_of(mail, item_) >= Role::kWriter;
}

bool StoredItemView::has_reader(std::string_view mail) const {
  return context_.role_of(mail, item_) >= Role::kReader;
}

bool StoredItemView::shared_with_me() const {
  return item_.drive == nullptr && item_.owner != context_.mail() &&
         item_.personal(context_.mail()).shared != 0;
}

bool StoredItemView::has_property(std::string_view key, std::string_view value) const {
  const auto& properties = item_.extra().properties;
  const auto found = properties.find(std::string(key));
  return found != properties.end() && found->second == value;
}

bool StoredItemView::has_app_property(std::string_view key, std::string_view value) const {
  const auto& all = item_.extra().app_properties;
  const auto own = all.find(*context_.project());
  if (own == all.end()) return false;
  const auto found = own->second.find(std::string(key));
  return found != own->second.end() && found->second == value;
}

std::string_view StoredItemView::visibility() const {
  std::string_view widest = "limited";
  int rank = 0;
  auto raise = [&](int to, std::string_view name) {
    if (to <= rank) return;
    rank = to;
    widest = name;
  };
  for (const Item* at = &item_; at != nullptr;
       at = at->parent.empty() ? nullptr : context_.access().table().peek(at->parent)) {
    for (const Permission& grant : at->extra().permissions) {
      if (grant.grantee == Grantee::kAnyone) {
        raise(grant.discoverable ? 4 : 3, grant.discoverable ? "anyoneCanFind" : "anyoneWithLink");
      } else if (grant.grantee == Grantee::kDomain) {
        raise(grant.discoverable ? 2 : 1, grant.discoverable ? "domainCanFind" : "domainWithLink");
      }
    }
  }
  return widest;
}

bool StoredItemView::full_text_contains(std::string_view text) const {
  // A phrase in double quotes stands for its words in this order, which a prefix match demands
  // anyway.
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return contains_token_prefix(item_.name, text) ||
         contains_token_prefix(item_.extra().description, text) ||
         contains_token_prefix(indexed_text(item_), text);
}

std::int64_t StoredSortView::modified_by_me() const {
  return item_.last_user == mail_ ? item_.modified : item_.personal(mail_).modified;
}

std::int64_t StoredSortView::recency() const {
  const Personal& personal = item_.personal(mail_);
  return std::max({item_.modified, item_.created, personal.viewed, personal.shared});
}

}  // namespace driveway::sim
