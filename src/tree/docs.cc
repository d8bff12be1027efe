#include "tree/docs.h"

#include <array>

#include "base/strings.h"
#include "drive/mime.h"

namespace driveway::tree {
namespace {

struct LinkType {
  std::string_view type;  // behind the prefix of native types
  std::string_view extension;
};

constexpr std::array<LinkType, 11> kLinkTypes = {{{"document", ".gdoc"},
                                                  {"spreadsheet", ".gsheet"},
                                                  {"presentation", ".gslides"},
                                                  {"drawing", ".gdraw"},
                                                  {"script", ".gscript"},
                                                  {"jam", ".gjam"},
                                                  {"form", ".gform"},
                                                  {"site", ".gsite"},
                                                  {"map", ".gmap"},
                                                  {"vid", ".gvid"},
                                                  {"fusiontable", ".gtable"}}};
constexpr std::string_view kOtherExtension = ".glink";
constexpr std::string_view kDesktop = "desktop";

// Behind the prefix of native types; "" for others.
std::string_view native_type(std::string_view mime_type) {
  if (!mime_type.starts_with(drive::kNativeMimePrefix)) return {};
  return mime_type.substr(drive::kNativeMimePrefix.size());
}

std::string url_of(const drive::Item& item) {
  return item.web_view_link.empty() ? cat("https://drive.google.com/open?id=", item.id)
                                    : item.web_view_link;
}

// A value of a desktop entry, where a backslash begins an escape.
std::string entry_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out;
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

std::optional<ExportFormat> export_format(std::string_view mime_type, const DocsMode& mode) {
  const std::string_view type = native_type(mime_type);
  const ExportFormat format = export_format_of(type, mode.format_of(type));
  if (format.mime_type.empty()) return std::nullopt;
  return format;
}

std::string_view doc_extension(std::string_view mime_type, const DocsMode& mode) {
  if (drive::kind_of(mime_type) != drive::ItemKind::kDocument) return {};
  if (const auto format = export_format(mime_type, mode)) return format->extension;
  const std::string_view type = native_type(mime_type);
  if (mode.format_of(type) == kDesktop) return ".desktop";
  for (const LinkType& each : kLinkTypes) {
    if (each.type == type) return each.extension;
  }
  return kOtherExtension;
}

std::string doc_text(const drive::Item& item, std::string_view email, const DocsMode& mode) {
  const std::string url = url_of(item);
  if (mode.format_of(native_type(item.mime_type)) == kDesktop) {
    return cat("[Desktop Entry]\nVersion=1.0\nType=Link\nName=", entry_value(item.name),
               "\nURL=", entry_value(url), "\n");
  }
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
