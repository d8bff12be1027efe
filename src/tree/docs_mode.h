// What Google Docs are shown as: --docs. For each type that Drive can export, a link file, a
// `.desktop` file with the URL, or a file of some format that Drive makes when it is opened. The
// types that it cannot export are link files, with kDesktop `.desktop` files.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::tree {

class DocsMode {
 public:
  static const DocsMode kLink;     // "link": one line of JSON, as Drive for desktop has it
  static const DocsMode kExport;   // "export": an Office format, PNG, …
  static const DocsMode kDesktop;  // "desktop": what a desktop opens in the browser

  // Of --docs: one of these words, then or alone any number of TYPE=FORMAT, divided by commas, such
  // as "document=odt,drawing=desktop" or "export,form=link". Without a word the others are links.
  // TYPE: document, spreadsheet, presentation, drawing, script, form, jam; FORMAT: link, desktop or
  // one that Drive makes of it (drive-api reference 8.1). Errors: kInvalidArgument, with the
  // formats.
  static Result<DocsMode> parse(std::string_view text);
  // The same for every spelling: a word alone, or all TYPE=FORMAT that are no links.
  std::string text() const;

  // Of a type without the prefix of native ones ("document"): "link", "desktop", or a format.
  std::string_view format_of(std::string_view type) const;

  friend bool operator==(const DocsMode&, const DocsMode&) = default;

 private:
  // Of the types in the order of docs_mode.cc, then of all others. Texts of docs_mode.cc alone.
  using Formats = std::array<std::string_view, 8>;
  explicit constexpr DocsMode(const Formats& formats) : formats_(formats) {}

  Formats formats_;
};

inline constexpr DocsMode DocsMode::kLink{
    {"link", "link", "link", "link", "link", "link", "link", "link"}};
inline constexpr DocsMode DocsMode::kExport{
    {"docx", "xlsx", "pptx", "png", "json", "link", "pdf", "link"}};
inline constexpr DocsMode DocsMode::kDesktop{
    {"desktop", "desktop", "desktop", "desktop", "desktop", "desktop", "desktop", "desktop"}};

struct ExportFormat {
  std::string_view mime_type;
  std::string_view extension;  // ".docx"
};
// How Drive is asked to make `format` of a type (without prefix). Empty where it cannot.
ExportFormat export_format_of(std::string_view type, std::string_view format);

}  // namespace driveway::tree
