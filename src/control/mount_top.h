// The top of a mount (`--top`): the folder that a mountpoint shows in the place of all.
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Where the layout shows a path in My Drive, and "TEAM/a" in a shared drive; as Vfs::resolve takes
// it.
std::string path_in_my_drive(tree::Layout layout, std::string_view path);
std::string path_in_shared_drives(tree::Layout layout, std::string_view path);

// The folder that `top` names: "a/b" (in My Drive), "@TEAM/a" (in a shared drive), "id=ID" or
// "id=ID/a" (below the folder of that id). REQUIRES: not empty. Errors name the option: kNotFound
// (nothing is there, or it is in the trash), kNotADirectory, those of looking it up.
Result<InodeId> find_top(const Context& context, vfs::Vfs& vfs, std::string_view top);

// The node at the path `below` the folder `top`, in shown names. Errors: as Vfs::resolve.
Result<tree::Node> find_below(const Context& context, vfs::Vfs& vfs, InodeId top,
                              std::string_view below);

}  // namespace driveway::control
