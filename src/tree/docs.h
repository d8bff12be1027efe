// What the mount makes of items that have no bytes in Drive: Docs, and shortcuts that lead nowhere.
// Pure functions.
//
// A Doc is a link file of exact size (E4), as Drive for desktop has them: one line of JSON with
// url, doc_id, resource_key and email. With --docs export it is a file of an Office type, made by
// Drive at open; the types that Drive cannot export (drive-api reference 8.1) stay link files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drive/item.h"
#include "tree/tree.h"

namespace driveway::tree {

struct ExportFormat {
  std::string_view mime_type;
  std::string_view extension;  // ".docx"
};

// Nothing for a type that cannot be exported.
std::optional<ExportFormat> export_format(std::string_view mime_type);

// What is appended to the name of an item of this (native) type: ".gdoc", ".docx"; nothing for
// other types.
std::string_view doc_extension(std::string_view mime_type, DocsMode mode);

// The text of a Doc's link file. `email`: the account's.
std::string link_text(const drive::Item& item, std::string_view email);

// The text of the file that stands for a shortcut whose target is gone or not visible.
std::string dangling_text(const drive::Item& shortcut);
// … for a folder shortcut that is not followed (views.h).
std::string too_deep_text(const drive::Item& shortcut);

}  // namespace driveway::tree
