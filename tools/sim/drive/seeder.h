// Builds what StateAdmin::seed describes. The World's mutex is held alone by the caller.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "sim/drive/content_store.h"
#include "sim/drive/world.h"

namespace driveway::sim {

class Seeder {
 public:
  // `project`: whose appProperties a seed writes.
  Seeder(World& world, ContentStore& contents, std::string project)
      : world_(world), contents_(contents), project_(std::move(project)) {}
  // As StateAdmin::seed. Errors: kInvalidArgument names the key, kNotFound (account, target); what
  // was made before the error stays.
  Result<nlohmann::json> seed(const nlohmann::json& spec);

 private:
  using Names = std::vector<std::string>;
  struct Place {
    std::string root_id;
    Text drive = nullptr;  // null: My Drive
    Text user = nullptr;   // owner, and who did it
  };
  struct LateShortcut {
    Place place;
    Item item;
    Names target;
  };

  Status add_all(const Place& place, const nlohmann::json& spec);
  Status add_item(const Place& place, const nlohmann::json& spec);
  Status add_tree(const Place& place, const nlohmann::json& spec);
  Status add_shared_drive(Text organizer, const nlohmann::json& spec);
  Status add_late_shortcuts();
  // The content of a file or a Doc, and its MIME type.
  Status fill_content(const nlohmann::json& spec, Item& item);
  Status fill_details(const Place& place, const nlohmann::json& spec, Item& item);
  Status fill_shortcut(const nlohmann::json& spec, Item& item, Names& target);
  Item new_item(const Place& place, const std::string& parent, std::string name, Kind kind) const;
  // The folder below the root, made where it is missing.
  std::string folder(const Place& place, const Names& names);
  const Item* resolve(const std::string& root_id, const Names& names) const;
  void put(Item item);

  World& world_;
  ContentStore& contents_;
  const std::string project_;
  std::map<std::pair<std::string, std::string>, std::string> folders_;  // (parent, name) -> id
  std::vector<LateShortcut> late_;
  std::uint64_t items_ = 0;
  Bytes bytes_ = 0;
};

}  // namespace driveway::sim
