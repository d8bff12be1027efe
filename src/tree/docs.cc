#include "tree/docs.h"

#include <array>

#include "base/strings.h"
#include "drive/mime.h"

namespace driveway::tree {
namespace {

struct DocType {
  std::string_view type;  // behind the prefix of native types
  std::string_view link_extension;
  ExportFormat exported;  // empty: none
};

constexpr std::array<DocType, 11> kTypes = {{
    {"document",
     ".gdoc",
     {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"}},
    {"spreadsheet",
     ".gsheet",
     {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"}},
    {"presentation",
     ".gslides",
     {"application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"}},
    {"drawing", ".gdraw", {"image/png", ".png"}},
    {"script", ".gscript", {"application/vnd.google-apps.script+json", ".json"}},
    {"jam", ".gjam", {"application/pdf", ".pdf"}},
    {"form", ".gform", {}},
    {"site", ".gsite", {}},
    {"map", ".gmap", {}},
    {"vid", ".gvid", {}},
    {"fusiontable", ".gtable", {}},
}};
constexpr std::string_view kOtherExtension = ".glink";

const DocType* find_type(std::string_view mime_type) {
  if (!mime_type.starts_with(drive::kNativeMimePrefix)) return nullptr;
  mime_type.remove_prefix(drive::kNativeMimePrefix.size());
  for (const DocType& type : kTypes) {
    if (type.type == mime_type) return &type;
  }
  return nullptr;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += cat("\\u00", hex(std::string_view(&c, 1)));
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace

std::optional<ExportFormat> export_format(std::string_view mime_type) {
  const DocType* const type = find_type(mime_type);
  if (type == nullptr || type->exported.mime_type.empty()) return std::nullopt;
  return type->exported;
}

std::string_view doc_extension(std::string_view mime_type, DocsMode mode) {
  if (drive::kind_of(mime_type) != drive::ItemKind::kDocument) return {};
  const DocType* const type = find_type(mime_type);
  if (type == nullptr) return kOtherExtension;
  if (mode == DocsMode::kExport && !type->exported.mime_type.empty()) {
    return type->exported.extension;
  }
  return type->link_extension;
}

std::string link_text(const drive::Item& item, std::string_view email) {
  const std::string url = item.web_view_link.empty()
                              ? cat("https://drive.google.com/open?id=", item.id)
                              : item.web_view_link;
  return cat("{\"url\": ", json_string(url), ", \"doc_id\": ", json_string(item.id.value()),
             ", \"resource_key\": ", json_string(item.resource_key),
             ", \"email\": ", json_string(email), "}\n");
}

std::string dangling_text(const drive::Item& shortcut) {
  return cat("This shortcut points to an item that was deleted or that this account may not see.\n",
             "target id: ", shortcut.shortcut ? shortcut.shortcut->target : FileId(), "\n");
}

std::string too_deep_text(const drive::Item& shortcut) {
  return cat("This folder shortcut stands behind too many other folder shortcuts to be followed.\n",
             "target id: ", shortcut.shortcut ? shortcut.shortcut->target : FileId(), "\n");
}

}  // namespace driveway::tree
