// chmod, chown, utimens, extended attributes (E3, E4). Private to vfs/.
#pragma once

#include <optional>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "vfs/change_parts.h"
#include "vfs/entry_rows.h"
#include "vfs/naming.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

// Thread-safe. Errors: as Vfs says.
class AttributeChanges {
 public:
  // `naming`: whose turns these changes take.
  AttributeChanges(const ChangeParts& parts, Naming& naming) : parts_(parts), naming_(naming) {}

  // All but the size. `node`: as it is shown. Gives it as it is then.
  Result<tree::Node> set(const Context& context, const tree::Node& node,
                         const AttributeChange& change);
  Status set_extended(const Context& context, const tree::Node& node, std::string_view name,
                      std::string_view value, AttributeMode mode);
  Status remove_extended(const Context& context, const tree::Node& node, std::string_view name);

 private:
  Status change(const Context& context, const tree::Node& node,
                const journal::Attributes& attributes);
  // Nothing, where it has a name; else what is open of it.
  Result<std::optional<tree::Node>> change_open(const Context& context, const tree::Node& node,
                                                const journal::Attributes& attributes,
                                                const AttributeChange& change);

  const ChangeParts parts_;
  Naming& naming_;
};

}  // namespace driveway::vfs
