#include "tree/docs_mode.h"

#include <algorithm>
#include <span>

#include "base/strings.h"

namespace driveway::tree {
namespace {

struct Format {
  std::string_view name;
  ExportFormat made;
};

constexpr Format kDocuments[] = {
    {"docx", {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"}},
    {"odt", {"application/vnd.oasis.opendocument.text", ".odt"}},
    {"rtf", {"application/rtf", ".rtf"}},
    {"pdf", {"application/pdf", ".pdf"}},
    {"txt", {"text/plain", ".txt"}},
    {"html", {"text/html", ".html"}},
    {"zip", {"application/zip", ".zip"}},
    {"epub", {"application/epub+zip", ".epub"}},
    {"md", {"text/markdown", ".md"}}};
constexpr Format kSpreadsheets[] = {
    {"xlsx", {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"}},
    {"ods", {"application/x-vnd.oasis.opendocument.spreadsheet", ".ods"}},
    {"pdf", {"application/pdf", ".pdf"}},
    {"csv", {"text/csv", ".csv"}},
    {"tsv", {"text/tab-separated-values", ".tsv"}},
    {"zip", {"application/zip", ".zip"}}};
constexpr Format kPresentations[] = {
    {"pptx",
     {"application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"}},
    {"odp", {"application/vnd.oasis.opendocument.presentation", ".odp"}},
    {"pdf", {"application/pdf", ".pdf"}},
    {"txt", {"text/plain", ".txt"}}};
constexpr Format kDrawings[] = {{"png", {"image/png", ".png"}},
                                {"jpg", {"image/jpeg", ".jpg"}},
                                {"jpeg", {"image/jpeg", ".jpeg"}},
                                {"svg", {"image/svg+xml", ".svg"}},
                                {"pdf", {"application/pdf", ".pdf"}}};
constexpr Format kScripts[] = {{"json", {"application/vnd.google-apps.script+json", ".json"}}};
constexpr Format kForms[] = {{"zip", {"application/zip", ".zip"}}};
constexpr Format kJams[] = {{"pdf", {"application/pdf", ".pdf"}}};

struct Type {
  std::string_view name;
  std::span<const Format> formats;
};
constexpr std::array<Type, 7> kTypes = {{{"document", kDocuments},
                                         {"spreadsheet", kSpreadsheets},
                                         {"presentation", kPresentations},
                                         {"drawing", kDrawings},
                                         {"script", kScripts},
                                         {"form", kForms},
                                         {"jam", kJams}}};
constexpr std::string_view kLinkWord = "link";
constexpr std::string_view kDesktopWord = "desktop";

// kTypes.size() for those that cannot be exported.
std::size_t index_of(std::string_view type) {
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                         [&](const Type& each) { return each.name == type; });
  return static_cast<std::size_t>(found - kTypes.begin());
}

const Format* find_format(const Type& type, std::string_view name) {
  const auto found = std::find_if(type.formats.begin(), type.formats.end(),
                                  [&](const Format& each) { return each.name == name; });
  return found == type.formats.end() ? nullptr : &*found;
}

Error no_format(const Type& type, std::string_view asked) {
  std::string list = "link, desktop";
  for (const Format& format : type.formats) list += cat(", ", format.name);
  return {ErrorCode::kInvalidArgument,
          cat("a ", type.name, " cannot be \"", asked, "\", but ", list)};
}

Error no_mode(std::string_view asked) {
  std::string list;
  for (const Type& type : kTypes) list += cat(list.empty() ? "" : ", ", type.name);
  return {ErrorCode::kInvalidArgument,
          cat("\"", asked, "\" is none of link, export, desktop, nor TYPE=FORMAT with one of ",
              list, " as its TYPE")};
}

// The one text of kTypes, or of the two words: formats_ outlives what was parsed.
Result<std::string_view> lasting_format(const Type& type, std::string_view name) {
  if (name == kLinkWord) return kLinkWord;
  if (name == kDesktopWord) return kDesktopWord;
  const Format* const format = find_format(type, name);
  if (format == nullptr) return no_format(type, name);
  return format->name;
}

}  // namespace

Result<DocsMode> DocsMode::parse(std::string_view text) {
  DocsMode mode = kLink;
  bool first = true;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view word = trim(part);
    const auto equals = word.find('=');
    if (first && equals == std::string_view::npos) {
      if (word != kLinkWord && word != "export" && word != kDesktopWord) return no_mode(word);
      if (word != kLinkWord) mode = word == kDesktopWord ? kDesktop : kExport;
    } else {
      const std::size_t index = index_of(word.substr(0, equals));
      if (equals == std::string_view::npos || index == kTypes.size()) return no_mode(word);
      DRIVEWAY_TRY(mode.formats_[index], lasting_format(kTypes[index], word.substr(equals + 1)));
    }
    first = false;
  }
  return mode;
}

std::string DocsMode::text() const {
  if (*this == kLink) return std::string(kLinkWord);
  if (*this == kExport) return "export";
  if (*this == kDesktop) return std::string(kDesktopWord);
  const bool desktop = formats_.back() == kDesktopWord;
  const std::string_view usual = desktop ? kDesktopWord : kLinkWord;
  std::string text(desktop ? kDesktopWord : std::string_view());
  for (std::size_t index = 0; index < kTypes.size(); ++index) {
    if (formats_[index] == usual) continue;
    text += cat(text.empty() ? "" : ",", kTypes[index].name, "=", formats_[index]);
  }
  return text;
}

std::string_view DocsMode::format_of(std::string_view type) const {
  return formats_[index_of(type)];
}

ExportFormat export_format_of(std::string_view type, std::string_view format) {
  const std::size_t index = index_of(type);
  if (index == kTypes.size()) return {};
  const Format* const found = find_format(kTypes[index], format);
  return found == nullptr ? ExportFormat{} : found->made;
}

}  // namespace driveway::tree
