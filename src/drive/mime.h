// Google's MIME types (drive-api reference 8.1).
#pragma once

#include <string_view>

#include "drive/item.h"

namespace driveway::drive {

inline constexpr std::string_view kNativeMimePrefix = "application/vnd.google-apps.";
inline constexpr std::string_view kFolderMimeType = "application/vnd.google-apps.folder";
inline constexpr std::string_view kShortcutMimeType = "application/vnd.google-apps.shortcut";

// Whatever has the prefix and is neither folder nor shortcut is native: no blob.
inline ItemKind kind_of(std::string_view mime_type) {
  if (!mime_type.starts_with(kNativeMimePrefix)) return ItemKind::kFile;
  if (mime_type == kFolderMimeType) return ItemKind::kFolder;
  if (mime_type == kShortcutMimeType) return ItemKind::kShortcut;
  return ItemKind::kDocument;
}

}  // namespace driveway::drive
