// What the mount makes of items that have no bytes in Drive: Docs, and shortcuts that lead nowhere.
// Pure functions.
//
// A Doc is a small text of exact size (E4): a link file as Drive for desktop has them, one line of
// JSON with url, doc_id, resource_key and email, or a `.desktop` file; or it is a file that Drive
// makes at open. What is which says docs_mode.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drive/item.h"
#include "tree/docs_mode.h"

namespace driveway::tree {

// What Drive is to make of an item of this (native) type; nothing where it is a text of ours.
std::optional<ExportFormat> export_format(std::string_view mime_type, const DocsMode& mode);

// What is appended to the name of an item of this (native) type: ".gdoc", ".docx", ".desktop";
// nothing for other types.
std::string_view doc_extension(std::string_view mime_type, const DocsMode& mode);

// The text of a Doc's link file, or `.desktop` file. `email`: the account's.
std::string doc_text(const drive::Item& item, std::string_view email, const DocsMode& mode);

// The text of the file that stands for a shortcut whose target is gone or not visible.
std::string dangling_text(const drive::Item& shortcut);
// … for a folder shortcut that is not followed (views.h).
std::string too_deep_text(const drive::Item& shortcut);

}  // namespace driveway::tree
