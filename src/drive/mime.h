// MIME types: Google's own (drive-api reference 8.1), and those of files by their names.
#pragma once

#include <string_view>

#include "drive/item.h"

namespace driveway::drive {

inline constexpr std::string_view kNativeMimePrefix = "application/vnd.google-apps.";
inline constexpr std::string_view kFolderMimeType = "application/vnd.google-apps.folder";
inline constexpr std::string_view kShortcutMimeType = "application/vnd.google-apps.shortcut";

inline constexpr std::string_view kUnknownMimeType = "application/octet-stream";

// By the extension of a file's name, in any case; kUnknownMimeType for what is not known. Never a
// Google type, which would have Drive convert the file.
std::string_view mime_type_of(std::string_view name);

// Whatever has the prefix and is neither folder nor shortcut is native: no blob.
inline ItemKind kind_of(std::string_view mime_type) {
  if (!mime_type.starts_with(kNativeMimePrefix)) return ItemKind::kFile;
  if (mime_type == kFolderMimeType) return ItemKind::kFolder;
  if (mime_type == kShortcutMimeType) return ItemKind::kShortcut;
  return ItemKind::kDocument;
}

}  // namespace driveway::drive
